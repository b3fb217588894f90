"""A station's detections: which tags it heard, heat strips by port, noise, and every single detection."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from fleet.core import clock
from fleet.core.csv_file import csv_response
from fleet.core.errors import InvalidInput
from fleet.core.spoken import duration_words
from fleet.deployments.places import place_shown
from fleet.deployments.selectors import deployment_current
from fleet.organizations.access import Viewer
from fleet.stations.models import Station
from fleet.stations.selectors import station_visible
from fleet.telemetry.clearing.detections import detections_cleared
from fleet.telemetry.cold.heard import is_heard_cold
from fleet.telemetry.condition.coverage import detection_newest_hour
from fleet.telemetry.exports import DETECTION_HEAD, detection_rows
from fleet.telemetry.heard.covered import parts_covered
from fleet.telemetry.heard.noise import DAYS, port_noise
from fleet.telemetry.heard.question import HeardQuestion, Parts
from fleet.telemetry.heard.single import detections_newest
from fleet.telemetry.heard.tag_hours import tag_hours_due
from fleet.telemetry.heard.tags import counts_in_parts, port_list, tag_parts, tags_in_parts
from fleet.telemetry.models import Detection
from fleet.telemetry.selectors import DetectionCursor, detection_total
from sg_status.access import page
from sg_status.pages.detections.drawing import STEPS, Heat, axis_of, bars_of, heat_of
from sg_status.pages.detections.filters import KINDS, DetectionFilter, asked_read
from sg_status.pages.detections.tags_table import tags_shown
from sg_status.pages.detections.verdict import noise_line, verdict_of
from sg_status.pages.station.frame import station_of, station_render
from sg_status.window import SPANS

LIST_SIZE = 50

#: Counts in each part of the time by kind and port.
Counts = dict[tuple[int, int], list[int]]


@dataclass(frozen=True, slots=True)
class PartRow:
    """One part of the time with its counts, or (with `until`) parts in which nothing was heard, in words."""

    at: datetime
    until: datetime | None
    counts: list[int]
    total: int
    words: str = ""


@page
@require_safe
def station_detections(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """The tags, hours and ports of a period, and a page of its single detections."""
    station = station_of(viewer, serial)
    newest, moment = detection_newest_hour(station=station), clock.now()
    asked = asked_read(request.GET, newest=newest, moment=moment)
    parts, kind = asked.parts(), KINDS.get(asked.kind)
    question = HeardQuestion([station.pk], parts.start, parts.end, asked.port, asked.tag)
    tags = None if asked.kind == "pulse" else tags_shown(request, viewer, question, asked, station_visible(viewer))
    noise = [] if asked.kind == "tag" or asked.tag else port_noise(station=station, end=asked.end, port=asked.port)
    single, cursor = _single(station, asked, kind, request.GET.get("after", ""))
    context = {
        "asked": asked,
        "window": asked.window,
        "spans": SPANS,
        "query_fixed": asked.window.query_fixed(request.GET),
        "newest": newest,
        "tags": tags,
        "verdict": verdict_of(tags.found, asked.when, noise) if tags else None,
        "noise": [noise_line(port) for port in noise],
        "noise_days": DAYS,
        "cleared": detections_cleared(station),
        "due": tag_hours_due(station_ids=[station.pk]),
        "total_ever": detection_total(station=station),
        "single": single,
        "is_cold": is_heard_cold(station.pk, asked.window.start, asked.window.end),
        "cursor": cursor,
        **_drawn(viewer, station, asked, parts, question, moment),
    }
    return station_render(
        request, viewer, station, "sg_status/station/detections.html", context, tab="station-detections"
    )


@page
@require_safe
def station_detections_csv(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponseBase:
    """Every detection of the shown period, with the same filters, oldest first."""
    station = station_of(viewer, serial)
    asked = asked_read(request.GET, newest=detection_newest_hour(station=station), moment=clock.now())
    window, kind = asked.window, KINDS.get(asked.kind)
    try:
        rows = detection_rows(
            station=station, start=window.start, end=window.end, kind=kind, port=asked.port, tag=asked.tag
        )
    except InvalidInput as error:
        messages.error(request, str(error))
        return redirect(f"{reverse('station-detections', args=[station.serial])}?{request.GET.urlencode()}")
    return csv_response(request, name=f"{station.serial}-detections.csv", head=DETECTION_HEAD, rows=rows)


def _drawn(
    viewer: Viewer, station: Station, asked: DetectionFilter, parts: Parts, question: HeardQuestion, moment: datetime
) -> dict[str, Any]:
    """Strips of tags and of pulses by port, the tags in each part, and the same numbers as rows."""
    counts = _counts(station, asked, parts)
    covered = parts_covered(station_ids=[station.pk], parts=parts)[station.pk]
    deployment = deployment_current(station=station)
    place = place_shown(viewer=viewer, deployment=deployment, moment=moment) if deployment else None
    antennas = {} if deployment is None else {antenna.port: antenna.type for antenna in deployment.antennas.all()}

    def strips(kind: int) -> Heat:
        rows = sorted((port, values) for (of, port), values in counts.items() if of == kind)
        return heat_of(
            [(" · ".join(filter(None, (str(p), antennas.get(p)))), p, values, covered) for p, values in rows], parts
        )

    spot = None
    if place is not None and place.latitude is not None and place.longitude is not None:
        spot = (place.latitude, place.longitude)
    heard = tags_in_parts(question=question, parts=parts, least=asked.least) if asked.kind != "pulse" else []
    columns = sorted(counts)
    return {
        "parts": parts,
        "steps": STEPS,
        "axis": axis_of(parts, moment, spot),
        "per_part": bars_of(heard, parts) if any(heard) else None,
        "strips": [
            (_("Detections of tags"), strips(KINDS["tag"])),
            (_("Pulses"), strips(KINDS["pulse"])),
        ],
        "columns": [_column_words(kind, port) for kind, port in columns],
        "rows": list(_rows(counts, columns, covered, parts))[::-1],
        "total": sum(sum(values) for values in counts.values()),
    }


def _column_words(kind: int, port: int) -> str:
    return (_("Port %(port)d, tags") if kind == KINDS["tag"] else _("Port %(port)d, pulses")) % {"port": port}


def _counts(station: Station, asked: DetectionFilter, parts: Parts) -> Counts:
    if asked.tag:
        return _counts_of_tag(station, asked, parts)
    return counts_in_parts(station=station, parts=parts, kind=KINDS.get(asked.kind), port=asked.port)


def _counts_of_tag(station: Station, asked: DetectionFilter, parts: Parts) -> Counts:
    """The counts of one tag, which has no pulses."""
    if asked.kind == "pulse":
        return {}
    question = HeardQuestion([station.pk], parts.start, parts.end, asked.port, asked.tag)
    ports = port_list(question=question)
    counted = tag_parts(question=question, parts=parts, by="port", among=ports)
    return {(KINDS["tag"], port): values for port, values in counted.items()}


def _rows(counts: Counts, columns: Sequence[tuple[int, int]], covered: set[int], parts: Parts) -> Iterator[PartRow]:
    """The rows, oldest first. Successive parts without a detection share a row; at either end they are left out."""
    sums = [sum(counts[column][place] for column in columns) for place in range(parts.count)]
    heard = [place for place, total in enumerate(sums) if total]
    if not heard:
        return
    kinds = [
        "heard" if sums[place] else "quiet" if place in covered else "missing"
        for place in range(heard[0], heard[-1] + 1)
    ]
    for kind, run in groupby(range(heard[0], heard[-1] + 1), key=lambda place: kinds[place - heard[0]]):
        places = list(run)
        if kind == "heard":
            for place in places:
                at = parts.start + parts.step * place
                yield PartRow(at, None, [counts[column][place] for column in columns], sums[place])
            continue
        begin = parts.start + parts.step * places[0]
        length = parts.step * len(places)
        said = _("no data for %(length)s") if kind == "missing" else _("nothing heard for %(length)s")
        yield PartRow(begin, begin + length, [], 0, said % {"length": duration_words(length.total_seconds())})


def _single(station: Station, asked: DetectionFilter, kind: int | None, after: str) -> tuple[list[Detection], str]:
    """A page of single detections, newest first, and the cursor of the next page."""
    found = detections_newest(
        station=station,
        start=asked.window.start,
        end=asked.window.end,
        kind=kind,
        port=asked.port,
        tag=asked.tag,
        after=_cursor_of(after),
        limit=LIST_SIZE + 1,
    )
    shown = found[:LIST_SIZE]
    if len(found) <= LIST_SIZE:
        return shown, ""
    last = shown[-1]
    return shown, f"{last.occurred_at.isoformat()},{last.port},{last.kind},{last.line}"


def _cursor_of(text: str) -> DetectionCursor | None:
    """The cursor in a URL; anything invalid starts at the beginning."""
    try:
        at, port, kind, line = text[:80].split(",")
        moment = datetime.fromisoformat(at)
        return DetectionCursor(moment, int(port), int(kind), int(line)) if moment.tzinfo else None
    except ValueError:
        return None


urlpatterns = [
    path("stations/<serial:serial>/detections/", station_detections, name="station-detections"),
    path("stations/<serial:serial>/detections.csv", station_detections_csv, name="station-detections-csv"),
]
