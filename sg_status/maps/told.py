"""Data for the script of a map: clusters, words, and the addresses of the ground and the tiles."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from django.conf import settings
from django.http import QueryDict
from django.templatetags.static import static
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from fleet.core.spoken import decimal_mark
from sg_status.maps.ground import ground_index
from sg_status.maps.pins import Cluster, Pin, clusters_of, pins_fit, word_of
from sg_status.maps.sectors import Beam, beam_path
from sg_status.maps.view import ZOOM_MOST, View
from sg_status.maps.waters import WATERS
from sg_status.shapes import STATES

#: For each state, and for a plain place: the class that colours it, and its shape in the sprite.
SHAPES: Final = {**STATES, "": ("", "pin")}
#: West, south, east and north of a map without pins: the part of the earth where people live.
_EARTH: Final = (-170.0, -55.0, 175.0, 72.0)
#: Maximum pins named in a cluster that zooming in cannot split.
_NAMED_MOST: Final = 12
#: The largest width or height of a view in pixels, and how far beyond its edge pins are sent.
_SIDE_MOST, _MARGIN = 4_000, 120.0
_BEAM_PX: Final = 64.0
#: The credits that the licences of well-known tiles ask for.
_ATTRIBUTIONS: Final = {
    "openstreetmap.org": "© OpenStreetMap contributors",
    "opentopomap.org": "© OpenStreetMap contributors, SRTM; map style © OpenTopoMap (CC-BY-SA)",
    "arcgisonline.com": "Imagery © Esri, Maxar, Earthstar Geographics",
    "basemap.de": "© basemap.de / BKG",
}


def map_words(**told: Any) -> str:
    """The JSON of a map's `data-map`. What every map needs is added: ground, tiles, words."""
    tiles, attribution = _tiles()
    common = {
        "ground": static("vendor/ground/index.json") if ground_index() else "",
        "cells": f"{settings.STATIC_URL}vendor/ground/",
        "sprite": static("sprite.svg"),
        "tiles": tiles,
        "attribution": attribution,
        "mark": decimal_mark(),
        # Only waters that have another name in this language.
        "waters": {name: word for name, *_place in WATERS if (word := _(name)) != name},
        "words": {
            "nearer": _("Zoom in"),
            "farther": _("Zoom out"),
            "more": _("and {n} more"),
            "drag": _("The position of this site; drag it to move it"),
            "searching": _("Waiting for the position of this phone …"),
            "found": _("Position taken, within {m} m. Save to keep it."),
            "refused": _("This phone gave no position. Allow it for this page, or go where it sees the sky."),
        },
    }
    return msgspec.json.encode({**common, **told}).decode()


def map_told(
    pins: Sequence[Pin],
    *,
    label: str | Promise,
    source: str = "",
    edit: str = "",
    is_kept: bool = False,
    at: View | None = None,
    beams: Sequence[Beam] = (),
    track: Sequence[tuple[float, float, str]] = (),
    apart: Sequence[tuple[float, float]] = (),
) -> str:
    """The `data-map` of a page's map: its pins, beams, track and view, for the script.

    `source` is the address that answers with the pins of a view; without it all pins are in the page. `edit` is the
    prefix of the ids of a form's coordinates. `is_kept`: the view goes into the address. `track` has latitude,
    longitude and words, `apart` longitude and latitude.
    """
    corners = pins_fit(pins) + [(lon, lat) for lat, lon, _said in track] + list(apart)
    here = {"at": (at.latitude, at.longitude), "zoom": at.zoom} if at else {}
    return map_words(
        label=str(label),
        bounds=_bounds(corners),
        pins=source,
        points=[] if source else [_single(Cluster([pin], 0.0, 0.0)) for pin in pins],
        edit=edit,
        kept=is_kept,
        beams=[_beam(one) for one in beams],
        track=track,
        apart=[(lat, lon) for lon, lat in apart],
        **here,
    )


def view_asked(query: QueryDict) -> View | None:
    """The view in an address: `at=latitude,longitude,zoom`, and `width` and `height` in pixels; None if invalid."""
    try:
        latitude, longitude, zoom = (float(part) for part in query.get("at", "")[:60].split(","))
        width, height = (int(query.get(name, "1016")[:6]) for name in ("width", "height"))
    except ValueError:
        return None
    # NaN is refused too: comparisons with it are false.
    is_place = abs(latitude) <= 90 and abs(longitude) <= 360 and 0 <= zoom <= ZOOM_MOST
    is_size = 0 < width <= _SIDE_MOST and 0 < height <= _SIDE_MOST
    return View(longitude, latitude, zoom, width, height) if is_place and is_size else None


def pins_told(pins: Sequence[Pin], view: View) -> list[dict[str, Any]]:
    """The pins of a view and a margin around it, combined into clusters, for the script."""
    return [
        _single(each) if len(each.pins) == 1 else _several(each) for each in clusters_of(pins, view, margin=_MARGIN)
    ]


def _tiles() -> tuple[dict[str, str], str]:
    """Source of the tiles, and their credit: the operator's words, else a known credit, else the server's name."""
    named = settings.ROOST_TILES_ATTRIBUTION
    if settings.ROOST_TILES_URL:
        host = urlsplit(settings.ROOST_TILES_URL).netloc.removeprefix("{s}.")
        known = next((words for end, words in _ATTRIBUTIONS.items() if host.endswith(end)), host)
        return {"url": settings.ROOST_TILES_URL}, named or known
    # A tile file contains its own credit.
    return ({"file": reverse("tiles-file")}, named) if settings.ROOST_TILES_FILE else ({}, "")


def _single(cluster: Cluster) -> dict[str, Any]:
    pin = cluster.pins[0]
    told = {**_named(pin), "lat": pin.latitude, "lon": pin.longitude, "words": pin.words}
    return {**told, "radius": pin.radius_m} if pin.radius_m else told


def _several(cluster: Cluster) -> dict[str, Any]:
    south, west, north, east = cluster.bounds
    return {
        "lat": cluster.pins[0].latitude,
        "lon": cluster.pins[0].longitude,
        "groups": [
            {"kind": SHAPES[state][0], "shape": SHAPES[state][1], "count": count} for state, count in cluster.groups
        ],
        "more": cluster.more,
        "words": cluster.words,
        "bounds": ((south, west), (north, east)),
        "pins": [_named(pin) for pin in cluster.pins[:_NAMED_MOST]],
        "left": max(len(cluster.pins) - _NAMED_MOST, 0),
    }


def _named(pin: Pin) -> dict[str, Any]:
    kind, shape = SHAPES[pin.state]
    note = pin.note or word_of(pin.state)
    return {"name": pin.name, "kind": kind, "shape": shape, "address": pin.address, "note": note}


def _beam(beam: Beam) -> dict[str, Any]:
    words = _("Antenna on port %(port)d") % {"port": beam.port}
    return {"lat": beam.latitude, "lon": beam.longitude, "path": beam_path(beam, 0.0, 0.0, _BEAM_PX), "words": words}


def _bounds(corners: Sequence[tuple[float, float]]) -> tuple[float, float, float, float]:
    if not corners:
        return _EARTH
    lons, lats = [lon for lon, _lat in corners], [lat for _lon, lat in corners]
    west, east = min(lons), max(lons)
    if east - west > 180:
        # Shorter across the date line.
        turned = [lon % 360 for lon in lons]
        west, east = min(turned), max(turned)
    return west, min(lats), east, max(lats)
