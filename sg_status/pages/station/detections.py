"""A station's detections: counts per hour and port as plot and table, and the newest ones one by one."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import path, reverse
from django.views.decorators.http import require_safe

from fleet.core import clock
from fleet.core.csv_file import csv_response
from fleet.core.errors import InvalidInput
from fleet.core.spoken import duration_words
from fleet.organizations.access import Viewer
from fleet.stations.models import Station
from fleet.telemetry.coverage import detection_newest_hour
from fleet.telemetry.exports import DETECTION_HEAD, detection_rows
from fleet.telemetry.models import Detection
from fleet.telemetry.selectors import (
    DetectionCursor,
    HourCount,
    detection_list,
    detection_total,
    detections_per_hour,
)
from sg_status.access import page
from sg_status.pages.station.frame import station_of, station_render
from sg_status.window import SPANS, Window, window_of

LIST_SIZE = 50
_HOUR = timedelta(hours=1)
_KINDS = {"pulse": int(Detection.Kind.PULSE), "tag": int(Detection.Kind.TAG)}


@dataclass(frozen=True, slots=True)
class HourRow:
    """One hour with its count per port, or (with `until`) hours without data here."""

    hour: datetime
    until: datetime | None
    counts: list[int]
    total: int

    @property
    def gap_words(self) -> str:
        """The length of the gap."""
        return duration_words((self.until - self.hour).total_seconds()) if self.until else ""


@page
@require_safe
def station_detections(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """Counts over a period, and a page of its single detections."""
    station = station_of(viewer, serial)
    newest = detection_newest_hour(station=station)
    window, kind, tag = _filters_of(request, newest)
    counts = detections_per_hour(station=station, start=_hour_of(window.start), end=window.end)
    if kind:
        counts = [entry for entry in counts if entry.kind == _KINDS[kind]]
    ports = sorted({entry.port for entry in counts})
    single, cursor = _single(station, window, _KINDS.get(kind), tag, request.GET.get("after", ""))
    context = {
        "window": window,
        "spans": SPANS,
        "newest": newest,
        "kind": kind,
        "tag": tag,
        "ports": ports,
        "rows": list(_rows(counts, ports))[::-1],
        "total": sum(entry.count for entry in counts),
        "total_ever": detection_total(station=station),
        "has_chart": True,
        "single": single,
        "cursor": cursor,
    }
    return station_render(
        request, viewer, station, "sg_status/station/detections.html", context, tab="station-detections"
    )


@page
@require_safe
def station_detections_csv(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponseBase:
    """Every detection of the shown period, with the same filters, oldest first."""
    station = station_of(viewer, serial)
    window, kind, tag = _filters_of(request, detection_newest_hour(station=station))
    try:
        rows = detection_rows(station=station, start=window.start, end=window.end, kind=_KINDS.get(kind), tag=tag)
    except InvalidInput as error:
        messages.error(request, str(error))
        return redirect(f"{reverse('station-detections', args=[station.serial])}?{request.GET.urlencode()}")
    return csv_response(request, name=f"{station.serial}-detections.csv", head=DETECTION_HEAD, rows=rows)


def _filters_of(request: HttpRequest, newest: datetime | None) -> tuple[Window, str, str]:
    """The period, kind and tag in the URL."""
    moment = clock.now()
    # The current hour ends now.
    reach = None if newest is None else newest + _HOUR if newest > moment else min(newest + _HOUR, moment)
    window = window_of(request.GET, newest=reach, moment=moment)
    kind = request.GET.get("kind", "")
    tag = request.GET.get("tag", "").strip()[:64].replace("\x00", "")
    return window, kind if kind in _KINDS else "", tag


def _hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _rows(counts: list[HourCount], ports: list[int]) -> Iterator[HourRow]:
    """The rows, oldest first; consecutive hours without data are one row."""
    by_hour: dict[datetime, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for entry in counts:
        by_hour[entry.hour][entry.port] += entry.count
    before: datetime | None = None
    for hour, heard in sorted(by_hour.items()):
        if before is not None and hour - before > _HOUR:
            yield HourRow(before + _HOUR, hour, [], 0)
        yield HourRow(hour, None, [heard.get(port, 0) for port in ports], sum(heard.values()))
        before = hour


def _single(station: Station, window: Window, kind: int | None, tag: str, after: str) -> tuple[list[Detection], str]:
    """A page of single detections, newest first, and the cursor of the next page."""
    found = detection_list(
        station=station,
        start=window.start,
        end=window.end,
        kind=kind,
        tag=tag,
        after=_cursor_of(after),
        limit=LIST_SIZE + 1,
        newest_first=True,
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
