"""Hours for which stations have data of any kind: only in these does the absence of detections mean anything."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time

from fleet.stations.models import StationDay
from fleet.telemetry.heard.question import HOUR, Parts


def hours_covered(*, station_ids: Sequence[int], start: datetime, end: datetime) -> dict[int, set[datetime]]:
    """The hours from `start` up to `end` that each station has data for; one row per station and day is read."""
    found: dict[int, set[datetime]] = {number: set() for number in station_ids}
    for station_id, midnight, heard in _days(station_ids, start, end):
        hours = (midnight + bit * HOUR for bit in range(24) if heard >> bit & 1)
        found[station_id].update(hour for hour in hours if start <= hour < end)
    return found


def parts_covered(*, station_ids: Sequence[int], parts: Parts) -> dict[int, set[int]]:
    """The numbers of the parts of a time that each station has data for."""
    found: dict[int, set[int]] = {number: set() for number in station_ids}
    for station_id, midnight, heard in _days(station_ids, parts.start, parts.end):
        bits = [bit for bit in range(24) if heard >> bit & 1]
        # If parts are at least as long as a day, the day touches at most two of them.
        some = bits if parts.step < 24 * HOUR else (bits[0], bits[-1])
        found[station_id].update(parts.place(midnight + bit * HOUR) for bit in some)
    return found


def _days(station_ids: Sequence[int], start: datetime, end: datetime) -> Iterator[tuple[int, datetime, int]]:
    days = StationDay.objects.filter(station__in=station_ids, day__gte=start.date(), day__lte=end.date()).exclude(
        heard=0
    )
    for station_id, day, heard in days.values_list("station_id", "day", "heard"):
        yield station_id, datetime.combine(day, time(), UTC), heard
