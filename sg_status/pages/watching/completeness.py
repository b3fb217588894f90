"""Completeness: how much of each station's data is here, still on the station, or lost."""

from typing import Final

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import path
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from fleet.core.csv_file import Cell, csv_response
from fleet.organizations.access import Viewer
from fleet.telemetry.completeness import Completeness, CompletenessReport
from sg_status.access import page
from sg_status.headings import headings_of
from sg_status.menu import MenuEntry

MENU = MenuEntry(_("Deliveries"), "completeness", 20, "inbox")

PAGE_SIZE = 50
#: Key for sorting, heading, whether the column holds figures.
COLUMNS: Final[tuple[tuple[str, Promise, bool], ...]] = (
    ("serial", _("Station"), False),
    ("complete", _("Complete"), True),
    ("expected", _("Numbered"), True),
    ("received", _("Arrived"), True),
    ("on_station", _("Still on the station"), True),
    ("lost", _("Lost permanently"), True),
    ("unsequenced", _("Without a number"), True),
    ("files", _("Files not arrived"), True),
    ("backlog", _("Backlog"), True),
    ("last_contact", _("Last contact"), False),
    ("streams", _("Streams"), True),
)
_CSV_HEAD = (
    *("serial", "name", "organization", "retired", "expected", "received", "percent", "on_station", "lost"),
    *("unsequenced", "last_contact_at", "backlog_messages", "streams", "branches_open"),
    *("file_bytes", "file_bytes_unread", "file_bytes_refused", "file_lines_refused", "readings_kept_back"),
)


@page
@require_safe
def completeness(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """The report, least complete first; search, sorting and page are in the URL."""
    search, sort = request.GET.get("q", "")[:100], request.GET.get("sort", "")
    sort = sort if sort.removeprefix("-") in {key for key, *_rest in COLUMNS} else "complete"
    report = CompletenessReport(viewer=viewer, search=search, sort=sort)
    totals = report.totals()
    pages = Paginator(range(totals.stations), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "totals": totals,
        "percent": totals.percent,
        "pages": pages,
        "rows": report.part(offset=max(pages.start_index() - 1, 0), limit=PAGE_SIZE),
        "columns": headings_of(COLUMNS, sort, least_first=("complete",)),
        "search": search,
    }
    return render(request, "sg_status/watching/completeness.html", context)


@page
@require_safe
def completeness_csv(request: HttpRequest, viewer: Viewer) -> HttpResponseBase:
    """Every station that matches the search, in the order in which stations were added."""
    report = CompletenessReport(viewer=viewer, search=request.GET.get("q", "")[:100])
    return csv_response(
        request, name="completeness.csv", head=_CSV_HEAD, rows=(_csv_row(station) for station in report.every())
    )


def _csv_row(row: Completeness) -> tuple[Cell, ...]:
    last = row.last_contact_at.isoformat() if row.last_contact_at else None
    return (
        *(row.serial, row.name, row.organization, int(row.is_retired), row.expected, row.received, row.percent),
        *(row.on_station, row.lost, row.unsequenced, last, row.backlog, row.streams, row.branches_open),
        *(row.file_bytes, row.file_bytes_unread, row.file_bytes_refused, row.file_lines_refused, row.kept_back),
    )


urlpatterns = [
    path("completeness/", completeness, name="completeness"),
    path("completeness.csv", completeness_csv, name="completeness-csv"),
]
