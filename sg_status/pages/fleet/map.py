"""The map of all stations: pins by state, stations that need attention, and a list with every place in words."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.core.paginator import Paginator
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from fleet.alerts.attention import (
    STATES,
    attention_list,
    fleet_list,
    fleet_narrow,
    fleet_totals,
)
from fleet.commands.selectors import stations_commanded
from fleet.core import clock
from fleet.deployments.whereabouts import Whereabouts, whereabouts_of
from fleet.organizations.access import Viewer
from fleet.stations.models import Station
from fleet.telemetry.condition.displacement import Displacement, displacements, positions_newest
from fleet.telemetry.positions import TrackPoint
from sg_status.access import page
from sg_status.maps.drawing import map_drawn
from sg_status.maps.pins import Pin
from sg_status.maps.told import map_told, view_asked
from sg_status.maps.view import ZOOM_MOST, View
from sg_status.menu import MenuEntry, Part
from sg_status.pages.fleet.address import choices_read, narrowing_read
from sg_status.pages.fleet.list import fleet_verdict
from sg_status.pages.fleet.needs import Need, needs_of
from sg_status.pages.fleet.rows import rows_of
from sg_status.pages.places.map import pins_answer

MENU = MenuEntry(gettext_lazy("Map"), "map", 30, "map", Part.WATCH)

PAGE_SIZE: Final = 100
#: Maximum stations shown with a sentence because they need attention; the list below has all.
ATTENTION_MOST: Final = 12
#: Maximum stations on one map.
STATIONS_MOST: Final = 20_000
LABEL: Final = gettext_lazy("Map of the stations; the list below it says the same in words")


@dataclass(frozen=True, slots=True)
class Placed:
    """A station in the list: where people say it is, where its GPS says it is, and whether the two disagree."""

    serial: str
    name: str
    state: str
    place: Whereabouts | None
    fix: TrackPoint | None
    displacement: Displacement | None

    @property
    def is_by_gps(self) -> bool:
        """Whether only its GPS says where it is."""
        return self.fix is not None and (self.place is None or self.place.latitude is None)

    @property
    def pin(self) -> Pin | None:
        """Its pin: where people say it is, else where its GPS says."""
        at = self.fix if self.is_by_gps else self.place
        if at is None or at.latitude is None or at.longitude is None:
            return None
        note = f"· {self.displacement.mark.word}" if self.displacement else ""
        return Pin(at.latitude, at.longitude, self.name, self.state, reverse("station", args=[self.serial]), note=note)


@page
@require_safe
def fleet_map(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """The map. Filters, the view (`at`) and the page of the list are in the URL, as on the page of all stations."""
    moment, narrowing, at = clock.now(), narrowing_read(request.GET), view_asked(request.GET)
    everything = fleet_list(viewer=viewer, **narrowing.filters)
    totals, stations = fleet_totals(everything), fleet_narrow(everything, narrowing.state)
    placed = _placed(stations, moment)
    pins = [pin for one in placed if (pin := one.pin)]
    kept = request.GET.copy()
    for key in ("at", "width", "height", "page"):
        kept.pop(key, None)
    source = f"{reverse('map-pins')}?{kept.urlencode()}"
    context = {
        **fleet_verdict(totals, narrowing, choices_read(viewer, narrowing)),
        "totals": totals,
        "narrowing": narrowing,
        "needs": _needs(viewer, stations, moment) if totals.needing else [],
        "pages": Paginator(placed, PAGE_SIZE).get_page(request.GET.get("page")),
        "nowhere": len(placed) - len(pins),
        "is_cut": len(placed) == STATIONS_MOST,
        "map": map_drawn(pins, at=at),
        "told": map_told(pins, label=LABEL, source=source, is_kept=True, at=at),
        "near": f"{reverse('map')}?{kept.urlencode()}&at=",
        "steps": _steps(at),
        "label": LABEL,
    }
    part = "map_live" if request.headers.get("HX-Request") else "map"
    return render(request, f"sg_status/fleet/{part}.html", context)


@page
@require_safe
def map_pins(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """The pins of one view as JSON, with the filters of the page."""
    narrowing = narrowing_read(request.GET)
    stations = fleet_narrow(fleet_list(viewer=viewer, **narrowing.filters), narrowing.state)
    return pins_answer(request, [pin for one in _placed(stations, clock.now()) if (pin := one.pin)])


def _placed(stations: QuerySet[Any], moment: datetime) -> list[Placed]:
    """Every station with its place, the most urgent first; three queries, however many there are."""
    rows = list(
        stations.order_by(F("fleet_rank"), "name", "serial").values_list("pk", "serial", "name", F("fleet_rank"))[
            :STATIONS_MOST
        ]
    )
    numbers = [number for number, *_rest in rows]
    places = whereabouts_of(stations=numbers, moment=moment)
    fixes = positions_newest(stations=numbers, until=moment)
    displaced = displacements(places=places, fixes=fixes)
    return [
        Placed(serial, name or serial, STATES[rank], places.get(number), fixes.get(number), displaced.get(number))
        for number, serial, name, rank in rows
    ]


def _needs(viewer: Viewer, stations: QuerySet[Station], moment: datetime) -> list[Need]:
    found = list(attention_list(stations)[:ATTENTION_MOST])
    rows = rows_of(found, moment)
    return needs_of([rows[one.pk] for one in found], viewer, commanded=stations_commanded(stations=found))


def _steps(at: View | None) -> list[tuple[str, str]]:
    """Links that zoom in and out by one step, for maps without scripts: their words and views."""
    if at is None:
        return []
    place = f"{at.latitude:.4f},{at.longitude:.4f}"
    return [
        (_("Zoom in"), f"{place},{min(at.zoom + 1, ZOOM_MOST):g}"),
        (_("Zoom out"), f"{place},{max(at.zoom - 1, 0.0):g}"),
    ]


urlpatterns = [
    path("map/", fleet_map, name="map"),
    path("map/pins.json", map_pins, name="map-pins"),
]
