"""Commands of a station: their history, and sending one: choose, confirm, send, watch."""

from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from fleet.commands.selectors import command_get, command_list
from fleet.commands.services import command_cancel, command_issue
from fleet.core import clock
from fleet.core.spoken import duration_words
from fleet.organizations.access import Viewer
from fleet.organizations.models import Membership
from fleet.stations.models import Station
from message_queue.contracts.commands import command_contracts
from message_queue.contracts.commands.base import CommandContract
from sg_status.access import act, page
from sg_status.command_words import command_shown
from sg_status.pages.station.command_form import CommandForm, needs_page
from sg_status.pages.station.contact import contact_of
from sg_status.pages.station.frame import station_of, station_render

LIST_SIZE = 50


@dataclass(frozen=True, slots=True)
class CommandChoice:
    """A command that this viewer can send, in words."""

    name: str
    label: str
    explanation: str
    is_direct: bool
    is_known_there: bool


@page
@require_safe
def station_commands(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """The newest commands with their steps, and the commands on offer."""
    station = station_of(viewer, serial)
    moment = clock.now()
    context = {
        "commands": [command_shown(one, moment) for one in command_list(station=station)[:LIST_SIZE]],
        "choices": _choices(viewer, station),
    }
    return station_render(request, viewer, station, "sg_status/station/commands.html", context, tab="station-commands")


@page
@require_http_methods(["GET", "HEAD", "POST"])
def station_command_send(request: HttpRequest, viewer: Viewer, serial: str, name: str) -> HttpResponse:
    """GET: what the command will do, in words, and its parameters. POST: send it."""
    station = station_of(viewer, serial)
    contract = command_contracts().get(name)
    if contract is None:
        raise Http404(_("There is no such command."))
    viewer.require(Membership.Role(contract.role), station=station, to=_("send commands to %(serial)s"))
    form = CommandForm(contract, request.POST if request.method == "POST" else None)
    if request.method == "POST" and not needs_page(contract) and "expires_in" not in request.POST:
        form = CommandForm(contract, {"expires_in": contract.default_expiry})
    if form.is_valid() and _send(request, viewer, station, form):
        return redirect("station-commands", serial=station.serial)
    context = {
        "form": form,
        "label": _(contract.label),
        "explanation": _(contract.explanation),
        "danger": _(contract.danger) if contract.danger else "",
        "is_known_there": _is_known_there(station, contract),
    }
    return station_render(
        request, viewer, station, "sg_status/station/command_send.html", context, tab="station-commands"
    )


@page
@require_POST
def station_command_cancel(request: HttpRequest, viewer: Viewer, serial: str, command_id: UUID) -> HttpResponse:
    """Cancel an open command."""
    station = station_of(viewer, serial)
    command = command_get(station=station, command_id=command_id)
    act(
        request,
        lambda: command_cancel(viewer=viewer, command=command),
        done=_(
            "The command is cancelled and is being withdrawn. If the station was faster, this page shows when it ran."
        ),
    )
    return redirect("station-commands", serial=station.serial)


def _send(request: HttpRequest, viewer: Viewer, station: Station, form: CommandForm) -> bool:
    done = _("“%(label)s” is queued. It waits for the station's next contact, for at most %(duration)s.") % {
        "label": _(form.contract.label),
        "duration": duration_words(form.expires_in()),
    }
    sent = act(
        request,
        lambda: command_issue(
            viewer=viewer,
            station=station,
            name=form.contract.name,
            parameters=form.parameters(),
            expires_in=form.expires_in(),
        ),
        done=done,
    )
    if sent and not _is_known_there(station, form.contract):
        messages.warning(request, _("The station's software does not list this command; it may refuse it."))
    return sent


def _choices(viewer: Viewer, station: Station) -> list[CommandChoice]:
    if station.retired_at is not None:
        return []
    return [
        CommandChoice(one.name, _(one.label), _(one.explanation), not needs_page(one), _is_known_there(station, one))
        for one in command_contracts().values()
        if viewer.may(Membership.Role(one.role), station.organization_id)
    ]


def _is_known_there(station: Station, contract: CommandContract) -> bool:
    """False only if the station listed its commands and this one is not among them."""
    contact = contact_of(station)
    known = contact.hello.get("commands") if contact else None
    return not isinstance(known, list) or not known or contract.name in known


_BASE = "stations/<serial:serial>/commands/"

urlpatterns = [
    path(_BASE, station_commands, name="station-commands"),
    path(f"{_BASE}send/<slug:name>/", station_command_send, name="station-command-send"),
    path(f"{_BASE}<uuid:command_id>/cancel/", station_command_cancel, name="station-command-cancel"),
]
