"""GPS history of a station: its fixes one by one, and its track with few enough points for a map."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from fleet.stations.models import Station
from fleet.telemetry.models import Position, Suspicion
from fleet.telemetry.selectors import range_check

#: Points of a track: more than a map can show separately.
TRACK_MAXIMUM = 500
#: Fixes that an export reads per query.
_PIECE = 1_000
#: A fix with one of these flags has no reliable time, so it is left out of tracks.
_TIMELESS = int(Suspicion.EPOCH | Suspicion.FUTURE)

# One index probe per bucket, however many fixes it contains. If a bucket begins with attempts that got no fix, the
# probe walks past them.
_TRACK = """
SELECT found.occurred_at, found.latitude, found.longitude
FROM generate_series(0, %(points)s - 1) AS bucket(n), LATERAL (
    SELECT occurred_at, latitude, longitude FROM telemetry_position p
    WHERE p.station_id = %(station)s
      AND p.occurred_at >= %(start)s::timestamptz + bucket.n * %(width)s::interval
      AND p.occurred_at < %(start)s::timestamptz + (bucket.n + 1) * %(width)s::interval
      AND p.latitude IS NOT NULL AND p.longitude IS NOT NULL AND (p.flags & %(timeless)s) = 0
    ORDER BY p.occurred_at LIMIT 1
) AS found
ORDER BY found.occurred_at
"""


@dataclass(frozen=True, slots=True)
class PositionCursor:
    """Position of one fix in its station's order: the next page begins after it."""

    occurred_at: datetime
    line: int
    source: str


@dataclass(frozen=True, slots=True)
class TrackPoint:
    """One point of a track: station's clock, degrees WGS 84."""

    at: datetime
    latitude: float
    longitude: float


def position_list(
    *,
    station: Station,
    start: datetime,
    end: datetime,
    has_fix: bool | None = None,
    after: PositionCursor | None = None,
    limit: int = 100,
    newest_first: bool = False,
) -> list[Position]:
    """At most `limit` fixes from `start` up to but excluding `end`; if a cursor is given, those after it.

    `has_fix` True leaves out attempts that found no position, False returns only these.
    """
    range_check(start=start, end=end)
    rows = Position.objects.filter(station=station, occurred_at__gte=start, occurred_at__lt=end)
    if has_fix is not None:
        rows = rows.filter(latitude__isnull=not has_fix)
    if after is not None:
        place = (station.pk, after.occurred_at, after.line, after.source)
        rows = rows.filter(pk__lt=place) if newest_first else rows.filter(pk__gt=place)
    order = ("occurred_at", "line", "source")
    ordered = rows.order_by(*(f"-{column}" for column in order)) if newest_first else rows.order_by(*order)
    return list(ordered[:limit])


def position_export(*, station: Station, start: datetime, end: datetime) -> Iterator[Position]:
    """All fixes and failed attempts from `start` up to `end`, oldest first, read piece by piece."""
    after: PositionCursor | None = None
    while found := position_list(station=station, start=start, end=end, after=after, limit=_PIECE):
        yield from found
        last = found[-1]
        after = PositionCursor(last.occurred_at, last.line, last.source)


def position_track(*, station: Station, start: datetime, end: datetime) -> list[TrackPoint]:
    """The first believable fix of each of `TRACK_MAXIMUM` equal parts of the span, oldest first."""
    range_check(start=start, end=end)
    parameters: dict[str, Any] = {
        "station": station.pk,
        "start": start,
        "width": (end - start) / TRACK_MAXIMUM,
        "points": TRACK_MAXIMUM,
        "timeless": _TIMELESS,
    }
    with connection.cursor() as cursor:
        cursor.execute(_TRACK, parameters)
        return [TrackPoint(*row) for row in cursor.fetchall()]


def position_newest_at(*, station: Station, until: datetime) -> datetime | None:
    """The moment of the newest fix or attempt up to and including `until`."""
    rows = Position.objects.filter(station=station, occurred_at__lte=until)
    return rows.order_by("-occurred_at").values_list("occurred_at", flat=True).first()
