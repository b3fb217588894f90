"""The hardware of a station: boards and cards that reported as it, and an operator's decision on a swap."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from fleet.core import clock
from fleet.core.errors import DomainError
from fleet.lifecycle.swap_hardware import swap_another, swap_same
from fleet.organizations.access import Viewer
from fleet.organizations.models import Membership
from fleet.stations.life.hardware import PAIRS_MOST, pair_get, pair_list, swap_asked, swap_sentence
from fleet.telemetry.streams import branch_list
from sg_status.access import act, page
from sg_status.pages.station.frame import station_of, station_render


@page
@require_safe
def station_hardware(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """Every pair of board and card with its first and last report, and the open question if there is one."""
    station = station_of(viewer, serial)
    moment = clock.now()
    asked = swap_asked(station=station)
    pairs = list(pair_list(station=station))
    context = {
        "pairs": pairs,
        "is_full": len(pairs) >= PAIRS_MOST,
        "asked": asked,
        "sentence": swap_sentence(pair=asked, moment=moment) if asked else "",
        "is_newest": bool(asked and pairs and pairs[0].pk == asked.pk),
        "branches": [one for one in branch_list(station=station, moment=moment) if one.is_undecided],
    }
    return station_render(request, viewer, station, "sg_status/station/hardware.html", context, tab="station-settings")


@page
@require_POST
def station_hardware_decide(request: HttpRequest, viewer: Viewer, serial: str, pair_id: int) -> HttpResponse:
    """Decide: the same station, or a new one."""
    station = station_of(viewer, serial)
    viewer.require(Membership.Role.OPERATOR, station=station, to=_("change %(serial)s"))
    pair = pair_get(station=station, pair_id=pair_id)
    if request.POST.get("decision") == "another":
        try:
            successor = swap_another(actor=viewer, pair=pair)
        except DomainError as error:
            messages.error(request, str(error))
            return redirect("station-hardware", serial=serial)
        told = _("%(serial)s is now a new station. Give it a name and assign it to a site.")
        messages.success(request, told % {"serial": successor.serial})
        return redirect("station-settings", serial=successor.serial)
    done = _("%(station)s continues with this hardware.") % {"station": station}
    act(request, lambda: swap_same(actor=viewer, pair=pair), done=done)
    return redirect("station-hardware", serial=serial)


urlpatterns = [
    path("stations/<serial:serial>/hardware/", station_hardware, name="station-hardware"),
    path("stations/<serial:serial>/hardware/<int:pair_id>/", station_hardware_decide, name="station-hardware-decide"),
]
