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
#: A pause breaks the line if it is longer than this many usual pauses and than this many steps.
_GAP_FACTOR, _GAP_STEPS = 2.5, 1.5
#: Width at which a single value between two gaps is drawn.
_DOT: Final = 2.0
#: Share of a step that its bar takes.
_BAR: Final = 0.74
#: Figures of a scale are multiples of these, times a power of ten.
_NICE: Final = (1, 2, 5, 10)
_DECIMALS_MOST: Final = 2
#: The difference of the largest floats overflows, and the smallest cannot be divided into steps.
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
    #: Whether the curve begins above the limit, so that the limit's words stand below it.
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
    #: Whether its foot is zero and gets a line.
    has_floor: bool = False


@dataclass(frozen=True, slots=True)
class ChartScale:
    """The span of values that a chart covers, from `low` at its foot to `high` at its top."""

    low: float
    high: float
    #: Decimals of a value: one more than its steps have.
    decimals: int

    def y(self, value: float) -> float:
        """The position of a value in percent from the top; values outside are at the edge."""
        share = (value - self.low) / (self.high - self.low)
        return round((1 - min(max(share, 0.0), 1.0)) * 100, 1)

    def words(self, value: float) -> str:
        """A value with as many decimals as the scale justifies."""
        if abs(value) >= _LARGE:
            return number_words(value)
        return decimal_words(value, self.decimals).replace("-", "\u2212", 1)


def scale_of(values: Sequence[float], *, unit: str = "", from_zero: bool = False) -> ChartScale:
    """The scale between round figures around the values, wide enough that noise does not look like news."""
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
    """The path of the bars, one per step from its beginning; a count of zero has no bar."""
    wide = axis.step / (axis.end - axis.start) * WIDE * _BAR
    return "".join(
        f"M{_figure(axis.x(at) * WIDE / 100)} 100V{_figure(min(scale.y(count), 99.0))}h{_figure(wide)}V100z"
        for at, count in counts
        if count > 0
    )


def _stretches(axis: Axis, values: Sequence[Value]) -> list[list[Value]]:
    """The values in stretches without a gap."""
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
    """The next larger round figure."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(figure * power for figure in _NICE if figure * power >= value * (1 - 1e-9))


def _figure(value: float) -> str:
    """A coordinate, as short as it can be."""
    return f"{value:.1f}".removesuffix(".0")
