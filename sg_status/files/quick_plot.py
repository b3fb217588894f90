"""A quick plot of a column of figures, row after row, drawn by the server."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

#: Points of a plot: more rows are drawn as the lowest and highest of each group.
POINTS_MOST = 1_000
_WIDTH, _HEIGHT = 1_000.0, 100.0


@dataclass(frozen=True, slots=True)
class QuickPlot:
    """The name of the column, its lines as points of an SVG 1,000 wide and 100 high, and the ends of the scale."""

    column: str
    lines: list[str]
    least: float
    most: float


def quick_plot(column: str, values: Sequence[float | None]) -> QuickPlot:
    """The plot of a column; an empty cell breaks the line. At least one value must not be None."""
    filled = [value for value in values if value is not None]
    least, most = min(filled), max(filled)
    width = max(-(-len(values) * 2 // POINTS_MOST), 1)
    points = [
        point
        for at in range(0, len(values), width)
        for point in _group(at, values[at : at + width], is_single=width == 1)
    ]
    span, last = (most - least) or 1.0, max(len(values) - 1, 1)
    lines = [
        " ".join(
            f"{_WIDTH * at / last:.1f},{_HEIGHT - _HEIGHT * (value - least) / span:.1f}"
            for at, value in group
            if value is not None
        )
        for is_gap, group in groupby(points, key=lambda point: point[1] is None)
        if not is_gap
    ]
    return QuickPlot(column, lines, least, most)


def _group(at: int, values: Sequence[float | None], *, is_single: bool) -> list[tuple[int, float | None]]:
    filled = [value for value in values if value is not None]
    if is_single or not filled:
        return [(at, values[0] if is_single else None)]
    return [(at, min(filled)), (at + len(values) // 2, max(filled))]
