"""Hours of stations: whether data of an hour arrived, came later, is missing, or was not expected."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from statistics import median_low
from typing import Any, Final, NamedTuple

from django.db import connection

from fleet.core.models import Outage
from fleet.core.pulses import outage_list
from fleet.stations.contact.deadlines import interval_of
from fleet.stations.contact.sentences import state_shown
from fleet.stations.models import Station, StationContact, StationDay

HEARD: Final = "heard"
LATER: Final = "later"
MISSING: Final = "missing"
ASLEEP: Final = "asleep"
#: Nothing arrived, but Roost itself was not listening.
DOWN: Final = "down"
#: Nothing can be expected yet, or any longer.
NOTHING: Final = ""

_HOUR = timedelta(hours=1)
#: Roost must have been down for this much of an hour to count as the reason that nothing arrived.
_DOWN_FROM = timedelta(minutes=10)
#: A planned sleep is noted at most this far ahead.
_PLANNED_MOST = timedelta(days=400)
#: How many steps from one hour with data to the next it takes to learn a station's pace; the slowest pace, in hours.
_STEPS_LEAST, _STEP_MOST = 3, 24
#: A gap of up to this many usual steps belongs to the station's pace: nothing is missing.
_STEPS_BRIDGED = 1.5
_BEFORE = int(_STEP_MOST * _STEPS_BRIDGED)

#: Notes hours with data. Parameters: receipt; series ids and hours; station ids and hours (hours since 2000 UTC). An
#: hour counts as late if its first data came more than an hour after its end, or 1.5 of the station's intervals if that
#: is longer.
HEARD_SQL: Final = """
INSERT INTO stations_stationday AS t (station_id, day, heard, late)
SELECT station_id, date '2000-01-01' + (hour / 24), bit_or(1 << (hour %% 24)),
       bit_or(CASE WHEN is_late THEN 1 << (hour %% 24) ELSE 0 END)
FROM (
    SELECT n.station_id, n.hour, %s::timestamptz > timestamptz '2000-01-01 00:00:00+00' + (n.hour + 1) * interval '1 hour'
           + greatest(coalesce(c.announced_interval_s, s.operator_interval_s, 0) * 1.5, 3600) * interval '1 second' AS is_late
    FROM (
        SELECT x.station_id, r.hour FROM unnest(%s::bigint[], %s::int[]) AS r(series_id, hour)
        JOIN telemetry_series x ON x.id = r.series_id
        UNION SELECT * FROM unnest(%s::bigint[], %s::int[]) AS d(station_id, hour)
    ) AS n JOIN stations_station s ON s.id = n.station_id LEFT JOIN stations_stationcontact c ON c.station_id = s.id
    WHERE n.hour >= 0
) AS hours GROUP BY 1, 2 ORDER BY 1, 2
ON CONFLICT (station_id, day) DO UPDATE SET heard = t.heard | excluded.heard,
    late = t.late | (excluded.late & ~t.heard)
WHERE t.heard <> t.heard | excluded.heard
"""

#: Notes the whole hours in which a station will be quiet. Parameters: station, start, end.
ASLEEP_SQL: Final = """
INSERT INTO stations_stationday AS t (station_id, day, asleep)
SELECT %s::bigint, (hour AT TIME ZONE 'UTC')::date, bit_or(1 << extract(hour FROM hour AT TIME ZONE 'UTC')::int)
FROM generate_series(date_trunc('hour', %s::timestamptz, 'UTC') + interval '1 hour',
                     %s::timestamptz - interval '1 hour', interval '1 hour') AS hour
GROUP BY 2 ORDER BY 2
ON CONFLICT (station_id, day) DO UPDATE SET asleep = t.asleep | excluded.asleep
WHERE t.asleep <> t.asleep | excluded.asleep
"""

#: The same for several stations, each until its last planned end. Parameters: start, latest end, stations.
_ASLEEP_MANY: Final = """
INSERT INTO stations_stationday AS t (station_id, day, asleep)
SELECT s.id, (hour AT TIME ZONE 'UTC')::date, bit_or(1 << extract(hour FROM hour AT TIME ZONE 'UTC')::int)
FROM stations_station s CROSS JOIN LATERAL generate_series(
    date_trunc('hour', %(start)s::timestamptz, 'UTC') + interval '1 hour',
    least(greatest(s.asleep_until, s.maintenance_until, s.window_until), %(latest)s::timestamptz) - interval '1 hour',
    interval '1 hour') AS hour
