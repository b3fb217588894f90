"""Readings of a station: any series as a plot, with the same figures in a table below."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from fleet.core import clock
from fleet.core.csv_file import csv_response
from fleet.core.errors import InvalidInput
from fleet.core.spoken import duration_words
from fleet.organizations.access import Viewer
from fleet.stations.models import Station
from fleet.telemetry.exports import READING_HEAD, reading_rows
from fleet.telemetry.models import Series, Suspicion
from fleet.telemetry.selectors import Point, reading_moments, readings, series_get, series_list
from sg_status.access import page
from sg_status.pages.station.frame import station_of, station_render
from sg_status.window import SPANS, Window, window_of
from sg_status.words import lateness_words, quantity_words, suspicion_words, unit_words

#: Up to this many readings are shown one by one; more are combined into about this many rows.
SINGLE_MOST, BINS_WANTED = 400, 240
#: Bucket widths, in seconds, that are easy to read on a clock.
_WIDTHS = (10, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 7 * 86_400)
#: A gap is a pause this many times longer than usual, and at least this many seconds.
_GAP_FACTOR, _GAP_LEAST_S = 3.5, 5.0
#: The usual interval needs at least this many readings, and is taken from this many of the newest.
_RHYTHM_FROM, _RHYTHM_OF = 5, 20


@dataclass(frozen=True, slots=True)
class ReadingRow:
    """One line of the table: a reading, a bucket of readings, or a gap (without a value)."""

    at: datetime
    until: datetime | None
    value: float | None = None
    least: float | None = None
    greatest: float | None = None
    count: int = 0
    suspicion: str = ""
    #: Still doubted: a reading whose time a person corrected has a remark but counts as believed.
    is_doubted: bool = False
    lateness: str = ""
    #: The value as sent, if it was in another unit.
    sent: str = ""

    @property
    def remarks(self) -> str:
        """All remarks on the row."""
        return ", ".join(part for part in (self.suspicion, self.lateness, self.sent) if part)

    @property
    def gap_words(self) -> str:
        """The length of the gap."""
        return duration_words((self.until - self.at).total_seconds()) if self.until else ""


@page
@require_safe
def station_data(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """One series over a period; the URL holds both."""
    station = station_of(viewer, serial)
    moment = clock.now()
    choices = list(series_list(station=station))
    series = _series_of(station, choices, request.GET.get("series", ""))
    context: dict[str, object] = {"choices": choices, "series": series, "has_chart": series is not None, "spans": SPANS}
    if series is not None:
        window = window_of(request.GET, newest=series.last_at, moment=moment)
        width, points = _points(series, window)
        context |= {
            "window": window,
            "width": duration_words(width.total_seconds()) if width else "",
            "rows": list(_rows(points, _gap_from(series, window, points, width)))[::-1],
            "count": sum(point.count for point in points),
            "unit": unit_words(series.unit),
        }
    return station_render(request, viewer, station, "sg_status/station/data.html", context, tab="station-data")


@page
@require_safe
def station_data_csv(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponseBase:
    """Every reading of the series in the shown period, oldest first."""
    station = station_of(viewer, serial)
    series = _series_of(station, list(series_list(station=station)), request.GET.get("series", ""))
    if series is None:
        raise Http404(_("This station has sent no readings yet."))
    window = window_of(request.GET, newest=series.last_at, moment=clock.now())
    try:
        rows = reading_rows(series=series, start=window.start, end=window.end)
    except InvalidInput as error:
        messages.error(request, str(error))
        return redirect(f"{reverse('station-data', args=[station.serial])}?{request.GET.urlencode()}")
    return csv_response(request, name=f"{station.serial}-readings.csv", head=READING_HEAD, rows=rows)


def _series_of(station: Station, choices: Sequence[Series], name: str) -> Series | None:
    """The series in the URL, otherwise the one with the newest reading."""
    if name:
        return series_get(station=station, name=name)
    heard = [one for one in choices if one.last_received_at is not None]
    return max(heard, key=lambda one: (one.last_received_at or one.created_at, one.name), default=None)


def _points(series: Series, window: Window) -> tuple[timedelta | None, list[Point]]:
    """Readings one by one while they are few, otherwise combined into buckets of a readable width."""
    single = readings(series=series, start=window.start, end=window.end, limit=SINGLE_MOST + 1)
    if len(single) <= SINGLE_MOST:
        return None, single
    wanted = (window.end - window.start).total_seconds() / BINS_WANTED
    width = timedelta(seconds=next((width for width in _WIDTHS if width >= wanted), _WIDTHS[-1]))
    return width, readings(series=series, start=window.start, end=window.end, every=width)


def _gap_from(series: Series, window: Window, points: Sequence[Point], width: timedelta | None) -> timedelta:
    """The shortest pause that counts as a gap. Of buckets, each missing one is a gap."""
    if width:
        return width * 1.5
    moments = [point.at for point in points]
    # Two readings far apart do not show the usual interval; those before them do.
    if len(moments) < _RHYTHM_FROM:
        moments = reading_moments(series=series, before=window.end, limit=_RHYTHM_OF)
    pauses = [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]
    usual_s = statistics.median_low(pauses) if pauses else 0.0
    return timedelta(seconds=max(usual_s * _GAP_FACTOR, _GAP_LEAST_S))


def _rows(points: Sequence[Point], gap_from: timedelta) -> Iterator[ReadingRow]:
    """The rows, oldest first, with a row for each long pause, so that no line is drawn across it."""
    before: datetime | None = None
    for point in points:
        if before is not None and point.at - before > gap_from:
            yield ReadingRow(before, point.at)
        yield ReadingRow(
            at=point.at,
            until=None,
            value=point.value,
            least=point.minimum,
            greatest=point.maximum,
            count=point.count,
            suspicion=suspicion_words(point.flags),
            is_doubted=bool(point.flags & ~Suspicion.SHIFTED),
            lateness=lateness_words(point.at, point.received_at, point.flags),
            sent=sent_words(point),
        )
        before = point.at


def sent_words(point: Point) -> str:
    """The value as sent, if it was converted to the unit of the series."""
    if point.sent_value is None:
        return ""
    return _("sent as %(value)s") % {"value": quantity_words(point.sent_value, point.sent_unit or "")}


urlpatterns = [
    path("stations/<serial:serial>/data/", station_data, name="station-data"),
    path("stations/<serial:serial>/data.csv", station_data_csv, name="station-data-csv"),
]
