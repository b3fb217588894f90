"""A map ready for its template: one ground, and on it the pins in one size for desks and one for phones."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sg_status.maps.ground import Box, GroundDrawn, ground_drawn
from sg_status.maps.labels import FreeSpace, Label, around, ground_labels
from sg_status.maps.pins import Cluster, Pin, clusters_of, pins_fit
from sg_status.maps.sectors import Beam, beam_path
from sg_status.maps.view import ZOOM_FITTED_MOST, View, view_fit

#: Places in order, each a longitude and a latitude.
Line = Sequence[tuple[float, float]]

#: Sizes of maps in pixels: on the map page, on the map page of a phone, and in a narrow column.
WIDE: Final = (1016, 590)
TALL: Final = (358, 470)
SMALL: Final = (304, 228)
#: Sizes above a table, beside facts, and of either on a phone.
LONG: Final = (1016, 400)
HALF: Final = (660, 400)
LOW: Final = (358, 300)
#: Half the width of a pin, and the widest scale bar, in pixels.
_PIN: Final = 9.5
_SCALE_MOST: Final = 140.0
_BEAM: Final = 64.0


@dataclass(frozen=True, slots=True)
class Drawn:
    """One pin, or a cluster as a pill with a part for each of its worst states."""

    x: float
    y: float
    pin: Pin
    #: Radius of the circle in which the true place is, in pixels.
    reach: float = 0.0
    #: For each part of a pill: the state, its number, and x of its shape.
    groups: list[tuple[str, int, float]] = field(default_factory=list)
    more: int = 0
    left: float = 0.0
    width: float = 0.0
    words: str = ""
    label: Label | None = None
    #: The view that a cluster's link zooms to: latitude, longitude and zoom.
    near: str = ""


@dataclass(frozen=True, slots=True)
class MapSheet:
    """One drawing: its view, the shapes on it, and the transform `move` that fits the shared ground to it."""

    view: View
    kind: str
    drawn: list[Drawn]
    labels: list[Label]
    beams: list[str]
    track: str
    apart: str
    scale_px: float
    scale_words: str
    move: str = ""


@dataclass(frozen=True, slots=True)
class MapDrawn:
    """A map for `sg_status/components/map.html`. `name` is its id on the page."""

    name: str
    ground: GroundDrawn
    sheets: list[MapSheet]
    count: int

    @property
    def view(self) -> View:
        """The view of its first drawing."""
        return self.sheets[0].view


def map_drawn(
    pins: Sequence[Pin],
    *,
    name: str = "map",
    sizes: Sequence[tuple[int, int]] = (WIDE, TALL),
    at: View | None = None,
    beams: Sequence[Beam] = (),
    track: Line = (),
    apart: Line = (),
    zoom_most: float = ZOOM_FITTED_MOST,
) -> MapDrawn:
    """Draw pins, antennas' beams, a track, and a line `apart` between two places that should be the same.

    `at`: show this centre and zoom instead of all pins.
    """
    corners = [*pins_fit(pins), *track, *apart]
    views = [_view(corners, size, at, zoom_most) for size in sizes]
    first = views[0]
    box = (0.0, 0.0, float(first.width), float(first.height))
    for view in views[1:]:
        box = _joined(box, _box_in(view, first))
    ground = ground_drawn(first, box)
    kinds = ["", "narrow"] if len(views) == 1 else ["broad", "narrow"]
    sheets = [
        _sheet(pins, view, kind, (beams, track, apart), _move(view, first) if view is not first else "")
        for view, kind in zip(views, kinds, strict=False)
    ]
    return MapDrawn(name, ground, sheets, len(pins))


def _view(corners: Sequence[tuple[float, float]], size: tuple[int, int], at: View | None, zoom_most: float) -> View:
    if at is not None:
        return View(at.longitude, at.latitude, at.zoom, *size)
    return view_fit(corners, *size, zoom_most=zoom_most)


def _sheet(
    pins: Sequence[Pin],
    view: View,
    kind: str,
    more: tuple[Sequence[Beam], Line, Line],
    move: str,
) -> MapSheet:
    beams, track, apart = more
    clusters = clusters_of(pins, view)
    room = FreeSpace(view.width, view.height)
    room.take((6.0, view.height - 40.0, 6 + _SCALE_MOST + 20, view.height - 4.0))
    room.taken += [_taken(cluster) for cluster in clusters]
    drawn = [_drawn(cluster, view, room) for cluster in clusters]
    names = ground_drawn(view).names
    scale_px, scale_words = _scale(view)
    return MapSheet(
        view=view,
        kind=kind,
        drawn=drawn,
        labels=ground_labels(names, room, view.zoom),
        beams=[beam_path(beam, *view.pixels(beam.longitude, beam.latitude), _BEAM) for beam in beams],
        track=_path(track, view),
        apart=_path(apart, view),
        scale_px=scale_px,
        scale_words=scale_words,
        move=move,
    )


def _drawn(cluster: Cluster, view: View, room: FreeSpace) -> Drawn:
    x, y, pin = round(cluster.x, 1), round(cluster.y, 1), cluster.pins[0]
    if len(cluster.pins) == 1:
        label = room.put(pin.name, "pin", around(x, y, _PIN)) if pin.name else None
        return Drawn(x, y, pin, reach=round((pin.radius_m or 0.0) / view.metres, 1), label=label)
    width = _pill(cluster)
    left = x - width / 2
    groups, at = [], left + 8
    for state, number in cluster.groups:
        groups.append((state, number, at))
        at += 18 + 7 * len(str(number)) + 5
    south, west, north, east = cluster.bounds
    near = f"{(south + north) / 2:.4f},{(west + east) / 2:.4f},{min(math.floor(view.zoom) + 2, 18)}"
    return Drawn(x, y, pin, groups=groups, more=cluster.more, left=left, width=width, words=cluster.words, near=near)


def _pill(cluster: Cluster) -> float:
    wide = 14.0 + sum(18 + 7 * len(str(number)) + 5 for _state, number in cluster.groups) - 5
    return wide + (10 + 7 * len(str(cluster.more)) if cluster.more else 0)


def _taken(cluster: Cluster) -> Box:
    half = _PIN + 2 if len(cluster.pins) == 1 else _pill(cluster) / 2
    return cluster.x - half, cluster.y - _PIN - 2, cluster.x + half, cluster.y + _PIN + 2


def _path(line: Line, view: View) -> str:
    spots = [view.pixels(*place) for place in line]
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in spots) if len(spots) > 1 else ""


def _scale(view: View) -> tuple[float, str]:
    """A bar of a round length, and its words."""
    most = _SCALE_MOST * view.metres
    power = 10.0 ** math.floor(math.log10(most))
    metres = max(step * power for step in (1, 2, 5) if step * power <= most)
    words = f"{metres / 1_000:,.0f} km".replace(",", "\u202f") if metres >= 1_000 else f"{metres:.0f} m"
    return round(metres / view.metres, 1), words


def _move(view: View, first: View) -> str:
    """The SVG transform from the first view's pixels to those of another view."""
    grown = view.scale / first.scale
    x, y = view.pixels(first.longitude, first.latitude)
    return f"translate({x - first.width / 2 * grown:.1f} {y - first.height / 2 * grown:.1f}) scale({grown:.4f})"


def _box_in(view: View, first: View) -> Box:
    grown = first.scale / view.scale
    x, y = first.pixels(view.longitude, view.latitude)
    half_x, half_y = view.width / 2 * grown, view.height / 2 * grown
    return x - half_x, y - half_y, x + half_x, y + half_y


def _joined(one: Box, other: Box) -> Box:
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])
