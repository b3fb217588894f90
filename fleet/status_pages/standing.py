"""The standing that a status page shows to everybody: how each station or site is now, and its past 90 days.

Places and serials follow the rules of public deployments: a page links to a deployment that is public, which itself
decides what it shows, and names a serial that is public there. Everything else has the name that an owner wrote.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from django.db.models import Q
from psycopg.types.range import Range

from fleet.core.models import Outage
from fleet.core.pulses import INGEST, OUTAGE_FROM, outage_list, pulse_age
from fleet.deployments.models import Deployment
from fleet.stations.contact.hours import ASLEEP, DOWN, HEARD, LATER, MISSING, Hours, hours_of
from fleet.stations.contact.sentences import state_shown
from fleet.stations.models import Station, StationContact
from fleet.status_pages.models import Notice, StatusItem, StatusPage
from fleet.status_pages.selectors import notices_of, status_items

DAYS: Final = 90
#: Maximum stations whose past is read for one page; further items are shown as unknown, with `is_beyond` as the reason.
STATIONS_MOST: Final = 200
UNKNOWN: Final = "unknown"
#: States of stations; a site has the first of these that any of its stations has.
_WORST: Final = ("silent", "late", "on_time", "maintenance", "asleep", "never_seen", UNKNOWN, "retired")
#: States in which something is wrong, and in which nothing can be said.
_TROUBLE: Final = frozenset({"silent"})
_NOTHING_SAID: Final = frozenset({UNKNOWN, "never_seen"})
_HOUR: Final = timedelta(hours=1)


class StatusDay(NamedTuple):
    """One day in UTC: hours of its stations in which data arrived, is missing, was not expected, or Roost was down."""

    day: date
    heard: int
    missing: int
    asleep: int
    down: int

    @property
    def kind(self) -> str:
        """`ok`, `part`, `silent`; where nothing could be missing `down` or `asleep`; `unknown` if there is nothing."""
        if self.heard or self.missing:
            return "ok" if not self.missing else "part" if self.heard else "silent"
        return "down" if self.down else "asleep" if self.asleep else UNKNOWN


@dataclass(frozen=True, slots=True)
class ItemStanding:
    """A station or site as everybody sees it. `stations`: how many stand there; `silent`: how many of them are silent."""

    name: str
    state: str
    last_contact_at: datetime | None
    days: tuple[StatusDay, ...]
    stations: int
    silent: int
    is_beyond: bool = False
    serial: str = ""
    public_id: UUID | None = None

    @property
    def share(self) -> float | None:
        """The share of expected hours in which data arrived, from 0 to 1; None if nothing was expected."""
        heard = sum(day.heard for day in self.days)
        expected = heard + sum(day.missing for day in self.days)
        return heard / expected if expected else None


@dataclass(frozen=True, slots=True)
class Standing:
    """A status page at a moment. `down_since`: Roost itself has not listened since then, so silence means nothing."""

    page: StatusPage
    moment: datetime
    items: tuple[ItemStanding, ...]
    notices: tuple[Notice, ...]
    down_since: datetime | None

    @property
    def open_notices(self) -> tuple[Notice, ...]:
        """Those that are not over."""
        return tuple(one for one in self.notices if one.over_at is None)

    @property
    def silent(self) -> int:
        """How many items are silent."""
        return sum(item.state in _TROUBLE for item in self.items)

    @property
    def state(self) -> str:
        """`trouble`: an item is silent or a notice is open; `unknown`: so is an item, or everything; else `ok`."""
        if self.silent or self.open_notices:
            return "trouble"
        is_unknown = self.down_since is not None or not self.items
        return UNKNOWN if is_unknown or any(item.state in _NOTHING_SAID for item in self.items) else "ok"


class _Stay(NamedTuple):
    """A station at a site, and from when to when."""

    station: Station
    period: Range[datetime]


def standing_of(*, page: StatusPage, moment: datetime) -> Standing:
    """The page at this moment, in a number of queries that does not depend on how much it shows."""
    items = list(status_items(page=page))
    first = _midnight(moment) - timedelta(days=DAYS - 1)
    stays = _stays(items, page, first, moment)
    read, beyond = _within_limit(items, stays)
    down_since = _down_since(moment)
    hours = _hours(read, first, moment, down_since)
    shown = _public_deployments(items, page, moment)
    return Standing(
        page,
        moment,
        tuple(
            _standing(item, stays[item.pk], hours, shown, first, moment, is_down=down_since is not None)
            if item.pk not in beyond
            else ItemStanding(item.name, UNKNOWN, None, (), 0, 0, is_beyond=True)
            for item in items
        ),
        tuple(notices_of(page=page, since=first)),
        down_since,
    )


def _stays(items: Sequence[StatusItem], page: StatusPage, first: datetime, moment: datetime) -> dict[int, list[_Stay]]:
    """The stations of each item with the time in which they count for it: a chosen station always does."""
    always: Range[datetime] = Range(first, None)
    stays = {item.pk: [_Stay(item.station, always)] if item.station is not None else [] for item in items}
    sites = {item.site_id: item.pk for item in items if item.site_id is not None}
    deployments = Deployment.objects.filter(
        site__in=list(sites),
        station__deleted_at=None,
        station__organization=page.organization_id,
        period__overlap=(first, moment),
    )
    for one in deployments.select_related("station__contact").order_by("pk"):
        stays[sites[one.site_id]].append(_Stay(one.station, one.period))
    return stays


def _within_limit(
    items: Iterable[StatusItem], stays: Mapping[int, Sequence[_Stay]]
) -> tuple[dict[int, Station], set[int]]:
    """The stations to be read by id, and the items that are beyond `STATIONS_MOST`."""
    read: dict[int, Station] = {}
    beyond = set()
    for item in items:
        with_it = read | {stay.station.pk: stay.station for stay in stays[item.pk]}
        if len(with_it) > STATIONS_MOST:
            beyond.add(item.pk)
        else:
            read = with_it
    return read, beyond


def _down_since(moment: datetime) -> datetime | None:
    """Since when Roost itself has not listened; None while it does, or if it never has."""
    age = pulse_age(name=INGEST)
    return moment - age if age is not None and age > OUTAGE_FROM else None


def _hours(
    read: Mapping[int, Station], first: datetime, moment: datetime, down_since: datetime | None
) -> dict[int, Hours]:
    outages = outage_list(start=first - timedelta(days=2), end=moment)
    if down_since is not None:
        # It has not ended, so it has no row yet.
        outages.append(Outage(name=INGEST, started_at=down_since, ended_at=moment))
    number = int((moment - first) / _HOUR) + 1
    return hours_of(stations=list(read.values()), moment=moment, hours=number, outages=outages)


def _public_deployments(items: Iterable[StatusItem], page: StatusPage, moment: datetime) -> dict[int, Deployment]:
    """The public deployments of chosen stations at this moment, by station."""
    stations = [item.station_id for item in items if item.station_id is not None]
    found = Deployment.objects.filter(
        Q(period__contains=moment), station__in=stations, is_public=True, site__organization=page.organization_id
    )
    return {one.station_id: one for one in found}


def _standing(
    item: StatusItem,
    stays: Sequence[_Stay],
    hours: Mapping[int, Hours],
    shown: Mapping[int, Deployment],
    first: datetime,
    moment: datetime,
    *,
    is_down: bool,
) -> ItemStanding:
    here = list({stay.station.pk: stay.station for stay in stays if moment in stay.period}.values())
    states = [_state(station, moment, is_down=is_down) for station in here]
    contacts = [getattr(station, "contact", None) for station in here]
    last = [contact.last_contact_at for contact in contacts if contact and contact.last_contact_at]
    deployment = shown.get(item.station_id or 0)
    is_serial_public = deployment is not None and deployment.is_serial_public
    return ItemStanding(
        item.name,
        min(states, key=_WORST.index, default=UNKNOWN),
        max(last, default=None),
        _days(stays, hours, first, moment),
        len(here),
        states.count("silent"),
        serial=item.station.spoken_serial if item.station is not None and is_serial_public else "",
        public_id=deployment.public_id if deployment is not None else None,
    )


def _state(station: Station, moment: datetime, *, is_down: bool) -> str:
    contact: StationContact | None = getattr(station, "contact", None)
    state = state_shown(station, contact, moment)
    # While Roost is down, a deadline that passes says nothing; a station that was silent before still is.
    was_silent = contact is not None and contact.state == StationContact.State.SILENT
    return UNKNOWN if is_down and not was_silent and state in ("on_time", "late", "silent") else state


def _days(
    stays: Iterable[_Stay], hours: Mapping[int, Hours], first: datetime, moment: datetime
) -> tuple[StatusDay, ...]:
    """The hours of all stations by day."""
    number = (_midnight(moment) - first).days + 1
    counts = [dict.fromkeys((HEARD, MISSING, ASLEEP, DOWN), 0) for _ in range(number)]
    for stay in stays:
        known = hours[stay.station.pk]
        for place in range(*_places(stay.period, known)):
            kind = HEARD if known.kinds[place] == LATER else known.kinds[place]
            if kind:
                counts[place // 24][kind] += 1
    return tuple(
        StatusDay(first.date() + timedelta(days=place), told[HEARD], told[MISSING], told[ASLEEP], told[DOWN])
        for place, told in enumerate(counts)
    )


def _places(period: Range[datetime], known: Hours) -> tuple[int, int]:
    """The whole hours of a period, as a range of places in `known.kinds`."""
    number = len(known.kinds)
    begin = 0 if period.lower is None else -((known.start - period.lower) // _HOUR)
    end = number if period.upper is None else (period.upper - known.start) // _HOUR
    return min(max(begin, 0), number), min(max(end, 0), number)


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
