"""Interface of a condition: which values it needs, when a value is beyond them, and when it is clearly back."""

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
#: The part of a time that values must cover to speak for all of it, and how many there must be.
_COVERED, _POINTS_LEAST = 0.75, 3


class JudgedValue(NamedTuple):
    """A value at a moment of the station's clock."""

    at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class Limits:
    """A value above `high` or below `low` is beyond; one from `clear_low` to `clear_high` is clearly back."""

    low: float = -inf
    high: float = inf
    clear_low: float = -inf
    clear_high: float = inf

    def is_beyond(self, value: float) -> bool:
        """Whether a value is one to ring for."""
        return value > self.high or value < self.low

    def is_clear(self, value: float) -> bool:
        """Whether a value ends it. One that is neither beyond nor clear leaves things as they are."""
        return self.clear_low <= value <= self.clear_high

    def scaled(self, factor: float, offset: float) -> "Limits":
        """The same in another unit."""
        return Limits(*(value * factor + offset for value in (self.low, self.high, self.clear_low, self.clear_high)))


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition. `label` completes "Ring when it is …"; `said` names it with its values, for a sentence.

    `needs` are the fields that must be filled in, `takes` those that may be. `check` gets them and refuses.
    """

    name: str
    label: Promise
    needs: tuple[str, ...]
    takes: tuple[str, ...]
    limits: Callable[[Mapping[str, float | None]], Limits]
    check: Callable[[Mapping[str, float]], None]
    #: `%(low)s`, `%(high)s` and `%(within)s` are the values with their unit, and the time.
    said: Promise
    #: Over how long values are compared: the rule's `within_s`. Otherwise each value is judged by itself.
    derive: Callable[[Sequence[JudgedValue], timedelta], list[JudgedValue]] | None = None
    #: It is about values that do not come (see `absences`): `for_s` of the rule is how long.
    is_absence: bool = False


def filled(values: Mapping[str, float | None], name: str, otherwise: float) -> float:
    """A value of a rule, or another if it is empty."""
    value = values.get(name)
    return otherwise if value is None else value


def spans(points: Sequence[JudgedValue], within: timedelta) -> list[JudgedValue]:
    """For each point, in order of time, how far the values of the time up to it lie apart, if there are two or more."""
    return [JudgedValue(point.at, apart) for point, _oldest, number, apart in _windows(points, within) if number > 1]


def whole_spans(points: Sequence[JudgedValue], within: timedelta) -> list[JudgedValue]:
    """The same, where the values cover most of the time: after a gap, nobody knows what was in it."""
    least = within * _COVERED
    return [
        JudgedValue(point.at, apart)
        for point, oldest, number, apart in _windows(points, within)
        if number >= _POINTS_LEAST and point.at - oldest >= least
    ]


def _windows(points: Sequence[JudgedValue], within: timedelta) -> Iterator[tuple[JudgedValue, datetime, int, float]]:
    """Each point with the oldest moment of its window, how many points are in that, and how far these lie apart."""
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
    return InvalidInput(_("This is beyond the limit: it would ring and be over at once."), field=field)
