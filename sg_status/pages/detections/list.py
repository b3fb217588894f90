"""Detections of all the viewer's stations: which tags were heard where, and the stations that heard most."""

from typing import Any, Final

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from fleet.core import clock
from fleet.core.csv_file import csv_response
from fleet.core.errors import InvalidInput
from fleet.organizations.access import Viewer
from fleet.stations.models import Station
from fleet.stations.selectors import station_visible
from fleet.telemetry.exports import TAG_HOUR_HEAD, tag_hour_rows
from fleet.telemetry.heard.covered import parts_covered
from fleet.telemetry.heard.question import HeardQuestion
from fleet.telemetry.heard.tag_hours import tag_hours_due
from fleet.telemetry.heard.tags import station_rows, tag_parts, tags_in_parts
from sg_status.access import page
from sg_status.menu import MenuEntry, Part
from sg_status.pages.detections.drawing import STEPS, axis_of, bars_of, heat_of
from sg_status.pages.detections.filters import DetectionFilter, asked_read
from sg_status.pages.detections.tags_table import tags_shown
from sg_status.pages.detections.verdict import verdict_of
from sg_status.window import SPANS

MENU = MenuEntry(_("Detections"), "detections", 40, "waves", Part.WATCH, under=("/tags/",))

#: Stations with a strip; the others are in the table of tags and in the file.
STRIPS_MOST: Final = 12


@page
@require_safe
def detections(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """The tags of a period over all stations, and strips for the stations that heard the most."""
    asked = asked_read(request.GET, newest=None, moment=clock.now())
    stations = _stations(viewer, asked)
    question = _question(stations, asked)
    tags = tags_shown(request, viewer, question, asked, stations)
    context = {
        "asked": asked,
        "window": asked.window,
        "spans": SPANS,
        "query_fixed": asked.window.query_fixed(request.GET),
        "tags": tags,
        "verdict": verdict_of(tags.found, asked.when, []),
        "due": tag_hours_due(station_ids=question.station_ids),
        "has_stations": bool(question.station_ids),
        "timezone": "",
        **({} if tags.found is None else _drawn(stations, question, asked)),
    }
    return render(request, "sg_status/detections/list.html", context)


@page
@require_safe
def detections_csv(request: HttpRequest, viewer: Viewer) -> HttpResponseBase:
    """Every hour of every tag of the shown period, with the same filters."""
    asked = asked_read(request.GET, newest=None, moment=clock.now())
    serials = dict(_stations(viewer, asked).values_list("pk", "serial"))
    question = HeardQuestion(list(serials), asked.parts().start, asked.parts().end, asked.port, asked.tag)
    try:
        rows = tag_hour_rows(question=question, serials=serials)
    except InvalidInput as error:
        messages.error(request, str(error))
        return redirect(f"{reverse('detections')}?{request.GET.urlencode()}")
    return csv_response(request, name="detections.csv", head=TAG_HOUR_HEAD, rows=rows)


def _stations(viewer: Viewer, asked: DetectionFilter) -> QuerySet[Station]:
    """The stations of the viewer that match the filter; retired ones too, because their tags were heard."""
    stations = station_visible(viewer)
    if asked.station:
        stations = stations.filter(Q(serial__icontains=asked.station) | Q(name__icontains=asked.station))
    return stations


def _question(stations: QuerySet[Station], asked: DetectionFilter) -> HeardQuestion:
    parts = asked.parts()
    ids = list(stations.order_by("pk").values_list("pk", flat=True))
    return HeardQuestion(ids, parts.start, parts.end, asked.port, asked.tag)


def _drawn(stations: QuerySet[Station], question: HeardQuestion, asked: DetectionFilter) -> dict[str, Any]:
    """The tags in each part of the period, and the strips."""
    parts = asked.parts()
    rows, count = station_rows(question=question, least=asked.least, limit=STRIPS_MOST)
    ids = [row.station_id for row in rows]
    known = stations.in_bulk(ids)
    counted = tag_parts(question=question, parts=parts, by="station", among=ids)
    covered = parts_covered(station_ids=ids, parts=parts)
    heard = tags_in_parts(question=question, parts=parts, least=asked.least)
    shown = [(known[number], counted[number], covered[number]) for number in ids if number in known]
    return {
        "parts": parts,
        "steps": STEPS,
        "axis": axis_of(parts, clock.now()),
        "per_part": bars_of(heard, parts) if any(heard) else None,
        "heat": heat_of([(one.name or one.serial, one.serial, values, had) for one, values, had in shown], parts),
        "stations": count,
        "strips_most": STRIPS_MOST,
    }


urlpatterns = [
    path("detections/", detections, name="detections"),
    path("detections.csv", detections_csv, name="detections-csv"),
]
