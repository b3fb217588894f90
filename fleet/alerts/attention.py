"""Which stations need attention, worst first: the silent, the late, and those with an open incident."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Case, Count, Exists, F, IntegerField, OuterRef, Q, QuerySet, Value, When
from django.utils.translation import gettext as _

from fleet.alerts.models import Incident
from fleet.alerts.rules.silence import NAME as SILENCE
from fleet.core.errors import InvalidInput
from fleet.organizations.access import Viewer
from fleet.stations.contact.sentences import state_word
from fleet.stations.models import Station
from fleet.stations.selectors import SHOWN_STATES, station_list

#: A station that reports on time and has an open incident.
CHECK: Final = "check"
#: The states of stations as people see them, most urgent first.
STATES: Final = ("silent", "late", CHECK, "never_seen", "on_time", "asleep", "maintenance", "retired")
#: Asks for all stations that need attention, whatever their state.
ATTENTION: Final = "attention"
#: States in which everything is as it should be.
FINE: Final = ("on_time", "asleep")
_RANK: Final = {state: rank for rank, state in enumerate(SHOWN_STATES)}
#: Incidents are read up to this number, for the stations of one page.
_INCIDENTS_MOST = 500


def fleet_state_word(state: str) -> str:
    """A state of `STATES` as shown to people."""
    return _("check") if state == CHECK else state_word(state)


@dataclass(frozen=True, slots=True)
class FleetTotals:
    """Numbers of stations: by state, and of those in service how many need attention."""

    states: dict[str, int]
    needing: int

    @property
    def total(self) -> int:
        """Stations in service."""
        return sum(number for state, number in self.states.items() if state != "retired")

    @property
    def fine(self) -> int:
        """Stations with nothing wrong."""
        return sum(self.states[state] for state in FINE)

    @property
    def heard(self) -> int:
        """Stations in service that have been heard at least once, or whose silence is planned."""
        return self.total - self.states["never_seen"]

    def of(self, state: str) -> int:
        """The number of stations that `fleet_narrow` keeps for this state."""
        if state == ATTENTION:
            return self.needing
        return self.states[state] if state else self.total


def fleet_list(*, viewer: Viewer, sort: str = "", **filters: Any) -> QuerySet[Station]:
    """The stations of `station_list` in every state, with its filters and annotations.

    Further annotations: `fleet_rank`, the place of the state in `STATES` (see `fleet_state`), and `needs_attention`, 1
    or 0. `sort` may also be `battery`.
    """
    key = sort.removeprefix("-")
    is_ours = key in ("", "state", "battery")
    stations = station_list(viewer=viewer, state=SHOWN_STATES, sort="" if is_ours else sort, **filters)
    opened = Incident.objects.filter(station=OuterRef("pk"), closed_at=None).exclude(rule=SILENCE)
    # By the rank and not by the word, so that the database computes the state of a row as rarely as possible.
    stations = stations.annotate(has_incident=Exists(opened)).annotate(
        fleet_rank=Case(
            When(state_rank__lt=_RANK["never_seen"], then=F("state_rank")),
            When(state_rank=_RANK["on_time"], has_incident=True, then=Value(STATES.index(CHECK))),
            default=F("state_rank") + 1,
            output_field=IntegerField(),
        ),
        needs_attention=Case(
            When(state_rank__lt=_RANK["never_seen"], then=Value(1)),
            When(state_rank__lt=_RANK["maintenance"], has_incident=True, then=Value(1)),
            default=Value(0),
            output_field=IntegerField(),
        ),
    )
    if not is_ours:
        return stations
    column = F("contact__health__battery_v" if key == "battery" else "fleet_rank")
    ordered = column.desc(nulls_last=True) if sort.startswith("-") else column.asc(nulls_last=True)
    return stations.order_by(ordered, "name", "serial")


def fleet_state(station: Station) -> str:
    """The state of a station of `fleet_list`."""
    return STATES[getattr(station, "fleet_rank", STATES.index("never_seen"))]


def fleet_narrow(stations: QuerySet[Station], state: str) -> QuerySet[Station]:
    """The stations of `fleet_list` in one state, or those that need attention; by default all in service."""
    if not state:
        return stations.filter(Q(fleet_rank__lt=STATES.index("retired")))
    if state == ATTENTION:
        return stations.filter(Q(needs_attention=1))
    if state not in STATES:
        raise InvalidInput(
            _("There is no state %(state)s: use one of %(states)s.")
            % {"state": repr(state[:40]), "states": ", ".join((*STATES, ATTENTION))},
            field="state",
        )
    return stations.filter(Q(fleet_rank=STATES.index(state)))


def fleet_totals(stations: QuerySet[Station]) -> FleetTotals:
    """Count the stations of `fleet_list`; one query."""
    counted = (
        stations.order_by()
        .values(rank=F("fleet_rank"))
        .annotate(stations=Count("pk"), needing=Count("pk", filter=Q(needs_attention=1)))
        .values_list("rank", "stations", "needing")
    )
    states, needing = dict.fromkeys(STATES, 0), 0
    for rank, number, some in counted:
        states[STATES[rank]] = number
        needing += some
    return FleetTotals(states, needing)


def attention_list(stations: QuerySet[Station]) -> QuerySet[Station]:
    """Stations of `fleet_list` that need attention: silent ones first, and among them the longest silent."""
    return stations.filter(Q(needs_attention=1)).order_by(F("fleet_rank"), "contact__last_contact_at", "serial")


def incidents_by_station(*, stations: Collection[Station]) -> dict[int, list[Incident]]:
    """The open incidents of these stations by station id, the oldest first. One query."""
    found: dict[int, list[Incident]] = {}
    opened = Incident.objects.filter(station__in=[station.pk for station in stations], closed_at=None)
    for incident in opened.order_by("opened_at", "pk")[:_INCIDENTS_MOST]:
        found.setdefault(incident.station_id, []).append(incident)
    return found
