"""The fleet: the verdict, the stations that need attention, and all of them as list, cards or map."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from fleet.alerts.attention import FleetTotals, attention_list, fleet_list, fleet_narrow, fleet_totals
from fleet.alerts.first_steps import first_steps_of
from fleet.commands.selectors import stations_commanded
from fleet.core import clock
from fleet.core.models import Outage
from fleet.core.pulses import outage_list
from fleet.core.spoken import count_words
from fleet.organizations.access import Viewer
from fleet.organizations.models import Membership
from fleet.stations.many import MANY_MOST
from fleet.stations.models import Station
from sg_status.access import page
from sg_status.bars import bar_scale
from sg_status.menu import MenuEntry, Part
from sg_status.pages.fleet.address import MAP, SHAPES, Choices, Narrowing, choices_read, narrowing_read
from sg_status.pages.fleet.columns import COLUMNS, heads_of
from sg_status.pages.fleet.forms import ManyForm
from sg_status.pages.fleet.needs import needs_of
from sg_status.pages.fleet.positions import fleet_map
from sg_status.pages.fleet.rows import FleetRow, rows_of

MENU = MenuEntry(gettext_lazy("Stations"), "fleet", 10, "stations", Part.WATCH, ("/stations/", "/groups/", "/models/"))

PAGE_SIZE = 50
#: Maximum stations listed with their sentence above all others; a filter shows the rest.
ATTENTION_MOST = 12
#: How far back our own downtime is read; how long after its end it is shown, and how long it must have lasted.
_DOWN_KNOWN = timedelta(days=9)
_DOWN_SAID, _DOWN_LEAST = timedelta(days=1), timedelta(minutes=10)


@page
@require_safe
def fleet(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """The first page. Search, filters, columns, shape, sorting and page number are in the URL."""
    moment, narrowing = clock.now(), narrowing_read(request.GET)
    stations = fleet_list(viewer=viewer, sort=narrowing.sort, **narrowing.filters)
    totals = fleet_totals(stations)
    shown = fleet_narrow(stations, narrowing.state)
    listed = _listed(shown, totals.of(narrowing.state), request.GET.get("page"))
    needing = list(attention_list(shown)[:ATTENTION_MOST]) if totals.needing and listed.number == 1 else []
    found = shown.in_bulk(list(listed.object_list)) | {one.pk: one for one in needing}
    outages = outage_list(start=moment - _DOWN_KNOWN, end=moment)
    rows = rows_of(list(found.values()), moment, outages)
    listed_rows = [rows[pk] for pk in listed.object_list if pk in rows]
    choices = choices_read(viewer, narrowing)
    context = {
        **fleet_verdict(totals, narrowing, choices),
        **_table(listed_rows, narrowing),
        "map": fleet_map(viewer=viewer, stations=shown, moment=moment) if narrowing.shape == MAP else None,
        "totals": totals,
        "needs": needs_of([rows[one.pk] for one in needing], viewer, commanded=stations_commanded(stations=needing)),
        "needing_more": totals.needing - len(needing) if needing and not narrowing.state else 0,
        "outage": _outage_said(outages, moment),
        "pages": listed,
        "narrowing": narrowing,
        "query": request.GET.urlencode(),
        "choices": choices,
        "many": ManyForm(),
        "steps": first_steps_of(viewer=viewer) if not totals.heard and not narrowing.is_any else None,
        "may_operate": viewer.may_somewhere(Membership.Role.OPERATOR),
    }
    part = "live" if request.headers.get("HX-Request") else "list"
    return render(request, f"sg_status/fleet/{part}.html", context)


def _listed(stations: QuerySet[Station], number: int, asked: str | None) -> Page[int]:
    """The ids of one page. The page is chosen first, so that details are only computed for the rows shown."""
    paginator = Paginator(stations.values_list("pk", flat=True), PAGE_SIZE)
    # The totals have the number already: this saves a query.
    paginator.count = number
    return paginator.get_page(asked)


def _table(rows: Sequence[FleetRow], narrowing: Narrowing) -> dict[str, Any]:
    """The list's context besides its rows."""
    scale = bar_scale(row.detections for row in rows)
    remark = {"detections": _("bar to %(scale)s") % {"scale": count_words(scale)}} if scale else {}
    heads = heads_of(narrowing.columns, narrowing.sort, remark)
    return {
        "rows": rows,
        "table_kind": " ".join(
            ["fleet", *(["dense"] if narrowing.is_dense else []), *(["chosen"] if narrowing.columns else [])]
        ),
        "heads": heads,
        "kinds": {head.column.key: head.kind for head in heads},
        "columns": [(column, column.key in narrowing.columns) for column in COLUMNS],
        "scale": scale,
        "shapes": [(name, label, name == narrowing.shape) for name, label in SHAPES.items()],
        "shape": narrowing.shape,
        "many_most": MANY_MOST,
    }


def fleet_verdict(totals: FleetTotals, narrowing: Narrowing, choices: Choices) -> dict[str, Any]:
    """The title of the page: what is wrong among the stations that match the filters, whatever state is chosen."""
    words = {"n": count_words(totals.needing), "total": count_words(totals.total), "fine": count_words(totals.fine)}
    if not totals.total:
        verdict = (
            _("No matching stations")
            if narrowing.is_filtered
            else _("No station yet. The first takes about ten minutes.")
        )
    elif not totals.heard:
        verdict = _("None of your stations has been heard yet")
    elif totals.needing:
        shape = ngettext(
            "%(n)s of %(total)s stations needs attention", "%(n)s of %(total)s stations need attention", totals.needing
        )
        verdict = (_("Your station needs attention") if totals.total == 1 else shape) % words
    elif totals.fine == totals.total:
        verdict = (_("Your station is fine") if totals.total == 1 else _("All %(total)s stations are fine")) % words
    else:
        verdict = _("%(fine)s of %(total)s stations are fine, none needs attention") % words
    search = [_("“%(search)s”") % {"search": narrowing.search}] if narrowing.search else []
    return {
        "verdict": verdict,
        "is_fine": totals.total > 0 and not totals.needing and totals.fine == totals.total,
        "crumbs": [*choices.chosen, *search],
    }


def _outage_said(outages: Sequence[Outage], moment: datetime) -> Outage | None:
    """The newest downtime of Roost itself that people should know about."""
    lately = (one for one in reversed(outages) if one.ended_at > moment - _DOWN_SAID)
    return next((one for one in lately if one.ended_at - one.started_at >= _DOWN_LEAST), None)


urlpatterns = [path("", fleet, name="fleet")]
