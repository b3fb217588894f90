"""Scales of a plot: round numbers up the side, and round moments on the reader's clock along the bottom."""

import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.utils import dateformat

from fleet.core.spoken import day_words, number_words
from fleet.core.zones import viewer_time
from sg_status.plots.figure import Line

_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
_WANTED: Final = 4
_PREFIXES: Final = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"))
#: Beyond this, a number is written with an exponent.
_LARGE: Final = 1e18
_CUT: Final = 1e290
#: Values that differ by less than this share are the same to a screen, and nearly to a float.
_EQUAL: Final = 1e-12
#: Below this, a float is too near to zero to be cut into steps.
_TINY: Final = 1 / _CUT
_TICKS_MOST: Final = 7
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
#: Steps of less than a day, of days, and of months.
_SHORT: Final = (
    *(timedelta(seconds=n) for n in (1, 5, 15, 30)),
    *(n * _MINUTE for n in (1, 5, 15, 30)),
    *(n * _HOUR for n in (1, 3, 6, 12)),
)
_DAYS: Final = (1, 2, 5, 10, 15)
_MONTHS: Final = (1, 2, 3, 6, 12, 24, 60)


class AxisScale(NamedTuple):
    """Bottom, top, and the round numbers between them."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        """The height of a value from 0 to 1; values beyond the scale are at its edge."""
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)


def scale_of(lines: Sequence[Line]) -> AxisScale:
    """The scale that shows all values of these lines; counts in steps begin at zero."""
    values = [v for line in lines for dot in line.dots for v in (dot.value, dot.low, dot.high) if v is not None]
    # Clamp the values, because the difference of the largest floats overflows.
    values = [min(max(value, -_CUT), _CUT) for value in values]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if any(line.step for line in lines):
        low, high = min(low, 0.0), max(high, 0.0)
    for line in lines:
        # A limit near the values belongs in the picture.
        if line.limit and low - (high - low) <= line.limit[0] <= high + (high - low):
            low, high = min(low, line.limit[0]), max(high, line.limit[0])
    size = max(abs(high), abs(low))
    if high - low <= max(size * _EQUAL, _TINY):
        pad = size * 0.1 if size > _TINY else 1.0
        low, high = (low, low + 2 * pad) if low == 0 else (low - pad, high + pad)
    step = _step_of((high - low) / _WANTED)
    first, last = math.floor(low / step), math.ceil(high / step)
    if last - first > 2 * _WANTED + 2 or not math.isfinite(first * step):
        return AxisScale(low, high, (low, high))
    return AxisScale(first * step, last * step, tuple(number * step for number in range(first, last + 1)))


def _step_of(least: float) -> float:
    power: float = 10.0 ** math.floor(math.log10(least))
    return next(each for each in _STEPS if each * power >= least * 0.999) * power


def tick_words(value: float) -> str:
    """A round number for an axis: `12.5`, `1 500`, `1.5 G`."""
    size = abs(value)
    if size >= _LARGE:
        return f"{value:.3g}"
    for factor, prefix in _PREFIXES:
        if size >= factor:
            return f"{number_words(round(value / factor, 3))}\u00a0{prefix}"
    return number_words(round(value, 10))


def moment_ticks(start: datetime, end: datetime) -> list[tuple[datetime, str]]:
    """At most a handful of round moments on the reader's clock, each with its words."""
    local, last = viewer_time(start), viewer_time(end)
    short = next((step for step in _SHORT if (end - start) / step <= _TICKS_MOST), None)
    if short is not None:
        return list(_clock_ticks(local, last, short))
    days = next((step for step in _DAYS if (end - start) / _DAY / step <= _TICKS_MOST), None)
    return list(_month_ticks(local, last) if days is None else _day_ticks(local, last, days))


def _clock_ticks(start: datetime, end: datetime, step: timedelta) -> Iterator[tuple[datetime, str]]:
    # Step by clock time, not by elapsed time: 06:00 stays 06:00 on the day on which clocks change.
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    is_dated = False
    for number in range(int((end - start + 2 * _DAY) / step)):
        at = midnight + number * step
        if at > end:
            return
        if at >= start:
            shape = "H:i:s" if step < _MINUTE else "H:i"
            day = day_words(at, at)
            if at.hour == at.minute == at.second == 0:
                yield at, day
            else:
                yield at, dateformat.format(at, shape) if is_dated else f"{day} {dateformat.format(at, shape)}"
            is_dated = True


def _day_ticks(start: datetime, end: datetime, step: int) -> Iterator[tuple[datetime, str]]:
    at = start.replace(hour=0, minute=0, second=0, microsecond=0, fold=0) + _DAY
    month = 0
    while at <= end:
        # Days are counted within the month; one shortly before the first of the next month is left out.
        if (at.day == 1 or at.day % step == (1 if step == 2 else 0)) and (step == 1 or at.day <= 30 - step // 2):
            yield at, day_words(at, at) if at.month != month else str(at.day)
            month = at.month
        at += _DAY


def _month_ticks(start: datetime, end: datetime) -> Iterator[tuple[datetime, str]]:
    months = (end - start) / _DAY / 30.4
    step = next((each for each in _MONTHS if months / each <= _TICKS_MOST), _MONTHS[-1])
    first = start.year * 12 + start.month
    year = 0
    for number in range(first, first + int(months) + 2):
        at = datetime(number // 12, number % 12 + 1, 1, tzinfo=start.tzinfo)
        if number % step or not start <= at <= end:
            continue
        if step >= 12:
            yield at, str(at.year)
        else:
            yield at, dateformat.format(at, "M Y" if at.year != year else "M")
        year = at.year
