"""The files that a station holds on its own disk: where each is between the station and the store."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

from fleet.holdings.selectors import STATES, held_list, held_sums, holding_of
from fleet.holdings.words import left_sentences
from fleet.organizations.access import Viewer
from sg_status.access import page
from sg_status.pages.station.frame import station_of, station_render

PAGE_SIZE = 100


@page
@require_safe
def station_held(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """Every file of the station's manifest, the last path first; state, search and page are in the URL."""
    station = station_of(viewer, serial)
    state, search = request.GET.get("state", ""), request.GET.get("q", "")[:100]
    asked = state if state in STATES else None
    holding, sums = holding_of(station=station), held_sums(station=station)
    rows = held_list(station=station, state=asked or "", search=search)
    pages = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "pages": pages,
        "rows": [(one, STATES[one.state]) for one in pages.object_list],  # type: ignore[attr-defined]
        "sums": [(name, STATES[name], each) for name, each in sums.items()],
        "listed": sum(each.files for each in sums.values()),
        "asked": asked,
        "search": search,
        "holding": holding,
        "sentences": left_sentences(holding) if holding else [],
    }
    return station_render(request, viewer, station, "sg_status/station/held.html", context, tab="station-files")


urlpatterns = [path("stations/<serial:serial>/files/held/", station_held, name="station-held")]
