"""Reading an organization's forwarders, with their lag and refused rows."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from fleet.core.errors import NotFound
from fleet.forward.feed import waiting_since
from fleet.forward.kinds import kinds
from fleet.forward.models import Forwarder, RefusedRow
from fleet.forward.targets import secrets_of
from fleet.organizations.models import Organization


@dataclass(frozen=True, slots=True)
class ForwarderState:
    """A forwarder, the address without secrets, and since when the oldest row waits that it has not sent."""

    forwarder: Forwarder
    kind_label: str
    address: str
    waiting_since: datetime | None


def forwarder_list(*, organization: Organization) -> list[ForwarderState]:
    """All forwarders by name, in two queries. The caller checks that the organization may be read."""
    found = list(Forwarder.objects.filter(organization=organization).select_related("organization").order_by("name"))
    since = waiting_since([one for one in found if one.is_fed])
    return [_state(one, since.get(one.pk)) for one in found]


def forwarder_find(*, organization: Organization, forwarder_id: int) -> Forwarder:
    """One of the organization's forwarders. Raises `NotFound`."""
    found = Forwarder.objects.filter(organization=organization, pk=forwarder_id).select_related("organization").first()
    if found is None:
        raise NotFound(_("%(name)s has no such forwarder.") % {"name": organization.name})
    return found


def forwarder_state(*, forwarder: Forwarder) -> ForwarderState:
    """A forwarder with its address and lag."""
    return _state(forwarder, waiting_since([forwarder] if forwarder.is_fed else []).get(forwarder.pk))


def refused_list(*, forwarder: Forwarder) -> QuerySet[RefusedRow]:
    """The refused rows that are set aside, newest first, of stations that are still the organization's."""
    ours = RefusedRow.objects.filter(
        forwarder=forwarder,
        series__station__organization_id=forwarder.organization_id,
        series__station__deleted_at=None,
    )
    return ours.select_related("series__station").order_by("-pk")


def _state(one: Forwarder, since: datetime | None) -> ForwarderState:
    kind = kinds().get(one.kind)
    if kind is None:
        return ForwarderState(one, one.kind, "", since)
    settings = {setting.name: setting.initial for setting in kind.settings} | one.settings | (secrets_of(one) or {})
    return ForwarderState(one, str(kind.label), kind.shown(settings), since)
