"""Reading an organization's forwarders, with their lag and refused rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fleet.core.errors import NotFound
from fleet.forward.feed import waiting_since
from fleet.forward.kinds import kinds
from fleet.forward.leaving import KeepReason
from fleet.forward.models import Forwarder, RefusedRow
from fleet.forward.targets import secrets_of
from fleet.organizations.models import Organization
from fleet.stations.models import Station

#: Words for how a forwarder stands.
STATES: Final = ("running", "failing", "paused", "stopped")
KEPT_BACK_WORDS: Final[Mapping[str, Promise]] = {
    KeepReason.CHOICE.value: gettext_lazy("station or series not chosen"),
    KeepReason.DOUBT.value: gettext_lazy("marked as doubtful"),
    KeepReason.PLACE.value: gettext_lazy("the place is not public"),
    KeepReason.LEFT.value: gettext_lazy("the station had left the organization"),
}


@dataclass(frozen=True, slots=True)
class ForwarderState:
    """A forwarder, the address without secrets, and since when the oldest row waits that it has not sent.

    `at_once`: how many rows the receiver takes at once, if these are fewer than usual.
    """

    forwarder: Forwarder
    kind_label: str
    address: str
    waiting_since: datetime | None
    at_once: int | None = None
    has_test: bool = False

    @property
    def state(self) -> str:
        """One word for how it stands: `stopped`, `paused`, `failing` or `running`."""
        if self.forwarder.paused_at is not None:
            return "paused" if self.forwarder.is_fed else "stopped"
        return "running" if self.forwarder.failing_since is None else "failing"

    @property
    def kept_back_why(self) -> list[tuple[str, int]]:
        """Why rows were kept back, as words for people, and how many, the most first."""
        counts = self.forwarder.kept_back_why or {}
        found = [(str(KEPT_BACK_WORDS[why]), count) for why, count in counts.items() if why in KEPT_BACK_WORDS]
        return sorted(found, key=lambda one: -one[1])


def forwarder_query(*, organization: Organization) -> QuerySet[Forwarder]:
    """All forwarders, by name. The caller checks that the organization may be read."""
    return Forwarder.objects.filter(organization=organization).select_related("organization").order_by("name")


def forwarder_states(forwarders: Sequence[Forwarder]) -> list[ForwarderState]:
    """The states of forwarders, in one query."""
    since = waiting_since([one for one in forwarders if one.is_fed])
    return [_state(one, since.get(one.pk)) for one in forwarders]


def forwarder_find(*, organization: Organization, forwarder_id: int) -> Forwarder:
    """One of the organization's forwarders. Raises `NotFound`."""
    found = Forwarder.objects.filter(organization=organization, pk=forwarder_id).select_related("organization").first()
    if found is None:
        raise NotFound(_("%(name)s has no such forwarder.") % {"name": organization.name})
    return found


def forwarder_state(*, forwarder: Forwarder) -> ForwarderState:
    """A forwarder with its address and lag."""
    return forwarder_states([forwarder])[0]


def serials_of(forwarders: Sequence[Forwarder]) -> dict[int, str]:
    """Serials of the chosen stations that are still the organization's, by id, in one query."""
    chosen = {number for one in forwarders for number in one.station_ids}
    owners = {one.organization_id for one in forwarders}
    found = Station.objects.filter(pk__in=chosen, organization__in=owners, deleted_at=None)
    return dict(found.order_by("serial").values_list("pk", "serial"))


def refused_list(*, forwarder: Forwarder) -> QuerySet[RefusedRow]:
    """The refused rows that are set aside, newest first, of stations that are still the organization's."""
    owner = forwarder.organization_id
    ours = RefusedRow.objects.filter(
        Q(series__station__organization_id=owner, series__station__deleted_at=None)
        | Q(station__organization_id=owner, station__deleted_at=None),
        forwarder=forwarder,
    )
    return ours.select_related("series__station", "station").order_by("-pk")


def _state(one: Forwarder, since: datetime | None) -> ForwarderState:
    kind = kinds().get(one.kind)
    if kind is None:
        return ForwarderState(one, one.kind, "", since)
    settings = {setting.name: setting.initial for setting in kind.settings} | one.settings | (secrets_of(one) or {})
    at_once = one.rows_at_once if one.rows_at_once and one.rows_at_once < kind.rows_most else None
    return ForwarderState(one, str(kind.label), kind.shown(settings), since, at_once, kind.test is not None)
