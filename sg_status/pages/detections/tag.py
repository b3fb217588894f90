"""One tag: at which of the viewer's stations it was heard and where, when first and last, and how often."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import path, register_converter, reverse
from django.urls.converters import StringConverter
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from fleet.core import clock
from fleet.core.csv_file import csv_response
from fleet.core.errors import InvalidInput, NotFound
from fleet.core.spoken import local_words
from fleet.deployments.models import Deployment
from fleet.deployments.places import PlaceShown, place_shown
from fleet.deployments.selectors import deployments_visible
from fleet.organizations.access import Viewer
from fleet.stations.models import Station
from fleet.stations.selectors import station_visible
from fleet.sync.motus.tags import tag_names
from fleet.telemetry.exports import TAG_HOUR_HEAD, tag_hour_rows
from fleet.telemetry.heard.covered import parts_covered
from fleet.telemetry.heard.places import places_heard
from fleet.telemetry.heard.question import HOUR, HeardQuestion, hour_of, parts_of
from fleet.telemetry.heard.tags import StationRow, station_rows, tag_parts, tag_span
from sg_status.access import page
from sg_status.maps.drawing import LONG, LOW, map_drawn
from sg_status.maps.pins import Pin
from sg_status.pages.detections.drawing import STEPS, axis_of, heat_of
from sg_status.pages.places.map import place_pin
from sg_status.window import SPANS

PAGE_SIZE: Final = 25
#: The whole time since the tag was first heard.
ALL: Final = "all"
TAG_SPANS: Final[dict[str, tuple[Promise, timedelta | None]]] = {ALL: (gettext_lazy("all"), None), **SPANS}


class HeardTagConverter(StringConverter):
    """A tag in an address: as stations write it, slashes and line breaks included."""

    regex = r"(?s:.){1,64}"


register_converter(HeardTagConverter, "heard_tag")


@dataclass(frozen=True, slots=True)
class HeardTag:
    """The tag, when it was first and last heard at the viewer's stations, and what the address asks about."""

    tag: str
    first_at: datetime
    last_at: datetime
    span: str
    serials: dict[int, str]
    question: HeardQuestion


@dataclass(frozen=True, slots=True)
class TagAtStation:
    """One station that heard it. `deployment` is the present one, with its site."""

    row: StationRow
    station: Station
    deployment: Deployment | None
    ports: str

    @property
    def name(self) -> str:
        """The station's name, or its serial if it has none."""
        return self.station.name or self.station.serial


@page
@require_safe
def heard_tag(request: HttpRequest, viewer: Viewer, heard_tag: str) -> HttpResponse:
    """The stations in the order in which they first heard it, a strip for each."""
    heard = _heard(request, viewer, heard_tag)
    number = request.GET.get("page", "1")
    wanted = int(number) if number.isascii() and number.isdigit() and len(number) < 7 else 1
    rows, count = _rows(heard, wanted)
    pages = Paginator(range(count), PAGE_SIZE).get_page(wanted)
    if pages.number != wanted:
        rows, count = _rows(heard, pages.number)
    ids = [row.station_id for row in rows]
    known = station_visible(viewer).select_related("organization").in_bulk(ids)
    moment = clock.now()
    places = {one.station_id: one for one in deployments_visible(viewer=viewer, moment=moment).filter(station__in=ids)}
    parts = parts_of(heard.question.start, heard.question.end)
    counted = tag_parts(question=heard.question, parts=parts, by="station", among=ids)
    covered = parts_covered(station_ids=ids, parts=parts)
    shown = [
        TagAtStation(row, known[row.station_id], places.get(row.station_id), ", ".join(map(str, row.ports)))
        for row in rows
        if row.station_id in known
    ]
    strips = [(one.name, one.station.serial, counted[one.station.pk], covered[one.station.pk]) for one in shown]
    context = {
        "heard": heard,
        "name": tag_names(viewer=viewer, tags=[heard.tag]).get(heard.tag.upper(), ""),
        **_places(viewer, heard, moment),
        "spans": TAG_SPANS,
        "rows": shown,
        "pages": pages,
        "count": count,
        "newest": max((one for one in shown), key=lambda one: one.row.last_at, default=None),
        "total": sum(row.count for row in rows),
        "parts": parts,
        "steps": STEPS,
        "axis": axis_of(parts, moment),
        "heat": heat_of(strips, parts),
        "timezone": "",
    }
    return render(request, "sg_status/detections/tag.html", context)


@page
@require_safe
def heard_tag_csv(request: HttpRequest, viewer: Viewer, heard_tag: str) -> HttpResponseBase:
    """Every hour of the tag in the shown span."""
    heard = _heard(request, viewer, heard_tag)
    try:
        rows = tag_hour_rows(question=heard.question, serials=heard.serials)
    except InvalidInput as error:
        messages.error(request, str(error))
        return redirect(reverse("heard-tag", args=[heard_tag]))
    return csv_response(request, name="tag.csv", head=TAG_HOUR_HEAD, rows=rows)


def _heard(request: HttpRequest, viewer: Viewer, tag: str) -> HeardTag:
    """The tag in the address. Raises `NotFound` also if only stations that the viewer may not see heard it."""
    serials = dict(station_visible(viewer).values_list("pk", "serial"))
    until = clock.now() + HOUR
    found = tag_span(station_ids=list(serials), tag=tag, until=until) if "\x00" not in tag else None
    if found is None:
        raise NotFound(_("No station that you may see has heard the tag %(tag)s.") % {"tag": tag})
    first_at, last_at, written = found
    span = request.GET.get("span", ALL)
    length = TAG_SPANS.get(span, (None, None))[1]
    start, end = (first_at, last_at + HOUR) if length is None else (until - length, until)
    question = HeardQuestion(list(serials), hour_of(start), end, None, tag)
    return HeardTag(written, first_at, last_at, ALL if length is None else span, serials, question)


def _places(viewer: Viewer, heard: HeardTag, moment: datetime) -> dict[str, Any]:
    """The map of deployments that heard the tag, where the viewer may know their places, and its track between them."""
    rows, count = places_heard(question=heard.question)
    known = deployments_visible(viewer=viewer).in_bulk([row.deployment_id for row in rows])
    pins: dict[tuple[float, float], Pin] = {}
    track: list[tuple[float, float]] = []
    for row in rows:
        deployment = known.get(row.deployment_id)
        place = PlaceShown() if deployment is None else place_shown(viewer=viewer, deployment=deployment, moment=moment)
        if deployment is None or place.latitude is None or place.longitude is None:
            continue
        words = _("%(site)s, first heard %(first)s") % {
            "site": deployment.site.name,
            "first": local_words(row.first_at, moment),
        }
        for pin in place_pin(place, words, reverse("deployment", args=[deployment.pk])):
            pins.setdefault((pin.latitude, pin.longitude), pin)
        if not track or track[-1] != (place.longitude, place.latitude):
            track.append((place.longitude, place.latitude))
    drawn = map_drawn(list(pins.values()), sizes=(LONG, LOW), track=track) if pins else None
    return {"map": drawn, "places": count, "places_more": count - len(rows)}


def _rows(heard: HeardTag, number: int) -> tuple[list[StationRow], int]:
    return station_rows(
        question=heard.question, sort="first", least=1, limit=PAGE_SIZE, offset=max(number - 1, 0) * PAGE_SIZE
    )


urlpatterns = [
    path("tags/<heard_tag:heard_tag>/", heard_tag, name="heard-tag"),
    path("tags/<heard_tag:heard_tag>.csv", heard_tag_csv, name="heard-tag-csv"),
]
