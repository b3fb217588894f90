"""Commands of a station: choosing and sending one, those to handle with care, and the outcome of each."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from fleet.commands.selectors import command_get, command_list
from fleet.commands.services import command_cancel, command_issue
from fleet.core import clock
from fleet.core.spoken import duration_words, moment_words
from fleet.organizations.access import Viewer
from fleet.organizations.models import Membership
from fleet.stations.contact.deadlines import interval_most
from fleet.stations.models import Station
from message_queue.contracts.commands import command_contracts
from message_queue.contracts.commands.base import CommandContract
from sg_status.access import act, page
from sg_status.command_words import command_shown
from sg_status.pages.station.command_form import EXPIRIES, CommandForm, is_handled_with_care, needs_page
from sg_status.pages.station.contact import contact_of
from sg_status.pages.station.frame import station_of, station_render

LIST_SIZE: Final = 50
#: Safe commands in the order in which they are offered; others follow.
_ORDER: Final = ("ping", "run_diagnostics", "set_reporting_interval", "set_profile", "pace")


@dataclass(frozen=True, slots=True)
class CommandChoice:
    """A command that this viewer can send, in words."""

    name: str
    label: str
    explanation: str
    danger: str
    is_known_there: bool
    #: How long it waits for the station.
    life: str
    form: CommandForm


@page
@require_http_methods(["GET", "HEAD", "POST"])
def station_commands(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """GET: the commands on offer, and the newest ones sent with their outcome. POST: send the chosen one."""
    station = station_of(viewer, serial)
    moment = clock.now()
    data = request.POST if request.method == "POST" else None
    chosen = request.POST.get("command", "") if data is not None else request.GET.get("command", "ping")
    choices = _choices(viewer, station, chosen, data)
    safe = [one for one in choices if not is_handled_with_care(one.form.contract)]
    if data is not None:
        viewer.require(Membership.Role.OPERATOR, station=station, to=_("send commands to %(serial)s"))
        found = next((one for one in safe if one.name == chosen), None)
        if found is None:
            messages.error(request, _("Choose a command first."))
        elif found.form.is_valid() and _send(request, viewer, station, found.form, _expiry(request, found)):
            return redirect("station-commands", serial=station.serial)
    next_contact = _next_contact(station)
    context = {
        "commands": [
            command_shown(one, moment, next_contact=next_contact, reader=viewer.name)
            for one in command_list(station=station)[:LIST_SIZE]
        ],
        "list_size": LIST_SIZE,
        "safe": safe,
        "careful": [one for one in choices if one not in safe],
        "chosen": chosen,
        "expiries": [(seconds, duration_words(seconds)) for seconds in EXPIRIES],
        "next_contact": moment_words(next_contact, moment) if next_contact and next_contact > moment else "",
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
    if form.is_valid() and _send(request, viewer, station, form, form.expires_in()):
        return redirect("station-commands", serial=station.serial)
    context = {
        "form": form,
        "label": _(contract.label),
        "explanation": _(contract.explanation),
        "danger": _(contract.danger) if contract.danger else "",
        "is_careful": is_handled_with_care(contract),
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
        done=_("The command is cancelled. If the station was faster, its history shows when it ran."),
    )
    return redirect("station-commands", serial=station.serial)


def _send(request: HttpRequest, viewer: Viewer, station: Station, form: CommandForm, expires_in: int) -> bool:
    words = {"label": _(form.contract.label), "duration": duration_words(expires_in), "station": station}
    moment, next_contact = clock.now(), _next_contact(station)
    if next_contact is not None and next_contact > moment:
        words["when"] = moment_words(next_contact, moment)
        done = _("“%(label)s” is waiting for %(station)s, which calls about %(when)s. It expires after %(duration)s.")
    else:
        done = _("“%(label)s” is waiting for the next contact of %(station)s. It expires after %(duration)s.")
    sent = act(
        request,
        lambda: command_issue(
            viewer=viewer,
            station=station,
            name=form.contract.name,
            parameters=form.parameters(),
            expires_in=expires_in,
        ),
        done=done % words,
    )
    if sent and not _is_known_there(station, form.contract):
        messages.warning(request, _("The station's software does not list this command; it may refuse it."))
    return sent


def _expiry(request: HttpRequest, choice: CommandChoice) -> int:
    """The chosen lifetime, or the command's default."""
    asked = request.POST.get("expires_in", "")
    return int(asked) if asked in {str(seconds) for seconds in EXPIRIES} else choice.form.contract.default_expiry


def _next_contact(station: Station) -> datetime | None:
    """When the station should call next; None if it never called."""
    contact = contact_of(station)
    if contact is None or contact.last_contact_at is None:
        return None
    return contact.last_contact_at + timedelta(seconds=interval_most(station, contact))


def _choices(viewer: Viewer, station: Station, chosen: str, data: object) -> list[CommandChoice]:
    if station.retired_at is not None:
        return []
    place = {name: number for number, name in enumerate(_ORDER)}
    contracts = sorted(command_contracts().values(), key=lambda one: (place.get(one.name, len(place)), one.name))
    return [
        CommandChoice(
            one.name,
            _(one.label),
            _(one.explanation),
            _(one.danger) if one.danger else "",
            _is_known_there(station, one),
            duration_words(one.default_expiry),
            CommandForm(one, data if one.name == chosen else None, prefix=one.name),
        )
        for one in contracts
        if one.is_by_hand and viewer.may(Membership.Role(one.role), station.organization_id)
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
