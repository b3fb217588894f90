"""Pauses between the contacts of a station: noted by ingest, and read without those that say nothing about its rhythm.

For each hour of the server's clock, only the longest pause that began in it is kept, for six weeks. So a burst of
messages makes no station look busier than it is between bursts, and a station costs at most 43 rows.
"""

from bisect import bisect_left
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

from django.db import connection

from fleet.core.models import Outage
from fleet.core.pulses import INGEST
from fleet.stations.models import ContactDay, StationDay

#: A shorter pause is part of one contact. It is only noted if it spans the end of an hour, to show that nothing
#: longer began in that hour.
PAUSE_FROM_S: Final = 60.0
#: Older pauses are deleted.
KEPT_FOR: Final = timedelta(days=42)
#: A pause counts if Roost itself was away for at most this part of it.
_AWAY_MOST: Final = 0.1
_HOUR_S: Final = 3_600
_EPOCH: Final = date(1970, 1, 1)

#: Notes pauses that just ended. Parameters: station ids, when they began, their seconds. Pauses of a station
#: in maintenance are not noted: they say nothing about its own rhythm.
PAUSES_SQL: Final = """
INSERT INTO stations_contactday AS t (station_id, day, pauses_s)
SELECT n.id, (n.began AT TIME ZONE 'UTC')::date,
       array_fill(NULL::float8, ARRAY[n.place]) || n.seconds::float8 || array_fill(NULL::float8, ARRAY[23 - n.place])
FROM (
    SELECT id, began, seconds, extract(hour FROM began AT TIME ZONE 'UTC')::int AS place
    FROM unnest(%s::bigint[], %s::timestamptz[], %s::float8[]) AS x(id, began, seconds)
) AS n JOIN stations_station s ON s.id = n.id
WHERE (NOT s.is_in_maintenance OR s.maintenance_until <= n.began)
  AND (s.window_until IS NULL OR s.window_until <= n.began) ORDER BY 1
ON CONFLICT (station_id, day) DO UPDATE SET pauses_s = (
    SELECT array_agg(greatest(a, b) ORDER BY i)
    FROM unnest(t.pauses_s, excluded.pauses_s) WITH ORDINALITY AS pairs(a, b, i)
)
WHERE EXISTS (SELECT 1 FROM unnest(t.pauses_s, excluded.pauses_s) AS pairs(a, b) WHERE b > coalesce(a, -1))
"""


class Pause(NamedTuple):
    """The longest pause that began in an hour: the hour, counted from 1970 UTC, and its seconds."""

    hour: int
    seconds: float


def is_pause(began: datetime, ended: datetime) -> bool:
    """Whether the time between two contacts is noted."""
    seconds = (ended - began).total_seconds()
    return seconds >= PAUSE_FROM_S or (seconds > 0 and _hour(began) != _hour(ended))


def pauses_of(*, station_ids: Collection[int], moment: datetime) -> dict[int, list[Pause]]:
    """The pauses of the last six weeks that count, oldest first, by station id. At most three queries for any number.

    A pause does not count if the station slept by plan during it, or if Roost itself was down for a tenth of it.
    """
    start = moment - KEPT_FOR
    found: dict[int, list[Pause]] = {station_id: [] for station_id in station_ids}
    days = ContactDay.objects.filter(station__in=station_ids, day__gte=start.date()).order_by("station", "day")
    rows = list(days.values_list("station_id", "day", "pauses_s"))
    if not rows:
        return found
    away = _outages(start, moment)
    asleep = _hours_asleep(station_ids, start.date())
    for station_id, day, seconds_by_hour in rows:
        midnight = (day - _EPOCH).days * 24
        for place, seconds in enumerate(seconds_by_hour):
            if seconds is None:
                continue
            pause = Pause(midnight + place, seconds)
            if not away.explain(pause) and not _overlaps(asleep.get(station_id, []), pause):
                found[station_id].append(pause)
    return found


def pauses_prune(*, station_ids: Collection[int], moment: datetime) -> int:
    """Delete pauses of these stations that are too old to learn from; return how many days of them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM stations_contactday WHERE station_id = ANY(%s) AND day < %s",
            [list(station_ids), (moment - KEPT_FOR).date()],
        )
        return int(cursor.rowcount)


class _Outages(NamedTuple):
    """Times in which Roost was not listening, in seconds since 1970, in order and without overlaps."""

    starts: list[float]
    ends: list[float]

    def explain(self, pause: Pause) -> bool:
        """Whether Roost may have been down for too much of this pause. When in its hour it began is not known."""
        first, last = pause.hour * _HOUR_S, (pause.hour + 1) * _HOUR_S + pause.seconds
        away, place = 0.0, bisect_left(self.ends, first)
        while place < len(self.starts) and self.starts[place] < last:
            away += min(self.ends[place], last) - max(self.starts[place], first)
            place += 1
        return away > _AWAY_MOST * pause.seconds


def _outages(start: datetime, end: datetime) -> _Outages:
    starts: list[float] = []
    ends: list[float] = []
    ours = Outage.objects.filter(name=INGEST, ended_at__gt=start, started_at__lt=end).order_by("started_at")
    for began, ended in ours.values_list("started_at", "ended_at"):
        if ends and began.timestamp() <= ends[-1]:
            ends[-1] = max(ends[-1], ended.timestamp())
        else:
            starts.append(began.timestamp())
            ends.append(ended.timestamp())
    return _Outages(starts, ends)


def _hours_asleep(station_ids: Collection[int], start: date) -> dict[int, list[int]]:
    """Hours since 1970 in which stations slept by plan, in order, by station id."""
    days = StationDay.objects.filter(station__in=station_ids, day__gte=start).exclude(asleep=0).order_by("day")
    found: dict[int, list[int]] = {}
    for station_id, day, mask in days.values_list("station_id", "day", "asleep"):
        midnight = (day - _EPOCH).days * 24
        found.setdefault(station_id, []).extend(midnight + bit for bit in range(24) if mask >> bit & 1)
    return found


def _overlaps(hours: list[int], pause: Pause) -> bool:
    place = bisect_left(hours, pause.hour)
    return place < len(hours) and hours[place] * _HOUR_S < (pause.hour + 1) * _HOUR_S + pause.seconds


def _hour(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp() // _HOUR_S)
