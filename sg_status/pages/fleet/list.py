"""The fleet: totals by state, the stations that need attention, and the table of all stations."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from fleet.alerts.rules.silence import NAME as SILENCE
from fleet.alerts.selectors import incident_list
from fleet.core import clock
from fleet.organizations.access import Viewer
from fleet.organizations.models import Membership
from fleet.stations.contact.deadlines import interval_of
from fleet.stations.contact.health_marks import Mark, marks_of
from fleet.stations.contact.sentences import Shown, station_shown
from fleet.stations.models import Station, StationContact
from fleet.stations.selectors import station_list, station_totals
from sg_status.access import page
from sg_status.headings import headings_of
from sg_status.menu import MenuEntry
from sg_status.pages.fleet.address import choices_read, narrowing_read
from sg_status.pages.station.contact import contact_of

MENU = MenuEntry(_("Stations"), "fleet", 10)

PAGE_SIZE = 50
#: Maximum silent stations listed with their sentence above the table; a filter shows the rest.
ATTENTION_MOST = 12
#: Maximum open incidents read for the list.
INCIDENTS_READ = 100

#: Key in the URL, heading, whether the column holds figures.
COLUMNS: Final[tuple[tuple[str, Promise, bool], ...]] = (
    ("state", _("State"), False),
    ("name", _("Station"), False),
    ("site", _("Site"), False),
    ("last_contact", _("Last contact"), False),
    ("backlog", _("Backlog"), True),
    ("detections", _("Detections today"), True),
)


@dataclass(frozen=True, slots=True)
class FleetRow:
    """One station as shown in the table."""

    station: Station
    contact: StationContact | None
    shown: Shown
    marks: list[Mark]
    interval_s: float | None
    detections: int
    site: str | None
    #: Other problems, as reported to people.
    told: list[str] = field(default_factory=list)


@page
@require_safe
def fleet(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """The first page. Search, filters, sorting and page number are in the URL."""
    moment = clock.now()
    narrowing, sort = narrowing_read(request.GET), request.GET.get("sort", "")
    sort = sort if sort.removeprefix("-") in {key for key, *_rest in COLUMNS} else ""
    stations = station_list(
        viewer=viewer,
        search=narrowing.search,
        state=narrowing.state,
        tag=narrowing.tag,
        group=narrowing.group,
        model=narrowing.model,
        sort=sort,
    )
    totals = station_totals(viewer=viewer)
    # Select the page's stations first, so that details are only computed for the rows shown.
    shown_page = Paginator(stations.values_list("pk", flat=True), PAGE_SIZE).get_page(request.GET.get("page"))
    found = stations.in_bulk(list(shown_page.object_list))
    rows = [_row(found[pk], moment) for pk in shown_page.object_list if pk in found]
    context = {
        "totals": totals,
        "total": sum(count for name, count in totals.items() if name != "retired"),
        "attention": _attention(viewer, totals, moment) if not narrowing.is_any and shown_page.number == 1 else [],
        "silent_more": max(totals["silent"] - ATTENTION_MOST, 0),
        "rows": rows,
        "most_detections": max((row.detections for row in rows), default=0),
        "pages": shown_page,
        "columns": headings_of(COLUMNS, sort),
        "narrowing": narrowing,
        "search": narrowing.search,
        "state_now": narrowing.state,
        "sort": sort,
        "belongs": viewer.sees_all or bool(viewer.roles),
        "may_add": viewer.may_somewhere(Membership.Role.OPERATOR),
    }
    if request.headers.get("HX-Request"):
        return render(request, "sg_status/fleet/live.html", context)
    return render(request, "sg_status/fleet/list.html", {**context, "choices": choices_read(viewer, narrowing)})


def _row(station: Station, moment: datetime) -> FleetRow:
    contact = contact_of(station)
    heard = contact is not None and contact.last_contact_at is not None
    return FleetRow(
        station=station,
        contact=contact,
        shown=station_shown(station, contact, moment),
        marks=marks_of(contact),
        interval_s=interval_of(station, contact) if contact is not None and heard else None,
        detections=getattr(station, "detections_today", 0),
        site=getattr(station, "site_name", None),
    )


def _attention(viewer: Viewer, totals: dict[str, int], moment: datetime) -> list[FleetRow]:
    """Silent stations, longest first; then those with another reported problem."""
    silent = (
        list(station_list(viewer=viewer, state="silent", sort="last_contact")[:ATTENTION_MOST])
        if totals["silent"]
        else []
    )
    rows = [_row(station, moment) for station in silent]
    told: dict[int, list[str]] = {}
    for incident in incident_list(viewer=viewer, is_open=True).exclude(rule=SILENCE)[:INCIDENTS_READ]:
        told.setdefault(incident.station_id, []).append(incident.said(is_over=False))
    known = {row.station.pk for row in rows}
    others = [number for number in told if number not in known][: ATTENTION_MOST - len(rows)]
    if others:
        stations = station_list(viewer=viewer, sort="serial").in_bulk(others)
        rows += [_row(stations[number], moment) for number in others if number in stations]
    return [replace(row, told=told.get(row.station.pk, [])) for row in rows]


urlpatterns = [path("", fleet, name="fleet")]
