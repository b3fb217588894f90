"""Interface of a condition: which limits it needs, when a value is beyond them, and when it is clearly back."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from typing import Final, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from fleet.core.errors import InvalidInput

#: The fields of a rule that hold values.
LOW, HIGH, CLEAR_LOW, CLEAR_HIGH = "low", "high", "clear_low", "clear_high"
VALUES: Final = (LOW, HIGH, CLEAR_LOW, CLEAR_HIGH)
#: Beyond this, sums overflow.
VALUE_MOST: Final = 1e290
#: The share of a window that its values must cover for the window to be judged, and the fewest values it needs.
_COVERED, _POINTS_LEAST = 0.75, 3


class JudgedValue(NamedTuple):
    """A value at a moment of the station's clock."""

    at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class Limits:
    """A value above `high` or below `low` is beyond them; one from `clear_low` to `clear_high` is clearly back."""

    low: float = -inf
    high: float = inf
    clear_low: float = -inf
    clear_high: float = inf

    def is_beyond(self, value: float) -> bool:
        """Whether a value is beyond the limits, so that the rule rings."""
        return value > self.high or value < self.low

    def is_clear(self, value: float) -> bool:
        """Whether a value ends the ringing. A value that is neither beyond nor clear changes nothing."""
        return self.clear_low <= value <= self.clear_high

    def scaled(self, factor: float, offset: float) -> "Limits":
        """The same limits in another unit."""
        return Limits(*(value * factor + offset for value in (self.low, self.high, self.clear_low, self.clear_high)))


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition. `label` completes "Ring when it is …"; `said` names it with its values, for a sentence.

    `needs` are its required fields, `takes` its optional ones. `check` refuses values that do not fit.
    """

    name: str
    label: Promise
    needs: tuple[str, ...]
    takes: tuple[str, ...]
    limits: Callable[[Mapping[str, float | None]], Limits]
    check: Callable[[Mapping[str, float]], None]
    #: `%(low)s`, `%(high)s` and `%(within)s` are the values with their unit, and the time.
    said: Promise
    #: Turns values into differences over the rule's `within_s`. Without it, each value is judged by itself.
    derive: Callable[[Sequence[JudgedValue], timedelta], list[JudgedValue]] | None = None
    #: Missing values ring (see `absences`), once they have been missing for the rule's `for_s`.
    is_absence: bool = False


def filled(values: Mapping[str, float | None], name: str, otherwise: float) -> float:
    """A value of a rule, or `otherwise` if it is empty."""
    value = values.get(name)
    return otherwise if value is None else value


def spans(points: Sequence[JudgedValue], within: timedelta) -> list[JudgedValue]:
    """For each point, in order of time, the spread of the values in the window up to it, if there are at least two."""
    return [JudgedValue(point.at, apart) for point, _oldest, number, apart in _windows(points, within) if number > 1]


def whole_spans(points: Sequence[JudgedValue], within: timedelta) -> list[JudgedValue]:
    """The same, but only where values cover most of the window: nobody knows what happened in a gap."""
    least = within * _COVERED
    return [
        JudgedValue(point.at, apart)
        for point, oldest, number, apart in _windows(points, within)
        if number >= _POINTS_LEAST and point.at - oldest >= least
    ]


def _windows(points: Sequence[JudgedValue], within: timedelta) -> Iterator[tuple[JudgedValue, datetime, int, float]]:
    """Yield each point with the oldest moment in its window, the number of points there, and their spread."""
    least: deque[JudgedValue] = deque()
    greatest: deque[JudgedValue] = deque()
    first = 0
    for place, point in enumerate(points):
        while least and least[-1].value >= point.value:
            least.pop()
        while greatest and greatest[-1].value <= point.value:
            greatest.pop()
        least.append(point)
        greatest.append(point)
        begin = point.at - within
        for line in (least, greatest):
            while line[0].at < begin:
                line.popleft()
        while points[first].at < begin:
            first += 1
        yield point, points[first].at, place - first + 1, greatest[0].value - least[0].value


def clear_refuse(field: str) -> InvalidInput:
    """The refusal of a clearing value on the wrong side of its limit."""
    return InvalidInput(_("This is beyond the limit: every incident would end as soon as it began."), field=field)
