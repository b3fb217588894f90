"""Choosing which of the station's positions are sent: all, or only those where it moved."""

import math

from formats.lines import Fix

#: Degrees by which a position must differ, about 100 m: less is GPS scatter.
MOVED = 0.001


class Places:
    """Remembers the last position sent; after a restart the first one is sent again."""

    def __init__(self) -> None:
        self.only_changes = False
        self.told: tuple[float | None, float | None] | None = None

    def is_told(self, fix: Fix) -> bool:
        """Whether this position is sent; a lost or regained fix counts as a change."""
        place = (fix.lat, fix.lon)
        if self.only_changes and self.told is not None and _is_same(self.told, place):
            return False
        self.told = place
        return True


def _is_same(before: tuple[float | None, float | None], now: tuple[float | None, float | None]) -> bool:
    if None in before or None in now:
        return before == now
    return all(math.isclose(a or 0.0, b or 0.0, rel_tol=0.0, abs_tol=MOVED) for a, b in zip(before, now, strict=True))
