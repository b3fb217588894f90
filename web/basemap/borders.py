"""Reading world-atlas (Natural Earth, TopoJSON): country borders, country names, and where to write each name."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from web.basemap.cells import Point
from web.basemap.shores import line_pieces


class Countries:
    """One file of world-atlas, decoded."""

    def __init__(self, file: Path) -> None:
        atlas = json.loads(file.read_text(encoding="utf-8"))
        (east, north), (west, south) = atlas["transform"]["scale"], atlas["transform"]["translate"]
        self._arcs: list[list[Point]] = []
        for arc in atlas["arcs"]:
            xs, ys = accumulate(step[0] for step in arc), accumulate(step[1] for step in arc)
            self._arcs.append([(x * east + west, y * north + south) for x, y in zip(xs, ys, strict=True)])
        self._countries: list[dict[str, Any]] = atlas["objects"]["countries"]["geometries"]

    def borders(self) -> Iterator[list[Point]]:
        """The lines that two countries share."""
        owners: dict[int, set[int]] = defaultdict(set)
        for number, country in enumerate(self._countries):
            for arc in _arcs_of(country["arcs"]):
                owners[arc if arc >= 0 else ~arc].add(number)
        for arc, sharing in owners.items():
            if len(sharing) > 1:
                yield from line_pieces(self._arcs[arc])

    def names(self) -> Iterator[tuple[str, Point, float]]:
        """Each country's name, with the centroid and the area (in square degrees) of its largest part."""
        for country in self._countries:
            parts = country["arcs"] if country["type"] == "MultiPolygon" else [country["arcs"]]
            middle, area = max((_middle(self._ring(part[0])) for part in parts), key=lambda found: found[1])
            yield country["properties"]["name"], middle, area

    def _ring(self, arcs: Iterable[int]) -> list[Point]:
        points: list[Point] = []
        for arc in arcs:
            line = self._arcs[arc] if arc >= 0 else self._arcs[~arc][::-1]
            points += line[1:] if points else line
        return points


def _arcs_of(arcs: Any) -> Iterator[int]:
    for one in arcs:
        if isinstance(one, int):
            yield one
        else:
            yield from _arcs_of(one)


def _middle(ring: list[Point]) -> tuple[Point, float]:
    """The centroid and the area of a ring."""
    twice = east = north = 0.0
    for (x, y), (u, v) in pairwise([*ring, ring[0]]):
        cross = x * v - u * y
        twice += cross
        east += (x + u) * cross
        north += (y + v) * cross
    if not twice:
        return ring[0], 0.0
    return (east / (3 * twice), north / (3 * twice)), abs(twice) / 2
