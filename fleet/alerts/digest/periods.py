"""When digests end, on the reader's clock: every midnight, at the start of a Monday, or at the start of a month."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from fleet.alerts.models.digest import Digest
from fleet.core.zones import viewer_time, viewer_zone

#: The hour at which a digest is made: in time for breakfast, and not while clocks change.
HOUR: Final = time(6)
#: A digest covers at least this long, so that a reader who changes time zone gets none about a single afternoon.
LEAST: Final = timedelta(hours=20)
Rhythm = Digest.Rhythm


def end_before(moment: datetime, rhythm: str) -> datetime:
    """The last end of a period at or before a moment."""
    return _at(_first_day(viewer_time(moment).date(), rhythm), time())


def due_after(told_until: datetime, rhythm: str) -> datetime:
    """When the next digest is made: at `HOUR` on the first end of a period at least `LEAST` after `told_until`."""
    day = _first_day(viewer_time(told_until).date(), rhythm)
    while _at(day, time()) < told_until + LEAST:
        day = _next_day(day, rhythm)
    return _at(day, HOUR)


def _first_day(day: date, rhythm: str) -> date:
    if rhythm == Rhythm.MONTHLY:
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if rhythm == Rhythm.WEEKLY else day


def _next_day(day: date, rhythm: str) -> date:
    if rhythm == Rhythm.MONTHLY:
        return (day + timedelta(days=31)).replace(day=1)
    return day + timedelta(days=7 if rhythm == Rhythm.WEEKLY else 1)


def _at(day: date, hour: time) -> datetime:
    return datetime.combine(day, hour, viewer_zone()).astimezone(UTC)
