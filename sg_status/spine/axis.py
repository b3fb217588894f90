"""The time axis that the strip and the charts of a station share: some days back, and a little room for the future."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.http import QueryDict
from django.utils.formats import date_format
from django.utils.translation import pgettext

from fleet.core.zones import day_starts, viewer_time

#: The spans on offer in days, and the step of each: enough steps for a picture, few enough for a first view.
#: Each step is a whole number of hours.
STEPS: Final = {7: timedelta(hours=1), 30: timedelta(hours=3), 365: timedelta(days=1)}
DEFAULT_DAYS: Final = 7
#: Share of the width that is left for the future, so that readers see that the data ends at the present.
_ROOM: Final = 0.035
#: Percent of the width of a date, and of the mark of the present, each on a desk and on a phone.
_DATE, _DATE_NARROW, _NOW, _NOW_NARROW = 6.5, 12.0, 3.0, 6.0


@dataclass(frozen=True, slots=True)
class AxisTick:
    """The beginning of a day or month. `label` is empty where it would run into its neighbour."""

    x: float
    label: str
    #: Whether the label has room on a phone too.
    is_narrow: bool


@dataclass(frozen=True, slots=True)
class Axis:
    """From `start` to `end`; the present is `moment`, a little before the end. Positions are percent of the width."""

    days: int
    start: datetime
    moment: datetime
    end: datetime
    step: timedelta

    @property
    def now(self) -> float:
        """The position of the present."""
        return self.x(self.moment)

    def x(self, at: datetime) -> float:
        """The position of a moment; moments outside stand at the edge."""
        share = (at - self.start) / (self.end - self.start)
        return round(min(max(share, 0.0), 1.0) * 100, 2)

    def has(self, at: datetime) -> bool:
        """Whether a moment lies on the axis."""
        return self.start <= at <= self.end

    def ticks(self) -> list[AxisTick]:
        """The days or months that begin on it, with as many labels as have room."""
        found: list[AxisTick] = []
        free = free_narrow = 0.0
        for at, label in self._dates():
            x = self.x(at)
            has_room = free <= x <= self.now - _DATE - _NOW
            is_narrow = has_room and free_narrow <= x <= self.now - _DATE_NARROW - _NOW_NARROW
            free = x + _DATE if has_room else free
            free_narrow = x + 2 * _DATE_NARROW if is_narrow else free_narrow
            found.append(AxisTick(x, label if has_room else "", is_narrow))
        return found

    def _dates(self) -> Iterator[tuple[datetime, str]]:
        """The beginnings of days or months on the reader's calendar, with their labels."""
        for start in day_starts(self.start, self.end):
            at = viewer_time(start)
            if self.days <= 7:
                yield start, date_format(at, pgettext("day of the week and month, in Django's letters", "D j"))
            elif self.days <= 31 and at.toordinal() % 5 == 0:
                yield start, date_format(at, pgettext("day and month, in Django's letters", "j M"))
            elif self.days > 31 and at.day == 1:
                yield start, date_format(at, "Y" if at.month == 1 else "M")


def axis_of(query: QueryDict, moment: datetime) -> Axis:
    """The axis in the URL (`days`), or the usual one."""
    asked = query.get("days", "")
    days = int(asked) if asked in {str(days) for days in STEPS} else DEFAULT_DAYS
    step = STEPS[days]
    # Steps are aligned to UTC like the roll-ups; the current step is the last.
    passed = moment.astimezone(UTC) - datetime(2000, 1, 1, tzinfo=UTC)
    start = moment - passed % step + step - timedelta(days=days)
    return Axis(days, start, moment, moment + (moment - start) * _ROOM, step)
