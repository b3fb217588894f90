"""The moments at which a window opens and closes: wall-clock times in its zone, even when clocks change.

At a time that the clocks skip, it opens at the first moment after the gap; at one that they show twice, at the first of
the two. The duration is elapsed time, so an hour of maintenance is an hour even in the night when clocks change.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice, pairwise
from typing import Final

from django.utils.translation import gettext as _

from fleet.alerts.maintenance.recurrence import wall_times
from fleet.alerts.maintenance.rrule import rrule_read, rrule_refused, rrule_text

#: Two wall clocks never differ by more than this, so beginning so much earlier misses no time.
_CLOCKS_APART: Final = timedelta(days=2)
_SECOND: Final = timedelta(seconds=1)
#: How many gaps between occurrences are compared with the duration.
_COMPARED: Final = 60


@dataclass(frozen=True, slots=True)
class WindowTimes:
    """One time a window is open, in UTC."""

    opens_at: datetime
    closes_at: datetime


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a window opens: first at `starts` on the wall clock of `zone`, and then by its rule; empty: once."""

    starts: datetime
    duration: timedelta
    zone: tzinfo
    rrule: str = ""


def schedule_read(*, starts: datetime, duration: timedelta, zone: tzinfo, rrule: str) -> Schedule:
    """A schedule of what people entered. Raises `InvalidInput` if its rule is invalid, empty or overlaps itself."""
    text = rrule_text(rrule)
    schedule = Schedule(starts, duration, zone, text)
    if text:
        first = list(islice(wall_times(rrule_read(text, zone), starts=starts, after=starts), _COMPARED + 1))
        if not first:
            raise rrule_refused(_("By this rule, the maintenance never takes place. Check its days and its end."))
        if any(later - before < duration for before, later in pairwise(first)):
            raise rrule_refused(
                _("The maintenance would begin again before it is over. Make it shorter or less frequent.")
            )
    return schedule


def occurrences(schedule: Schedule, *, after: datetime) -> Iterator[WindowTimes]:
    """The occurrences that end after a moment, in order, the one that is going on first; read as few as you need."""
    for local in _local(schedule, after):
        opens_at = wall_moment(local, schedule.zone)
        closes_at = opens_at + schedule.duration
        if closes_at > after:
            yield WindowTimes(opens_at, closes_at)


def occurrence_next(schedule: Schedule, *, after: datetime) -> WindowTimes | None:
    """The first occurrence that ends after a moment; None if there is none."""
    return next(occurrences(schedule, after=after), None)


def wall_moment(local: datetime, zone: tzinfo) -> datetime:
    """The first moment, in UTC, at which the clocks of a zone show this time or a later one."""
    early, late = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (1, 0))
    if early >= late:
        # Shown once, or twice: `late` is of `fold=0`, the first.
        return late
    # The clocks jump over it, between the two: find the second in which they do.
    before = early.astimezone(zone).utcoffset()
    while late - early > _SECOND:
        middle = early + (late - early) // _SECOND // 2 * _SECOND
        if middle.astimezone(zone).utcoffset() == before:
            early = middle
        else:
            late = middle
    return late


def _local(schedule: Schedule, after: datetime) -> Iterator[datetime]:
    if not schedule.rrule:
        return iter((schedule.starts,))
    near = after.astimezone(schedule.zone).replace(tzinfo=None) - schedule.duration - _CLOCKS_APART
    return wall_times(rrule_read(schedule.rrule, schedule.zone), starts=schedule.starts, after=near)
