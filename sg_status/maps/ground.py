"""The ground of one view as SVG paths: land, shores, rivers and borders, in half pixels and no finer than visible."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from sg_status.maps.view import LATITUDE_MOST, View

_NOTHING: Final[dict[str, Any]] = {
    name: [] for name in ("land", "rivers", "borders", "provinces", "towns", "regions", "names")
}

Spot = tuple[float, float]
Box = tuple[float, float, float, float]

#: Points closer than this to the previous one, in pixels, are left out; so are islands no larger than this.
_FINEST: Final = 1.2
#: Below this zoom, on maps of half the earth, shores have no line and the ground is coarser: a third of the bytes.
_COARSE_ZOOM: Final = 4.0
_COARSE: Final = 2.4
#: The ground extends this many pixels beyond the view, so that strokes along a cut stay out of sight.
_MARGIN: Final = 8.0


@dataclass(frozen=True, slots=True)
class Name:
    """A name of the ground: pixels, kind (`sea`, `country`, `town`), size of a town, and its region's name."""

    x: float
    y: float
    kind: str
    text: str
    size: int = 0
    region: str = ""


@dataclass(slots=True)
class GroundDrawn:
    """Paths of one view, in half pixels, and the names in it in pixels."""

    land: str = ""
    shores: str = ""
    rivers: str = ""
    borders: str = ""
    provinces: str = ""
    names: list[Name] = field(default_factory=list)


@cache
def ground_index() -> dict[str, Any]:
    """The levels with their cells, and the mark in the files' names; empty if the ground was not built here."""
    file = _folder() / "index.json"
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return found


@lru_cache(maxsize=128)
def ground_drawn(view: View, box: Box | None = None) -> GroundDrawn:
    """The ground of a view, or of a larger box in its pixels: left, top, right, bottom."""
    drawn = GroundDrawn()
    left, top, right, bottom = box or (0.0, 0.0, float(view.width), float(view.height))
    frame = (left - _MARGIN, top - _MARGIN, right + _MARGIN, bottom + _MARGIN)
    kinds: dict[str, list[str]] = {name: [] for name in ("land", "shores", "rivers", "borders", "provinces")}
    for patch in _patches(view, frame):
        kinds["land"] += (_path(ring, closed=True) for ring in patch.areas())
        if view.zoom >= _COARSE_ZOOM:
            kinds["shores"] += map(_path, patch.shores())
        for name in ("rivers", "borders", "provinces"):
            kinds[name] += map(_path, patch.lines(name))
        drawn.names += patch.names(view.zoom)
    for name, paths in kinds.items():
        setattr(drawn, name, "".join(paths))
    return drawn


class _Patch:
    """One cell of the ground, on one view."""

    def __init__(
        self, cell: dict[str, Any], level: dict[str, Any], west: float, south: float, view: View, box: Box
    ) -> None:
        self._cell, self._box, self._edge = cell, box, level["side"] * level["steps"]
        across = view.scale / 360.0
        self._x = view.width / 2 + (west - view.longitude) * across
        self._step = across / level["steps"]
        middle = view.pixels(view.longitude, 0.0)[1]
        rows: dict[int, float] = {}

        def down(north: int) -> float:
            if north not in rows:
                shown = math.radians(min(max(south + north / level["steps"], -LATITUDE_MOST), LATITUDE_MOST))
                rows[north] = middle - math.log(math.tan(math.pi / 4 + shown / 2)) / (2 * math.pi) * view.scale
            return rows[north]

        self._down = down
        self._finest = _FINEST if view.zoom >= _COARSE_ZOOM else _COARSE

    def areas(self) -> Iterator[list[Spot]]:
        for ring in self._cell["land"]:
            spots = _thinned(self._clip([self._spot(at) for at in _places(ring)]), self._finest)
            if len(spots) > 2 and _is_seen(spots, self._finest):
                yield spots

    def shores(self) -> Iterator[list[Spot]]:
        for ring in self._cell["land"]:
            places = list(_places(ring))
            yield from self._seen(pairwise([*places, places[0]]), whole=self._is_cut)

    def lines(self, name: str) -> Iterator[list[Spot]]:
        for line in self._cell[name]:
            yield from self._seen(pairwise(_places(line)))

    def names(self, zoom: float) -> Iterator[Name]:
        left, top, right, bottom = self._box
        for east, north, first_zoom, kind, text in self._cell["names"]:
            x, y = self._spot((east, north))
            if zoom >= first_zoom - 0.5 and left < x < right and top < y < bottom:
                yield Name(x, y, kind, text)
        for east, north, size, region, text in self._cell["towns"]:
            x, y = self._spot((east, north))
            if left < x < right and top < y < bottom:
                yield Name(x, y, "town", text, size, self._cell["regions"][region] if region >= 0 else "")

    def _spot(self, at: tuple[int, int]) -> Spot:
        return self._x + at[0] * self._step, self._down(at[1])

    def _is_cut(self, a: tuple[int, int], b: tuple[int, int]) -> bool:
        """Whether this stretch is not a shore but the edge of the cell, along which the land was cut."""
        return any(a[axis] == b[axis] and a[axis] in (0, self._edge) for axis in (0, 1))

    def _seen(self, stretches: Iterable[Any], whole: Any = None) -> Iterator[list[Spot]]:
        """The parts of a line that may be in the box."""
        left, top, right, bottom = self._box
        run: list[Spot] = []
        for a, b in stretches:
            (x, y), (u, v) = self._spot(a), self._spot(b)
            is_out = max(x, u) < left or min(x, u) > right or max(y, v) < top or min(y, v) > bottom
            if is_out or (whole and whole(a, b)):
                if len(run) > 1:
                    yield _thinned(run, self._finest)
                run = []
                continue
            run = run or [(x, y)]
            run.append((u, v))
        if len(run) > 1:
            yield _thinned(run, self._finest)

    def _clip(self, ring: list[Spot]) -> list[Spot]:
        """The part of an area that is in the box."""
        left, top, right, bottom = self._box
        xs, ys = [x for x, _y in ring], [y for _x, y in ring]
        if max(xs) < left or min(xs) > right or max(ys) < top or min(ys) > bottom:
            return []
        for axis, edge, sign in ((0, left, 1), (0, right, -1), (1, top, 1), (1, bottom, -1)):
            ring = _halve(ring, axis, edge, sign)
            if not ring:
                return []
        return ring


