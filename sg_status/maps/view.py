"""The part of the earth that a map shows, in the projection of web maps (Mercator, tiles of 256 pixels)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

TILE: Final = 256
#: Beyond this latitude the projection's height grows without limit.
LATITUDE_MOST: Final = 85.0
ZOOM_MOST: Final = 18.0
#: The closest zoom of a fitted map: around a single place it shows a day's walk.
ZOOM_FITTED_MOST: Final = 10.0
#: Room for the shapes and names at the edge of a fitted map, in pixels.
_MARGIN: Final = 48.0


@dataclass(frozen=True, slots=True)
class View:
    """The middle of a map, its zoom (256·2^zoom pixels around the equator), and its size in pixels."""

    longitude: float
    latitude: float
    zoom: float
    width: int
    height: int

    @property
    def scale(self) -> float:
        """Pixels around the equator."""
        return float(TILE * math.exp2(self.zoom))

    def pixels(self, longitude: float, latitude: float) -> tuple[float, float]:
        """A place in pixels from the map's upper left corner; of its repetitions around the earth, the nearest."""
        turn = (longitude - self.longitude + 180.0) % 360.0 - 180.0
        x = self.width / 2 + turn / 360.0 * self.scale
        return x, self.height / 2 + (_south(latitude) - _south(self.latitude)) * self.scale

    def bounds(self, margin: float = 0.0) -> tuple[float, float, float, float]:
        """West, south, east and north, with a margin in pixels. East may be beyond 180°."""
        half = (self.width / 2 + margin) / self.scale * 360.0
        up, down = (_south(self.latitude) + sign * (self.height / 2 + margin) / self.scale for sign in (-1, 1))
        return self.longitude - half, _latitude(down), self.longitude + half, _latitude(up)

    @property
    def metres(self) -> float:
        """Metres of one pixel in the middle of the map."""
        return 40_075_017.0 * math.cos(math.radians(self.latitude)) / self.scale


def view_fit(
    places: Sequence[tuple[float, float]], width: int, height: int, *, zoom_most: float = ZOOM_FITTED_MOST
) -> View:
    """The view that shows all places, given as longitude and latitude; without any, the whole earth."""
    if not places:
        return View(0.0, 20.0, max(math.log2(width / TILE), 0.0), width, height)
    west, east = _span([lon for lon, _lat in places])
    tops = [_south(lat) for _lon, lat in places]
    across, down = (east - west) / 360.0, max(tops) - min(tops)
    room_x, room_y = max(width - 2 * _MARGIN, 80.0), max(height - 2 * _MARGIN, 60.0)
    zooms = [math.log2(room / (TILE * part)) for room, part in ((room_x, across), (room_y, down)) if part > 1e-9]
    zoom = max(min([*zooms, zoom_most]), 0.0)
    return View((west + east) / 2, _latitude((max(tops) + min(tops)) / 2), zoom, width, height)


def _span(longitudes: list[float]) -> tuple[float, float]:
    """The shortest stretch that holds all longitudes; its east may be beyond 180°."""
    ordered = sorted({lon % 360.0 for lon in longitudes})
    gaps = [(after - before, after) for before, after in zip(ordered, [*ordered[1:], ordered[0] + 360.0], strict=True)]
    widest, begin = max(gaps)
    west = (begin + 180.0) % 360.0 - 180.0
    return west, west + 360.0 - widest


def _south(latitude: float) -> float:
    """How far a latitude is below the upper edge of the map of the earth, as a share of the map's width."""
    shown = math.radians(min(max(latitude, -LATITUDE_MOST), LATITUDE_MOST))
    return 0.5 - math.log(math.tan(math.pi / 4 + shown / 2)) / (2 * math.pi)


def _latitude(south: float) -> float:
    return math.degrees(2 * math.atan(math.exp((0.5 - south) * 2 * math.pi)) - math.pi / 2)
