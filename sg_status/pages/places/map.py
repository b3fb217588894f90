"""The map of a page about places: the drawing for its template, and the data for its script."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from fleet.deployments.places import PlaceShown
from sg_status.maps.drawing import HALF, LOW, map_drawn
from sg_status.maps.pins import Pin, pins_fit
from sg_status.maps.sectors import Beam
from sg_status.maps.told import map_told, pins_told, view_asked
from sg_status.maps.view import view_fit

LABEL = gettext_lazy("Map; the table shows the same information")


def place_pin(place: PlaceShown, name: str, address: str = "") -> list[Pin]:
    """The pin of a place as the viewer may see it; empty without coordinates."""
    if place.latitude is None or place.longitude is None:
        return []
    return [Pin(place.latitude, place.longitude, name, address=address, radius_m=place.radius_m)]


def map_context(
    pins: Sequence[Pin],
    *,
    label: str | Promise = LABEL,
    source: str = "",
    edit: str = "",
    beams: Sequence[Beam] = (),
    track: Sequence[tuple[float, float, str]] = (),
    apart: Sequence[tuple[float, float]] = (),
    wide: tuple[int, int] = HALF,
) -> dict[str, Any]:
    """`map`, `told` and `label` for the template; see `map_told`. `wide` is its size on a desk."""
    path = [(longitude, latitude) for latitude, longitude, _words in track]
    return {
        "map": map_drawn(pins, sizes=(wide, LOW), beams=beams, track=path, apart=apart),
        "told": map_told(pins, label=label, source=source, edit=edit, beams=beams, track=track, apart=apart),
        "label": label,
    }


def pins_answer(request: HttpRequest, pins: Sequence[Pin]) -> JsonResponse:
    """The pins of the view in the address as JSON; without one, of the view that shows all."""
    view = view_asked(request.GET) or view_fit(pins_fit(pins), *HALF)
    return JsonResponse({"pins": pins_told(pins, view)})
