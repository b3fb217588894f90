"""Placing words on a map so that none covers another, a pin or the edge: the important ones first."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

from django.utils.translation import gettext as _

from sg_status.maps.ground import Box, Name

_GLYPH: Final = 6.4
_LINE: Final = 14.0
#: Maximum names of towns on one map, and how many towns a region must have in view to be named.
_TOWNS_MOST: Final = 16
_TOWNS_OF_REGION: Final = 3
#: Countries are named up to this zoom, regions above it.
_REGION_ZOOM: Final = 5.5


@dataclass(frozen=True, slots=True)
class Label:
    """A word with the place of its anchor in pixels; `anchor` is SVG's start, middle or end."""

    x: float
    y: float
    text: str
    kind: str
    anchor: str = "middle"


@dataclass(slots=True)
class FreeSpace:
    """The free space on a map of this size."""

    width: float
    height: float
    taken: list[Box] = field(default_factory=list)

    def take(self, box: Box) -> bool:
        """Take a box if it is free and within the map."""
        left, top, right, bottom = box
        if left < 2 or top < 2 or right > self.width - 2 or bottom > self.height - 2:
            return False
        if any(left < r and right > w and top < s and bottom > n for w, n, r, s in self.taken):
            return False
        self.taken.append(box)
        return True

    def put(self, text: str, kind: str, spots: list[tuple[float, float, str]]) -> Label | None:
        """Write a word at the first spot with room for it; a spot is the position of the anchor on the baseline."""
        wide = len(text) * _GLYPH * (1.5 if kind in ("region", "country") else 1.0) + 4
        for x, y, anchor in spots:
            left = x - {"start": 0.0, "middle": wide / 2, "end": wide}[anchor]
            if self.take((left, y - _LINE + 2, left + wide, y + 4)):
                return Label(x, y, text, kind, anchor)
        return None


def around(x: float, y: float, reach: float) -> list[tuple[float, float, str]]:
    """Places for a pin's name: right, above, below, left."""
    return [
        (x + reach + 4, y + 4, "start"),
        (x, y - reach - 8, "middle"),
        (x, y + reach + 16, "middle"),
        (x - reach - 4, y + 4, "end"),
    ]


def ground_labels(names: list[Name], room: FreeSpace, zoom: float) -> list[Label]:
    """The names of waters, countries or regions, then of towns, as many as there is room for."""
    found: list[Label | None] = []
    # A large lake has several places for its name, and is named once.
    said: set[str] = set()
    for name in names:
        is_shown = name.kind == "sea" or (name.kind == "country" and zoom <= _REGION_ZOOM)
        if is_shown and name.text not in said:
            word = _(name.text) if name.kind == "sea" else name.text
            if label := room.put(word, name.kind, [(name.x, name.y, "middle")]):
                found.append(label)
                said.add(name.text)
    towns = [name for name in names if name.kind == "town"]
    if zoom > _REGION_ZOOM:
        found += [room.put(text, "region", [(x, y, "middle")]) for text, x, y in _regions(towns, room)]
    placed = 0
    for town in sorted(towns, key=lambda one: -one.size):
        if placed == _TOWNS_MOST:
            break
        if label := room.put(town.text, "town", [(town.x, town.y - 5, "middle"), (town.x, town.y + 14, "middle")]):
            found.append(label)
            found.append(Label(town.x, town.y, "", "dot"))
            placed += 1
    return [label for label in found if label]


def _regions(towns: list[Name], room: FreeSpace) -> list[tuple[str, float, float]]:
    """Each region with enough towns on the map, at the centre of these towns."""
    inside: dict[str, list[Name]] = defaultdict(list)
    for town in towns:
        if town.region and 0 < town.x < room.width and 0 < town.y < room.height:
            inside[town.region].append(town)
    return [
        (region, sum(one.x for one in here) / len(here), sum(one.y for one in here) / len(here))
        for region, here in sorted(inside.items(), key=lambda item: -len(item[1]))
        if len(here) >= _TOWNS_OF_REGION
    ]