def _patches(view: View, box: Box) -> Iterator[_Patch]:
    """The cells of the ground that a box touches."""
    index = ground_index()
    if not index:
        return
    level = max(
        (one for one in index["levels"].values() if one["zoom"] <= max(view.zoom, 0)), key=lambda one: one["zoom"]
    )
    cells, side = set(level["cells"]), level["side"]
    across = 360.0 / view.scale
    west, east = (view.longitude + (edge - view.width / 2) * across for edge in (box[0], box[2]))
    middle = View(view.longitude, view.latitude, view.zoom, view.width, view.height)
    _w, south, _e, north = middle.bounds(max(-box[1], box[3] - view.height, 0.0))
    shift = 180 if side == 360 else 0
    for column in range(math.floor((west + shift) / side), math.floor((east + shift) / side) + 1):
        for row in range(math.floor((south + 90) / side), math.floor((north + 90) / side) + 1):
            name = f"{column % (360 // side)}_{row}"
            if name in cells:
                cell = _cell_read(level["name"], name, index["mark"])
                yield _Patch(cell, level, column * side - shift, row * side - 90, view, box)


@lru_cache(maxsize=64)
def _cell_read(level: str, cell: str, mark: str) -> dict[str, Any]:
    file = _folder() / f"{level}-{cell}.{mark}.json"
    # Rebuilding the ground renames its files: until this process restarts, its maps may show pins without ground.
    content: dict[str, Any] = json.loads(file.read_bytes()) if file.is_file() else _NOTHING
    return content


def _folder() -> Path:
    return Path(settings.GROUND_FOLDER)


def _places(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The points of a line that was written as differences."""
    east = north = 0
    for place in range(0, len(numbers), 2):
        east, north = east + numbers[place], north + numbers[place + 1]
        yield east, north


def _halve(ring: list[Spot], axis: int, edge: float, sign: int) -> list[Spot]:
    found: list[Spot] = []
    before = ring[-1]
    for spot in ring:
        is_in, was_in = sign * (spot[axis] - edge) >= 0, sign * (before[axis] - edge) >= 0
        if is_in != was_in:
            share = (edge - before[axis]) / (spot[axis] - before[axis])
            other = before[1 - axis] + share * (spot[1 - axis] - before[1 - axis])
            found.append((edge, other) if axis == 0 else (other, edge))
        if is_in:
            found.append(spot)
        before = spot
    return found


def _is_seen(ring: list[Spot], finest: float) -> bool:
    xs, ys = [x for x, _y in ring], [y for _x, y in ring]
    return max(xs) - min(xs) > finest or max(ys) - min(ys) > finest


def _thinned(line: list[Spot], finest: float) -> list[Spot]:
    kept = line[:1]
    for x, y in line[1:-1]:
        if (x - kept[-1][0]) ** 2 + (y - kept[-1][1]) ** 2 >= finest**2:
            kept.append((x, y))
    return kept + line[-1:] if len(line) > 1 else kept


def _path(line: list[Spot], *, closed: bool = False) -> str:
    halves = [(round(x * 2), round(y * 2)) for x, y in line]
    numbers = chain.from_iterable((b[0] - a[0], b[1] - a[1]) for a, b in pairwise(halves) if a != b)
    text = "".join(f" {number}" if number >= 0 else str(number) for number in numbers).lstrip()
    if not text:
        return ""
    return f"M{halves[0][0]} {halves[0][1]}l{text}{'z' if closed else ''}"
