"""Disks of many stations: how fast they fill, and in how many days they are full if that goes on."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from statistics import StatisticsError, correlation, linear_regression
from typing import Final

from django.db import connection
from django.utils.translation import ngettext

from fleet.stations.contact.health_marks import DISK, Mark, health_of
from fleet.stations.models import Station

SERIES: Final = "health/disk_percent"
#: Period that is looked at, and least number of days with reports in it.
_DAYS, _DAYS_LEAST = timedelta(days=14), 5
#: A disk that fills by fewer percent a day takes years. If its days correlate less with a line, it is emptied now and
#: then, and nothing can be predicted.
_SLOPE_LEAST, _LINE_LEAST = 0.1, 0.95
#: People are told if a disk is full within so many days.
TOLD_WITHIN_DAYS: Final = 30

# From the hourly roll-ups, series by series, as batteries.
_BY_DAY: Final = """
WITH disks AS MATERIALIZED (
    SELECT id, station_id FROM telemetry_series WHERE station_id = ANY(%(stations)s) AND name = %(name)s
)
SELECT d.station_id, w.day, w.mean FROM disks d CROSS JOIN LATERAL (
    SELECT floor(extract(epoch FROM h.start) / 86400)::int AS day,
           sum(h.sum) / sum(CASE WHEN h.count > h.outside THEN h.count - h.outside ELSE h.count END) AS mean
    FROM telemetry_readinghour h
    WHERE h.series_id = d.id AND h.start >= %(start)s AND h.start < %(end)s AND h.count > 0 GROUP BY 1
) AS w ORDER BY 1, 2
"""


def disk_days(*, stations: Collection[Station], moment: datetime) -> dict[int, int]:
    """Whole days until a disk is full, by station id, if predictable. One query; expects contacts joined."""
    percents = {
        station.pk: health.disk_percent
        for station in stations
        if (health := health_of(getattr(station, "contact", None))) is not None and health.disk_percent is not None
    }
    by_station: dict[int, list[tuple[int, float]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_BY_DAY, {"stations": list(percents), "name": SERIES, "start": moment - _DAYS, "end": moment})
        for station_id, day, mean in cursor.fetchall():
            by_station.setdefault(station_id, []).append((day, mean))
    found = {station_id: days_left(points, percents[station_id]) for station_id, points in by_station.items()}
    return {station_id: days for station_id, days in found.items() if days is not None}


def days_left(points: Sequence[tuple[int, float]], percent: float) -> int | None:
    """Whole days from this percentage to a full disk, by the means of earlier days; None if unpredictable."""
    if len(points) < _DAYS_LEAST:
        return None
    days, means = [day for day, _mean in points], [mean for _day, mean in points]
    try:
        slope, line = linear_regression(days, means).slope, correlation(days, means)
    except StatisticsError:
        # All means are the same.
        return None
    if slope < _SLOPE_LEAST or line < _LINE_LEAST:
        return None
    return round((100.0 - min(percent, 100.0)) / slope)


def disk_mark(days: int | None, percent: float | None) -> Mark | None:
    """The mark for people; None if the disk is nearly full already, which has its own mark, or is not full for long."""
    if days is None or days > TOLD_WITHIN_DAYS or percent is None or DISK.is_bad(percent):
        return None
    word = ngettext("disk full in %(n)d day", "disk full in %(n)d days", days) % {"n": days}
    return Mark(word, is_bad=False, series=SERIES)
