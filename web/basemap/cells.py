"""Cutting lines and areas into cells of the earth, and writing each cell as one small file of whole numbers.

A point is given in steps east and north of its cell's south-western corner. The first point of a line is written as it
is, each further one as the difference from the point before: this compresses to a third of the size.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

Point = tuple[float, float]
Cell = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Level:
    """A division of the earth into cells for a range of zooms.

    `side` is the side of a cell in degrees, `steps` the number of steps in a degree, `zoom` the first zoom.
    """

    name: str
    side: int
    steps: int
    zoom: int


#: One step is 5.6 km, 1.1 km and 280 m: as fine as the outlines are.
LEVELS: Final = (Level("world", 360, 20, 0), Level("middle", 30, 100, 4), Level("near", 10, 400, 8))


@dataclass(slots=True)
class Ground:
    """The content of one cell: areas of land with lakes as holes, lines, and names with their positions."""

    land: list[list[int]] = field(default_factory=list)
    rivers: list[list[int]] = field(default_factory=list)
    borders: list[list[int]] = field(default_factory=list)
    provinces: list[list[int]] = field(default_factory=list)
    towns: list[tuple[int, int, int, int, str]] = field(default_factory=list)
    regions: list[str] = field(default_factory=list)
    names: list[tuple[int, int, int, str, str]] = field(default_factory=list)


class GroundSheet:
    """The cells of one level while they are filled."""

    def __init__(self, level: Level) -> None:
        self.level = level
        self.cells: dict[Cell, Ground] = defaultdict(Ground)

    def area_add(self, ring: list[Point]) -> None:
        """Cut a closed ring along the lines between cells, and add each part to its cell."""
        side = self.level.side
        for column, part in _bands(ring, 0, side, 0):
            for row, piece in _bands(part, 1, side, -90):
                steps = self._steps(piece, column, row)
                if len(steps) > 2:
                    self.cells[self._cell(column, row)].land.append(_differences(steps))

    def line_add(self, line: Iterable[Point], kind: str) -> None:
        """Add each segment of a line to the cells of its ends; a segment that crosses an edge goes into both cells."""
        runs: dict[Cell, list[Point]] = {}
        for before, after in pairwise(line):
            here = {self._place(before), self._place(after)}
            for cell in set(runs) - here:
                self._run_add(cell, runs.pop(cell), kind)
            for cell in here:
                runs.setdefault(cell, [before]).append(after)
        for cell, run in runs.items():
            self._run_add(cell, run, kind)

    def point_at(self, lon: float, lat: float) -> tuple[Ground, int, int]:
        """The cell that contains a point, and the point's steps east and north in it."""
        column, row = self._place((lon, lat))
        ((east, north),) = self._steps([(lon, lat)], column, row)
        return self.cells[self._cell(column, row)], east, north

    def _run_add(self, cell: Cell, run: list[Point], kind: str) -> None:
        steps = self._steps(run, *cell)
        if len(steps) > 1:
            getattr(self.cells[self._cell(*cell)], kind).append(_differences(steps))

    def _place(self, point: Point) -> Cell:
        side = self.level.side
        # The north pole belongs to the last row.
        return math.floor(_west(point[0], side) / side), min(
            math.floor((point[1] + 90) / side), max(180 // side, 1) - 1
        )

    def _cell(self, column: int, row: int) -> Cell:
        return column % (360 // self.level.side), row

    def _steps(self, points: Iterable[Point], column: int, row: int) -> list[tuple[int, int]]:
        side, steps = self.level.side, self.level.steps
        west, south = column * side + (-180 if side == 360 else 0), row * side - 90
        found: list[tuple[int, int]] = []
        for lon, lat in points:
            at = round((lon - west) * steps), round((lat - south) * steps)
            if not found or found[-1] != at:
                found.append(at)
        return found


def _west(lon: float, side: int) -> float:
    # The whole earth is one cell that begins at 180° west; smaller cells are counted from Greenwich to the east.
    return lon + 180 if side == 360 else lon


def _bands(ring: list[Point], axis: int, side: int, origin: int) -> Iterator[tuple[int, list[Point]]]:
    """Cut a ring along parallel lines `side` apart; yield the number of each band and its part of the ring."""
    if side == 360:
        yield 0, ring
        return
    values = [point[axis] for point in ring]
    first, last = math.floor((min(values) - origin) / side), math.floor((max(values) - origin) / side)
    rest = ring
    for number in range(first, last):
        edge = float((number + 1) * side + origin)
        part, rest = _halve(rest, axis, edge)
        if part:
            yield number, part
    if rest:
        yield last, rest


def _halve(ring: list[Point], axis: int, edge: float) -> tuple[list[Point], list[Point]]:
    """The parts of a ring below and above an edge, each closed along the edge."""
    below: list[Point] = []
    above: list[Point] = []
    before = ring[-1]
    for point in ring:
        if (before[axis] < edge) != (point[axis] < edge):
            share = (edge - before[axis]) / (point[axis] - before[axis])
            other = before[1 - axis] + share * (point[1 - axis] - before[1 - axis])
            crossing = (edge, other) if axis == 0 else (other, edge)
            below.append(crossing)
            above.append(crossing)
        (below if point[axis] < edge else above).append(point)
        before = point
    return below, above


def _differences(steps: list[tuple[int, int]]) -> list[int]:
    (east, north), *_rest = steps
    numbers = [east, north]
    for before, after in pairwise(steps):
        numbers += (after[0] - before[0], after[1] - before[1])
    return numbers
