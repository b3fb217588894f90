"""A station's readings: several series in one plot, with those of other stations if wanted, and as tables."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from fleet.core import clock
from fleet.core.csv_file import Cell, csv_response
from fleet.core.errors import InvalidInput
from fleet.organizations.access import Viewer
from fleet.stations.models import Station
from fleet.telemetry.cold.reading import is_cold, without_cold
from fleet.telemetry.exports import READING_HEAD, reading_rows, readings_check
from fleet.telemetry.models import Series
from fleet.telemetry.quantities import series_label, series_place
from fleet.telemetry.selectors import series_list
from sg_status.access import page
from sg_status.pages.station.frame import station_of, station_render
from sg_status.plots.bands import bands_of
from sg_status.plots.choice import OTHERS_MOST, Choice, choice_of, neighbours
from sg_status.plots.figure import Figure
from sg_status.plots.readings import YEAR, Traces, traces_of, year_of
from sg_status.plots.svg import figure_file
from sg_status.plots.table import DRAWN_HEAD, drawn_rows, moment_rows, series_rows
from sg_status.window import SPANS, Window, window_of

#: Table rows per page, and how many series are offered before the list is opened.
ROWS_A_PAGE, OFFERED = 100, 12
_NAME = "readings"


@dataclass(frozen=True, slots=True)
class ShownPeriod:
    """The request in a URL of this page: the station, the chosen series and the period."""

    station: Station
    known: list[Series]
    choice: Choice
    window: Window
    moment: datetime


@page
@require_safe
def station_data(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """The page with the chosen series over a period; the URL holds the whole choice."""
    shown = _shown(request, viewer, serial)
    context: dict[str, object] = {"has_chart": bool(shown.choice.lines), "spans": SPANS, "choice": shown.choice}
    if shown.choice.lines:
        # The year plot also reads readings from before the period.
        start = min(shown.window.start, shown.moment - YEAR * 2)
        series = [one.pk for one in shown.choice.series]
        context |= without_cold(series, start, lambda: _drawn(request, viewer, shown))
    return station_render(request, viewer, shown.station, "sg_status/station/data.html", context, tab="station-data")


@page
@require_safe
def station_data_svg(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """The page's plot as an SVG file to download."""
    shown = _shown(request, viewer, serial)
    if not shown.choice.lines:
        raise Http404(_("This station has sent no readings yet."))
    series = [one.pk for one in shown.choice.series]
    traces = without_cold(series, shown.window.start, lambda: traces_of(shown.choice.lines, shown.window))
    drawing = figure_file(_figure(viewer, shown, traces), str(shown.station))
    answer = HttpResponse(drawing, content_type="image/svg+xml; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{shown.station.serial}-{_NAME}.svg"'
    return answer


@page
@require_safe
def station_data_csv(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponseBase:
    """Every reading of the chosen series in the shown period, oldest first; with `as=drawn`, the plotted values."""
    shown = _shown(request, viewer, serial)
    if not shown.choice.lines:
        raise Http404(_("This station has sent no readings yet."))
    name = f"{shown.station.serial}-{_NAME}.csv"
    if request.GET.get("as") == "drawn":
        rows = drawn_rows(traces_of(shown.choice.lines, shown.window))
        return csv_response(request, name=name, head=DRAWN_HEAD, rows=rows)
    try:
        readings_check(series=shown.choice.series, start=shown.window.start, end=shown.window.end)
    except InvalidInput as error:
        messages.error(request, str(error))
        return redirect(f"{reverse('station-data', args=[shown.station.serial])}?{request.GET.urlencode()}")
    return csv_response(request, name=name, head=("station", *READING_HEAD), rows=_written(shown))


def _drawn(request: HttpRequest, viewer: Viewer, shown: ShownPeriod) -> dict[str, object]:
    """The plot, and its figures as tables."""
    traces = traces_of(shown.choice.lines, shown.window)
    rows = moment_rows(traces)
    query, drawing = shown.window.query_fixed(request.GET), reverse("station-data-svg", args=[shown.station.serial])
    rest = [one for one in shown.known if one not in shown.choice.own]
    return {
        "window": shown.window,
        "newest": _newest(shown.choice),
        "traces": traces,
        "query": query,
        "figure": _figure(viewer, shown, traces, f"{drawing}?{query}"),
        "legend": series_rows(traces, shown.window, shown.moment),
        "pages": Paginator(rows, ROWS_A_PAGE).get_page(request.GET.get("page")),
        "is_cold": is_cold([one.pk for one in shown.choice.series], shown.window.start, shown.window.end),
        "away": [one for one in shown.known if one in shown.choice.own and (one.away.kept_back or one.away.removed)],
        "readings": sum(point.count for trace in traces.traces for point in trace.points),
        "offered": [(one, series_label(one)) for one in rest[:OFFERED]],
        "offered_more": [(one, series_label(one)) for one in rest[OFFERED:]],
        "neighbours": list(neighbours(viewer, shown.station)[:OTHERS_MOST]),
    }


def _shown(request: HttpRequest, viewer: Viewer, serial: str) -> ShownPeriod:
    station = station_of(viewer, serial)
    known = sorted(series_list(station=station), key=series_place)
    choice = choice_of(request.GET, viewer, station, known)
    moment = clock.now()
    window = window_of(request.GET, newest=_newest(choice), moment=moment)
    return ShownPeriod(station, known, choice, window, moment)


def _newest(choice: Choice) -> datetime | None:
    """The time of the newest reading on any line, by the stations' clocks."""
    return max((one.last_at for one in choice.series if one.last_at), default=None)


def _figure(viewer: Viewer, shown: ShownPeriod, traces: Traces, svg: str = "") -> Figure:
    window, moment = shown.window, shown.moment
    return Figure(
        name=_NAME,
        lines=traces.lines,
        start=window.start,
        end=window.end,
        now=moment,
        bands=bands_of(viewer, shown.station, window.start, window.end, moment),
        level=traces.level,
        year=year_of(shown.choice.lines[0], window, moment) if svg else None,
        svg=svg,
    )


def _written(shown: ShownPeriod) -> Iterator[tuple[Cell, ...]]:
    for line in shown.choice.lines:
        for row in reading_rows(series=line.series, start=shown.window.start, end=shown.window.end):
            yield line.station.serial, *row


urlpatterns = [
    path("stations/<serial:serial>/data/", station_data, name="station-data"),
    path("stations/<serial:serial>/data.csv", station_data_csv, name="station-data-csv"),
    path("stations/<serial:serial>/data.svg", station_data_svg, name="station-data-svg"),
]
