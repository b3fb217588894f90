"""Use of an organization's quota of stored bytes, including uploads under way."""

from dataclasses import dataclass

from django.conf import settings
from django.db.models import Sum

from fleet.files.store.models import StoreAccount, Upload

#: From this share on, a page says that the quota is nearly full.
NEAR = 0.8


@dataclass(frozen=True, slots=True)
class StoreUse:
    """Files, their bytes, and the quota. `coming`: total length of open uploads."""

    files: int
    octets: int
    coming: int
    quota: int

    @property
    def is_full(self) -> bool:
        """Whether the quota is used up."""
        return self.octets + self.coming >= self.quota

    @property
    def is_near(self) -> bool:
        """Whether the quota is nearly used up."""
        return self.octets + self.coming >= NEAR * self.quota


def store_use(*, organization_id: int) -> StoreUse:
    """Files and bytes of the organization now, and its quota: its own, or else the server's."""
    account = StoreAccount.objects.filter(organization_id=organization_id).first()
    coming = Upload.objects.filter(station__organization_id=organization_id, state=Upload.State.OPEN)
    own = account.quota_octets if account else None
    return StoreUse(
        files=account.files if account else 0,
        octets=account.octets if account else 0,
        coming=coming.aggregate(total=Sum("octets"))["total"] or 0,
        quota=settings.ROOST_FILES_QUOTA_BYTES if own is None else own,
    )
