"""A station's events as sentences, newest first by its own clock; routine ones are folded."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.functional import Promise
from django.views.decorators.http import require_safe

from fleet.core import clock
from fleet.organizations.access import Viewer
from fleet.telemetry.selectors import event_list
from sg_status.access import page
from sg_status.event_words.registry import KINDS, OTHER, WORDS, names_of
from sg_status.event_words.rows import event_rows
from sg_status.pages.station.frame import station_of, station_render

LIST_SIZE: Final = 200


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of events by which the page filters; an empty name is all of them."""

    name: str
    label: str | Promise


@page
@require_safe
def station_events(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """A page of events. In the URL, `before` is the end of the previous page, and `kind` filters."""
    station = station_of(viewer, serial)
    moment = clock.now()
    kind = request.GET.get("kind", "")
    kind = kind if kind in KINDS else ""
    found = event_list(
        station=station,
        end=_moment_of(request.GET.get("before", "")),
        names=names_of(kind) if kind and kind != OTHER else (),
        without=list(WORDS) if kind == OTHER else (),
    )
    events = list(found[: LIST_SIZE + 1])
    shown = events[:LIST_SIZE]
    context = {
        "rows": event_rows(shown, moment),
        "kinds": [Kind(name, label) for name, label in KINDS.items()],
        "kind": kind,
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
