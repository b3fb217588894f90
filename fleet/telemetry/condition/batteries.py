"""Batteries of many stations in the last week, for small drawings, and whether they are falling."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from fleet.stations.contact.health_marks import health_of
from fleet.stations.models import Station

SERIES: Final = "health/battery_v"
#: A week in steps of six hours, so that day and night can be told apart.
STEPS, STEP = 28, timedelta(hours=6)
#: A battery falls or rises if it differs by this many volts from the same time of the day before.
_CHANGE_V = 0.15
_DAY_STEPS = 4

# From the hourly roll-ups. The newest hour is often not rolled up yet; its value is in the contact. LATERAL goes series
# by series, because otherwise the database would read the hours of all stations.
_WEEKS = """
WITH batteries AS MATERIALIZED (
    SELECT id, station_id FROM telemetry_series WHERE station_id = ANY(%(stations)s) AND name = %(name)s
)
SELECT b.station_id, w.step, w.mean FROM batteries b CROSS JOIN LATERAL (
    SELECT floor(extract(epoch FROM h.start - %(start)s::timestamptz) / %(step)s)::int AS step,
           sum(h.sum) / nullif(sum(CASE WHEN h.count > h.outside THEN h.count - h.outside ELSE h.count END), 0) AS mean
    FROM telemetry_readinghour h WHERE h.series_id = b.id AND h.start >= %(start)s AND h.start < %(end)s GROUP BY 1
) AS w
"""


@dataclass(frozen=True, slots=True)
class BatteryWeek:
    """A battery in volts: the last report, and the mean of each step of the week; None where unknown."""

    newest: float | None
    steps: tuple[float | None, ...]

    @property
    def change_v(self) -> float | None:
        """Difference in volts between the last report and the same time a day earlier; None if unknown."""
        known = [place for place, value in enumerate(self.steps) if value is not None]
        before = self.steps[known[-1] - _DAY_STEPS] if known and known[-1] >= _DAY_STEPS else None
        last = self.newest if self.newest is not None else self.steps[known[-1]] if known else None
        return None if last is None or before is None else last - before

    @property
    def is_falling(self) -> bool:
        """Whether it is clearly lower than a day before."""
        return self.change_v is not None and self.change_v <= -_CHANGE_V


def battery_weeks(*, stations: Collection[Station], moment: datetime) -> dict[int, BatteryWeek]:
    """The batteries by station id, of those stations that have one. One query; expects contacts joined."""
    start = moment - STEPS * STEP
    steps: dict[int, list[float | None]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            _WEEKS,
            {
                "stations": [station.pk for station in stations],
                "name": SERIES,
                "start": start,
                "end": moment,
                "step": STEP.total_seconds(),
            },
        )
        for station_id, step, mean in cursor.fetchall():
            steps.setdefault(station_id, [None] * STEPS)[min(step, STEPS - 1)] = mean
    found = {}
    for station in stations:
        health = health_of(getattr(station, "contact", None))
        newest = health.battery_v if health else None
        if newest is not None or station.pk in steps:
            found[station.pk] = BatteryWeek(newest, tuple(steps.get(station.pk, ())))
    return found