WHERE s.id = ANY(%(stations)s::bigint[])
  AND greatest(s.asleep_until, s.maintenance_until, s.window_until) > %(start)s
GROUP BY 1, 2 ORDER BY 1, 2
ON CONFLICT (station_id, day) DO UPDATE SET asleep = t.asleep | excluded.asleep
WHERE t.asleep <> t.asleep | excluded.asleep
"""

_AWAKE = """
UPDATE stations_stationday SET asleep = CASE WHEN day > %(day)s THEN 0 ELSE asleep & %(before)s END
WHERE station_id = ANY(%(stations)s) AND day >= %(day)s AND asleep <> 0
"""


def heard_later_sql(rows: str) -> str:
    """SQL that notes hours whose data came later; `rows` is a query for stations and moments (`station_id`, `at`)."""
    return (
        "INSERT INTO stations_stationday AS t (station_id, day, heard, late) "  # noqa: S608 - our own SQL
        "SELECT station_id, (at AT TIME ZONE 'UTC')::date, bit_or(1 << extract(hour FROM at AT TIME ZONE 'UTC')::int), "
        "bit_or(1 << extract(hour FROM at AT TIME ZONE 'UTC')::int) "
        f"FROM ({rows}) AS rows GROUP BY 1, 2 ORDER BY 1, 2 "
        "ON CONFLICT (station_id, day) DO UPDATE SET heard = t.heard | excluded.heard, "
        "late = t.late | (excluded.late & ~t.heard) WHERE t.heard <> t.heard | excluded.heard"
    )


class HourStretch(NamedTuple):
    """Consecutive hours of one kind: the place of the first, and how many."""

    kind: str
    first: int
    hours: int


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours of one station from `start`, each with its kind; the last one is still running."""

    start: datetime
    kinds: tuple[str, ...]

    def count(self, kind: str) -> int:
        """How many hours are of this kind."""
        return self.kinds.count(kind)

    def stretches(self) -> list[HourStretch]:
        """Consecutive hours of one kind, combined; without those in which nothing was expected."""
        found: list[HourStretch] = []
        for place, kind in enumerate(self.kinds):
            if found and found[-1].kind == kind:
                found[-1] = found[-1]._replace(hours=found[-1].hours + 1)
            else:
                found.append(HourStretch(kind, place, 1))
        return [stretch for stretch in found if stretch.kind]


class _Bits(NamedTuple):
    """Hours of one station, counted from the first hour that was asked for."""

    heard: set[int]
    late: set[int]
    asleep: set[int]


def hours_of(
    *, stations: Collection[Station], moment: datetime, hours: int, outages: Iterable[Outage] | None = None
) -> dict[int, Hours]:
    """The hours up to the running one, by station id. At most two queries, if the stations have their contacts joined.

    `outages`: Roost's own outages in that time, if they are known already.
    """
    # Read from a little earlier, because whether hours are a gap also depends on when data last came before.
    start = _hour(moment) - (hours + _BEFORE - 1) * _HOUR
    days = StationDay.objects.filter(
        station__in=[s.pk for s in stations], day__gte=start.date(), day__lte=moment.date()
    )
    rows: dict[int, list[tuple[date, int, int, int]]] = {}
    for station_id, day, heard, late, asleep in days.values_list("station_id", "day", "heard", "late", "asleep"):
        rows.setdefault(station_id, []).append((day, heard, late, asleep))
    if outages is None:
        outages = outage_list(start=start, end=moment)
    down = _hours_down(outages, start, hours + _BEFORE)
    found = {}
    for station in stations:
        bits = _bits(rows.get(station.pk, ()), start, hours + _BEFORE)
        kinds = _kinds(station, bits, down, start, moment, hours + _BEFORE)
        found[station.pk] = Hours(start + _BEFORE * _HOUR, kinds[_BEFORE:])
    return found


