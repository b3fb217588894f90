"""How much of its quota of stored bytes an organization uses, counting what is on its way."""

from dataclasses import dataclass

from django.conf import settings
from django.db.models import Sum

from fleet.files.store.models import StoreAccount, Upload

#: From this share on, a page says that the quota is nearly full.
NEAR = 0.8


@dataclass(frozen=True, slots=True)
class StoreUse:
    """Bytes and files. `coming`: the whole length of uploads that are not over."""

    files: int
    octets: int
    coming: int
    quota: int

    @property
    def is_full(self) -> bool:
        """Whether no further byte is taken."""
        return self.octets + self.coming >= self.quota

    @property
    def is_near(self) -> bool:
        """Whether little is left."""
        return self.octets + self.coming >= NEAR * self.quota


def store_use(*, organization_id: int) -> StoreUse:
    """The bytes that the organization uses now, and its quota: its own, or else the server's."""
    account = StoreAccount.objects.filter(organization_id=organization_id).first()
    coming = Upload.objects.filter(station__organization_id=organization_id, state=Upload.State.OPEN)
    own = account.quota_octets if account else None
    return StoreUse(
        files=account.files if account else 0,
        octets=account.octets if account else 0,
        coming=coming.aggregate(total=Sum("octets"))["total"] or 0,
        quota=settings.ROOST_FILES_QUOTA_BYTES if own is None else own,
    )
