"""The join queue: people accept, reject or block devices, and owners open and close the queue."""

from dataclasses import dataclass

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from fleet.core.errors import InvalidInput, NotFound
from fleet.organizations.access import Viewer
from fleet.organizations.selectors import organization_find
from fleet.stations.joining.registration_queue import (
    OpenRegistration,
    arrival_get,
    arrival_list,
    arrival_unblock,
    arrivals_decide,
    door_list,
    registration_turn_off,
    registration_turn_on,
)
from fleet.stations.models import Newcomer
from fleet.stations.serials import serial_warning
from sg_status.access import act, page
from sg_status.pages.joining.frame import joining_links, operator_organizations

#: Devices per page; more appear as these are decided.
SHOWN = 50
_NAME_MOST = 120


@dataclass(frozen=True, slots=True)
class ArrivalRow:
    """A device in the queue, with any anomaly."""

    device: Newcomer
    note: str
    is_taken: bool


@page
@require_http_methods(["GET", "HEAD", "POST"])
def station_accept(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """GET: the queue. POST: decide about the selected devices."""
    operator_organizations(viewer)
    if request.method == "POST":
        _decide(request, viewer)
        return redirect("station-accept")
    return _show(request, viewer)


@page
@require_POST
def station_accept_door(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """Open the queue with a new code, shown only once; or close it."""
    organization = organization_find(viewer=viewer, slug=slug)
    if request.POST.get("open") == "yes":
        code = ""

        def turn_on() -> None:
            nonlocal code
            code = registration_turn_on(organization=organization, actor=viewer)

        done = _("Devices with the new code can now ask to join %(name)s.") % {"name": organization}
        if act(request, turn_on, done=done):
            return _show(request, viewer, code=code)
    else:
        done = _("New devices can no longer ask to join %(name)s. Devices already in the queue stay there.") % {
            "name": organization
        }
        act(request, lambda: registration_turn_off(organization=organization, actor=viewer), done=done)
    return redirect("station-accept")


@page
@require_POST
def station_accept_unblock(request: HttpRequest, viewer: Viewer, arrival_id: int) -> HttpResponse:
    """Unblock a serial."""
    arrival = arrival_get(viewer=viewer, arrival_id=arrival_id)
    done = _("%(serial)s can ask to join again.") % {"serial": arrival.serial}
    act(request, lambda: arrival_unblock(arrival=arrival, actor=viewer), done=done)
    return redirect("station-accept")


def _show(request: HttpRequest, viewer: Viewer, *, code: str = "") -> HttpResponse:
    waiting = list(arrival_list(viewer=viewer)[: SHOWN + 1])
    doors: list[OpenRegistration] = door_list(viewer=viewer)
    context = {
        "links": joining_links("station-accept"),
        "rows": [_row(one) for one in waiting[:SHOWN]],
        "has_more": len(waiting) > SHOWN,
        "blocked": arrival_list(viewer=viewer, state=Newcomer.State.BLOCKED)[:SHOWN],
        "doors": doors,
        "code": code,
        "site": settings.SITE_URL,
    }
    response = render(request, "sg_status/joining/accept.html", context)
    response.headers["Cache-Control"] = "no-store"
    return response


def _row(device: Newcomer) -> ArrivalRow:
    is_taken = bool(getattr(device, "is_taken", False))
    note = serial_warning(device.serial) or ""
    if is_taken:
        note = _("This serial is already registered, so it cannot be accepted.")
    elif getattr(device, "is_ours", False):
        note = _(
            "One of your stations has this serial: accepting the device gives it a new login and ends the old one."
        )
    return ArrivalRow(device, note, is_taken)


def _decide(request: HttpRequest, viewer: Viewer) -> None:
    names = _selected_of(request.POST)
    if not names:
        messages.error(request, _("No device selected. Select the devices first."))
        return
    try:
        done, left = arrivals_decide(viewer=viewer, decision=request.POST.get("decision", ""), names=names)
    except InvalidInput as error:
        messages.error(request, str(error))
        return
    if done and request.POST.get("decision") == "accept":
        told = ngettext(
            "%(count)d station is accepted. It fetches its login automatically.",
            "%(count)d stations are accepted. They fetch their logins automatically.",
            len(done),
        )
        messages.success(request, told % {"count": len(done)})
    elif done:
        told = ngettext("%(count)d device is rejected.", "%(count)d devices are rejected.", len(done))
        messages.success(request, told % {"count": len(done)})
    for _id, sentence in left:
        messages.error(request, sentence)


def _selected_of(posted: QueryDict) -> dict[int, str]:
    numbers = [text for text in posted.getlist("arrival") if text.isascii() and text.isdigit() and len(text) < 19]
    if len(numbers) > SHOWN:
        raise NotFound(_("You selected more devices than fit on one page."))
    return {int(text): posted.get(f"name-{text}", "")[:_NAME_MOST] for text in numbers}


urlpatterns = [
    path("stations/accept/", station_accept, name="station-accept"),
    path("stations/accept/doors/<slug:slug>/", station_accept_door, name="station-accept-door"),
    path("stations/accept/<int:arrival_id>/unblock/", station_accept_unblock, name="station-accept-unblock"),
]
