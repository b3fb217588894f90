"""A station's events, newest first by its own clock."""

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

from fleet.organizations.access import Viewer
from fleet.telemetry.selectors import event_list
from sg_status.access import page
from sg_status.pages.station.frame import station_of, station_render

LIST_SIZE = 100


@page
@require_safe
def station_events(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """A page of events; `before` in the URL is the end of the previous page."""
    station = station_of(viewer, serial)
    events = list(event_list(station=station, end=_moment_of(request.GET.get("before", "")))[: LIST_SIZE + 1])
    shown = events[:LIST_SIZE]
    context = {
        "events": shown,
        "older": shown[-1].placed_at.isoformat() if len(events) > LIST_SIZE else "",
        "is_first": "before" not in request.GET,
    }
    return station_render(request, viewer, station, "sg_status/station/events.html", context, tab="station-events")


def _moment_of(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text[:40])
    except ValueError:
        return None
    return moment if moment.tzinfo else None


urlpatterns = [path("stations/<serial:serial>/events/", station_events, name="station-events")]
