"""The facts of a digest: incidents of its period, stations that need attention, and how much of the data has arrived.

The number of queries does not depend on the number of stations and incidents.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Q, QuerySet

from fleet.alerts.attention import attention_list, fleet_list
from fleet.alerts.models import Incident
from fleet.alerts.selectors import incident_list
from fleet.organizations.access import Viewer
from fleet.organizations.models import Organization
from fleet.stations.models import Station
from fleet.telemetry.completeness import CompletenessReport

#: Maximum incidents or stations that each list names; for the rest, the digest gives the number.
NAMED_MOST: Final = 20


@dataclass(frozen=True, slots=True)
class Some:
    """The first few of a number of things."""

    first: tuple[Any, ...]
    number: int

    @property
    def more(self) -> int:
        """How many are not named."""
        return self.number - len(self.first)


@dataclass(frozen=True, slots=True)
class MessageCounts:
    """Messages of all stations at a moment: arrived, still on stations, lost; and the share that arrived, 0 to 100."""

    received: int
    on_station: int
    lost: int
    percent: float | None = None


@dataclass(frozen=True, slots=True)
class DigestFacts:
    """The facts of one period. `opened` counts all that opened; they are named under `ended` and `going_on`."""

    start: datetime
    end: datetime
    opened: int
    ended: Some
    going_on: Some
    needing: Some
    now: MessageCounts
    before: MessageCounts | None


def facts_of(
    *, viewer: Viewer, organization: Organization, start: datetime, end: datetime, counted: dict[str, Any]
) -> DigestFacts:
    """The facts between two moments, as this viewer may know them. `counted`: the counts of the previous digest."""
    incidents = incident_list(viewer=viewer).filter(organization=organization)
    going_on = incidents.filter(Q(closed_at=None) | Q(closed_at__gte=end), opened_at__lt=end)
    ended = incidents.filter(closed_at__gte=start, closed_at__lt=end)
    stations = attention_list(fleet_list(viewer=viewer, organization=organization.slug))
    return DigestFacts(
        start=start,
        end=end,
        opened=incidents.filter(opened_at__gte=start, opened_at__lt=end).count(),
        ended=_some(ended.order_by("-closed_at", "-pk")),
        going_on=_some(going_on.order_by("began_at", "pk")),
        needing=_some(stations),
        now=_counted(viewer, organization),
        before=MessageCounts(**counted) if counted else None,
    )


def counted_now(*, viewer: Viewer, organization: Organization) -> dict[str, Any]:
    """The numbers of messages now, as the next digest needs them."""
    return asdict(_counted(viewer, organization))


def _some(found: QuerySet[Incident] | QuerySet[Station]) -> Some:
    return Some(tuple(found[:NAMED_MOST]), found.order_by().count())


def _counted(viewer: Viewer, organization: Organization) -> MessageCounts:
    totals = CompletenessReport(viewer=viewer, organization=organization.slug).totals()
    return MessageCounts(totals.received, totals.on_station, totals.lost, totals.percent)
