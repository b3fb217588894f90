"""The bars of a status page's 90 days: people can tell them apart by shape, without colour."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from fleet.status_pages.standing import StatusDay

#: Units of the drawing: a day, its bar, and the height of all.
STEP: Final = 10
BAR: Final = 8
HEIGHT: Final = 32
#: The class of each kind of shape; the thin ones stand in the middle of their day.
_WIDE: Final = {"heard": "c1", "down": "our"}
_THIN: Final = {"missing": "c0", "asleep": "res"}
_THIN_WIDTH: Final = 2


class BarPath(NamedTuple):
    """All bars of one kind as one path, which keeps a page with many of them small."""

    kind: str
    path: str


def bars_of(days: Sequence[StatusDay]) -> list[BarPath]:
    """The bars by kind. A full bar is a day without gaps; the bar of a day with gaps is shorter the more is missing."""
    found: dict[str, list[str]] = {}
    for place, day in enumerate(days):
        for kind, height in _shapes(day):
            width = BAR if kind in _WIDE else _THIN_WIDTH
            x = place * STEP + (BAR - width) // 2
            found.setdefault(kind, []).append(f"M{x} {HEIGHT}v-{height}h{width}v{height}z")
    return [BarPath((_WIDE | _THIN)[kind], "".join(parts)) for kind, parts in found.items()]


def _shapes(day: StatusDay) -> Iterable[tuple[str, int]]:
    match day.kind:
        case "ok":
            yield "heard", HEIGHT
        case "part":
            yield "missing", HEIGHT
            yield "heard", max(round(HEIGHT * 0.75 * day.heard / (day.heard + day.missing)), 3)
        case "silent":
            yield "missing", HEIGHT
        case "down":
            yield "down", HEIGHT
        case "asleep":
            yield "asleep", HEIGHT
