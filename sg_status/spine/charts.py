"""Charts of a station's spine, as paths in a drawing of 1000 by 100 units that stretches with the page."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from fleet.core.spoken import decimal_words, number_words
from sg_status.spine.axis import Axis

WIDE: Final = 1000.0
#: A pause this many times longer than usual breaks the line, and one of this many steps at least.
_GAP_FACTOR, _GAP_STEPS = 2.5, 1.5
#: A single value between two gaps is drawn this long.
_DOT: Final = 2.0
#: Share of a step that its bar takes.
_BAR: Final = 0.74
#: Figures of a scale are multiples of these, times a power of ten.
_NICE: Final = (1, 2, 5, 10)
_DECIMALS_MOST: Final = 2
#: The difference of the greatest floats has no number, and the smallest cannot be cut into steps.
_CUT, _TINY = 1e290, 1e-290
#: Beyond this, decimals say nothing.
_LARGE: Final = 1e15
#: The least span of a scale by unit: a signal that varies by a tenth is steady.
_SPANS: Final = {"V": 1.0, "Cel": 4.0, "dBm": 10.0, "%": 10.0, "%RH": 10.0}

#: A moment and its value.
Value = tuple[datetime, float]


@dataclass(frozen=True, slots=True)
class Limit:
    """A line at a value with a meaning."""

    y: float
    words: str
    #: Whether the line begins above it, so that its words stand below.
    is_under: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart. `line` and `bars` are paths; `top` and `bottom` the scale; `dot` the newest value, in percent."""

    name: str
    value: str
    unit: str
    address: str
    height: int
    top: str
    bottom: str
    line: str = ""
    bars: str = ""
    limit: Limit | None = None
    dot: tuple[float, float] | None = None
    is_bad: bool = False
    #: Its foot is zero, and worth a line.
    has_floor: bool = False


@dataclass(frozen=True, slots=True)
class ChartScale:
    """The span of values that a chart covers, from `low` at its foot to `high` at its top."""

    low: float
    high: float
    #: Decimals of a value: one more than its steps have.
    decimals: int

    def y(self, value: float) -> float:
        """The height of a value in percent from the top; values outside are cut."""
        share = (value - self.low) / (self.high - self.low)
        return round((1 - min(max(share, 0.0), 1.0)) * 100, 1)

    def words(self, value: float) -> str:
        """A value, as exact as the scale makes sense of."""
        if abs(value) >= _LARGE:
            return number_words(value)
        return decimal_words(value, self.decimals).replace("-", "\u2212", 1)


def scale_of(values: Sequence[float], *, unit: str = "", from_zero: bool = False) -> ChartScale:
    """Round figures that enclose the values, and at least so much that noise does not look like news."""
    low, high = (min(max(end, -_CUT), _CUT) for end in (0.0 if from_zero else min(values), max(values)))
    size = max(abs(high), abs(low))
    least = 1.0 if from_zero else _SPANS.get(unit, size * 0.02 if size > _TINY else 1.0)
    if high - low < least:
        middle = (low + high) / 2
        low, high = (0.0, least) if from_zero else (middle - least / 2, middle + least / 2)
    step = _nice((high - low) / 4)
    decimals = min(max(1 - math.floor(math.log10(step) + 1e-9), 0), _DECIMALS_MOST)
    return ChartScale(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, decimals)


def line_of(axis: Axis, values: Sequence[Value], scale: ChartScale) -> str:
    """The path through the values; it breaks at gaps."""
    path: list[str] = []
    for stretch in _stretches(axis, values):
        points = [f"{_figure(axis.x(at) * WIDE / 100)} {_figure(scale.y(value))}" for at, value in stretch]
        path.append("M" + "L".join(points) + (f"h{_figure(_DOT)}" if len(points) == 1 else ""))
    return "".join(path)


def bars_of(axis: Axis, counts: Sequence[Value], scale: ChartScale) -> str:
    """The path of one bar a step, from its beginning; nothing is drawn of a count of nothing."""
    wide = axis.step / (axis.end - axis.start) * WIDE * _BAR
    return "".join(
        f"M{_figure(axis.x(at) * WIDE / 100)} 100V{_figure(min(scale.y(count), 99.0))}h{_figure(wide)}V100z"
        for at, count in counts
        if count > 0
    )


def _stretches(axis: Axis, values: Sequence[Value]) -> list[list[Value]]:
    """The values without a gap between them."""
    pauses = [(later - earlier).total_seconds() for (earlier, _), (later, _) in pairwise(values)]
    usual_s = statistics.median_low(pauses) if pauses else 0.0
    gap = max(axis.step * _GAP_STEPS, timedelta(seconds=usual_s * _GAP_FACTOR))
    found: list[list[Value]] = []
    for value in values:
        if found and value[0] - found[-1][-1][0] <= gap:
            found[-1].append(value)
        else:
            found.append([value])
    return found


def _nice(value: float) -> float:
    """The next round figure."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(figure * power for figure in _NICE if figure * power >= value * (1 - 1e-9))


def _figure(value: float) -> str:
    """A coordinate, as short as it can be."""
    return f"{value:.1f}".removesuffix(".0")