def planned_quiet_note(*, station: Station, moment: datetime, was_planned: bool) -> None:
    """Note until when no data is expected, because of planned sleep or maintenance. An earlier plan is taken back."""
    with connection.cursor() as cursor:
        if was_planned:
            cursor.execute(_AWAKE, _awake([station.pk], moment))
        planned = (station.asleep_until, station.maintenance_until, station.window_until)
        ends = [end for end in planned if end is not None]
        if ends and max(ends) > moment:
            cursor.execute(ASLEEP_SQL, [station.pk, moment, min(max(ends), moment + _PLANNED_MOST)])


def planned_quiet_note_many(*, station_ids: Collection[int], moment: datetime) -> None:
    """Note the same for several stations, as their rows say now. Two queries for any number of them."""
    if not station_ids:
        return
    stations = list(station_ids)
    with connection.cursor() as cursor:
        cursor.execute(_AWAKE, _awake(stations, moment))
        cursor.execute(_ASLEEP_MANY, {"start": moment, "latest": moment + _PLANNED_MOST, "stations": stations})


def _awake(station_ids: list[int], moment: datetime) -> dict[str, Any]:
    utc = moment.astimezone(UTC)
    return {"stations": station_ids, "day": utc.date(), "before": (1 << utc.hour + 1) - 1}


def _kinds(
    station: Station, bits: _Bits, down: set[int], start: datetime, moment: datetime, hours: int
) -> tuple[str, ...]:
    """The kind of each hour."""
    contact: StationContact | None = getattr(station, "contact", None)
    state = state_shown(station, contact, moment)
    kinds = [
        HEARD if place in bits.heard - bits.late else LATER if place in bits.heard else NOTHING
        for place in range(hours)
    ]
    begin = _begin(contact, bits, start)
    if begin is None:
        return tuple(kinds)
    end = hours - 1 if station.retired_at is None else min(int((station.retired_at - start) / _HOUR), hours - 1)
    bridged = int(_STEPS_BRIDGED * _step(station, contact, bits))
    known = sorted(bits.heard)
    for before, after in pairwise(known):
        if after - before <= bridged:
            kinds[before + 1 : after] = [kinds[after]] * (after - before - 1)
    last = known[-1] if known else begin - 1
    for place in range(begin, end):
        if not kinds[place]:
            is_due = place < last or state == "silent" or end - last > bridged
            is_quiet = place in bits.asleep or (place > last and state in ("asleep", "maintenance"))
            kinds[place] = ASLEEP if is_quiet else DOWN if place in down else MISSING if is_due else NOTHING
    return tuple(kinds)


def _begin(contact: StationContact | None, bits: _Bits, start: datetime) -> int | None:
    """The first hour in which data can be expected: that of the first contact, or of older data that came with it."""
    places = list(bits.heard)
    if contact is not None and contact.first_contact_at is not None:
        places.append(int((_hour(contact.first_contact_at) - start) / _HOUR))
    return max(min(places), 0) if places else None


def _step(station: Station, contact: StationContact | None, bits: _Bits) -> int:
    """Usual hours from one hour with data to the next: as seen, or with too little data from the reporting interval."""
    steps = [after - before for before, after in pairwise(sorted(bits.heard))]
    if len(steps) >= _STEPS_LEAST:
        step = int(median_low(steps))
    else:
        step = round(interval_of(station, contact) / 3_600) if contact is not None else 1
    return min(max(step, 1), _STEP_MOST)


def _bits(rows: Iterable[tuple[date, int, int, int]], start: datetime, hours: int) -> _Bits:
    found = _Bits(set(), set(), set())
    for day, *masks in rows:
        midnight = int((datetime(day.year, day.month, day.day, tzinfo=UTC) - start) / _HOUR)
        for mask, places in zip(masks, found, strict=True):
            places.update(midnight + bit for bit in range(24) if mask >> bit & 1 and 0 <= midnight + bit < hours)
    return found


def _hours_down(outages: Iterable[Outage], start: datetime, hours: int) -> set[int]:
    """Hours in which Roost itself was away for long enough."""
    away: dict[int, timedelta] = {}
    for outage in outages:
        first = max(int((outage.started_at - start) / _HOUR), 0)
        last = min(int((outage.ended_at - start) / _HOUR), hours - 1)
        for place in range(first, last + 1):
            hour = start + place * _HOUR
            here = min(outage.ended_at, hour + _HOUR) - max(outage.started_at, hour)
            away[place] = away.get(place, timedelta()) + here
    return {place for place, length in away.items() if length >= _DOWN_FROM}


def _hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
