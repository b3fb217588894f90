"""A station's GPS track on a map, and its fixes as a table and as CSV."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path
from django.views.decorators.http import require_safe

from fleet.core import clock
from fleet.core.csv_file import Cell, csv_response
from fleet.core.spoken import local_words
from fleet.deployments.whereabouts import whereabouts_of
from fleet.organizations.access import Viewer
from fleet.stations.contact.sentences import state_shown
from fleet.stations.models import Station
from fleet.telemetry.condition.displacement import Displacement, displacement_of
from fleet.telemetry.models import Position
from fleet.telemetry.positions import (
    TRACK_MAXIMUM,
    PositionCursor,
    TrackPoint,
    position_export,
    position_list,
    position_newest_at,
    position_track,
)
from fleet.telemetry.selectors import suspicion_codes
from sg_status.access import page
from sg_status.maps.drawing import LONG
from sg_status.maps.pins import Pin
from sg_status.pages.places.map import map_context
from sg_status.pages.station.contact import contact_of
from sg_status.pages.station.frame import station_of, station_render
from sg_status.window import SPANS, Window, window_of

LIST_SIZE = 50
_CSV_HEAD = ("occurred_at", "received_at", "latitude", "longitude", "altitude_m", "source", "line", "suspicions")


@page
@require_safe
def station_positions(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """The track over a period, and a page of its fixes, newest first."""
    station = station_of(viewer, serial)
    window = _window(request, station)
    track = position_track(station=station, start=window.start, end=window.end)
    fixes, cursor = _fixes(station, window, request.GET.get("after", ""))
    displacement = displacement_of(station_id=station.pk, moment=clock.now())
    context = {
        "window": window,
        "spans": SPANS,
        "newest": position_newest_at(station=station, until=window.end),
        "track": track,
        "is_thinned": len(track) >= TRACK_MAXIMUM // 2,
        "displacement": displacement,
        **_map(station, track, displacement),
        "fixes": fixes,
        "cursor": cursor,
    }
    return station_render(
        request, viewer, station, "sg_status/station/positions.html", context, tab="station-positions"
    )


def _map(station: Station, track: Sequence[TrackPoint], displacement: Displacement | None) -> dict[str, Any]:
    """The track with the time of each position, the newest one as the station, and the place people entered."""
    moment = clock.now()
    place = whereabouts_of(stations=[station.pk], moment=moment).get(station.pk)
    pins = []
    if place is not None and place.latitude is not None and place.longitude is not None:
        pins.append(Pin(place.latitude, place.longitude, place.site))
    if track:
        pins.append(
            Pin(
                track[-1].latitude, track[-1].longitude, str(station), state_shown(station, contact_of(station), moment)
            )
        )
    said = [(one.latitude, one.longitude, local_words(one.at, moment, exact=True)) for one in track]
    # A line between the place and the station, only if they should be at the same position and are not.
    apart = [(pin.longitude, pin.latitude) for pin in pins] if displacement and len(pins) > 1 else []
    return map_context(pins, track=said, apart=apart, wide=LONG)


@page
@require_safe
def station_positions_csv(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponseBase:
    """Every fix of the shown period, oldest first."""
    station = station_of(viewer, serial)
    window = _window(request, station)
    rows = _csv_rows(position_export(station=station, start=window.start, end=window.end))
    return csv_response(request, name=f"{station.serial}-positions.csv", head=_CSV_HEAD, rows=rows)


def _window(request: HttpRequest, station: Station) -> Window:
    moment = clock.now()
    return window_of(request.GET, newest=position_newest_at(station=station, until=moment), moment=moment)


def _fixes(station: Station, window: Window, after: str) -> tuple[list[Position], str]:
    """A page of fixes, newest first, and the cursor of the next page."""
    found = position_list(
        station=station,
        start=window.start,
        end=window.end,
        after=_cursor_of(after),
        limit=LIST_SIZE + 1,
        newest_first=True,
    )
    shown = found[:LIST_SIZE]
    if len(found) <= LIST_SIZE:
        return shown, ""
    last = shown[-1]
    return shown, f"{last.occurred_at.isoformat()},{last.line},{last.source}"


def _cursor_of(text: str) -> PositionCursor | None:
    """The cursor in a URL; anything invalid starts at the beginning."""
    try:
        at, line, source = text[:80].split(",")
        moment, number = datetime.fromisoformat(at), int(line)
    except ValueError:
        return None
    is_usable = moment.tzinfo is not None and abs(number) < 2**31 and "\x00" not in source
    return PositionCursor(moment, number, source) if is_usable else None


def _csv_rows(positions: Iterator[Position]) -> Iterator[tuple[Cell, ...]]:
    for one in positions:
        yield (
            one.occurred_at.isoformat(),
            one.received_at.isoformat(),
            one.latitude,
            one.longitude,
            one.altitude_m,
            one.source,
            one.line,
            " ".join(suspicion_codes(one.flags)),
        )


urlpatterns = [
    path("stations/<serial:serial>/positions/", station_positions, name="station-positions"),
    path("stations/<serial:serial>/positions.csv", station_positions_csv, name="station-positions-csv"),
]
