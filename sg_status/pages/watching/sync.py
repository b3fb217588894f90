"""Outside systems: what they list for our stations, recent changes, past checks, and starting a check."""

from dataclasses import dataclass

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from fleet.organizations.access import Viewer
from fleet.stations.models import Station
from fleet.stations.selectors import station_list
from fleet.sync.selectors import LinkView, SystemView, changes, links_of_many, runs, systems
from fleet.sync.services import adapter_get, sync_ask, sync_may_be_asked
from sg_status.access import act, page
from sg_status.menu import MenuEntry
from sg_status.tabs import Tab

MENU = MenuEntry(_("Connections"), "sync", 40, "link")

PAGE_SIZE = 50
CHANGES_SHOWN, RUNS_SHOWN = 50, 10


@dataclass(frozen=True, slots=True)
class OutsideRow:
    """One station as one outside system lists it."""

    station: Station
    link: LinkView


@page
@require_safe
def sync(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """One system at a time; `system` is in the URL."""
    known = systems()
    current = _current(known, request.GET.get("system", ""))
    shown_page = Paginator(station_list(viewer=viewer, sort="serial"), PAGE_SIZE).get_page(request.GET.get("page"))
    stations = list(shown_page.object_list)
    links = links_of_many(stations=stations, system=current.system)
    context = {
        "tabs": [Tab(one.label, f"?system={one.system}", one.system == current.system) for one in known],
        "current": current,
        "rows": [OutsideRow(station, links[station.pk]) for station in stations],
        "pages": shown_page,
        "changes": changes(viewer=viewer, system=current.system, limit=CHANGES_SHOWN),
        "runs": runs(system=current.system, limit=RUNS_SHOWN),
        "may_ask": sync_may_be_asked(viewer=viewer),
        # A person of another organization who started a check is not named.
        "me": viewer.name,
        "sees_all": viewer.sees_all,
    }
    return render(request, "sg_status/watching/sync.html", context)


@page
@require_POST
def sync_now(request: HttpRequest, viewer: Viewer, system: str) -> HttpResponse:
    """Ask for a check in the background."""
    label = adapter_get(system).label
    done = gettext("%(label)s is being checked. The result will appear here shortly.") % {"label": label}
    is_taken = request.POST.get("do") == "take-short-list"
    act(request, lambda: sync_ask(viewer=viewer, system=system, is_short_list_taken=is_taken), done=done)
    return redirect("sync")


def _current(known: list[SystemView], wanted: str) -> SystemView:
    for view in known:
        if view.system == wanted:
            return view
    if wanted or not known:
        raise Http404
    return known[0]


urlpatterns = [
    path("outside/", sync, name="sync"),
    path("outside/<slug:system>/check/", sync_now, name="sync-now"),
]
