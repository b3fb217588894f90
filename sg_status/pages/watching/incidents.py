"""Incidents: the open ones, the closed ones and how they ended, and the person's alert mails."""

from dataclasses import dataclass
from typing import Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from fleet.alerts.grouping.words import shared_sentence
from fleet.alerts.models import Incident
from fleet.alerts.selectors import IncidentView, incident_list, incident_shown, notification_troubles, shared_list
from fleet.alerts.sending.destinations import mail_choices, mail_choose
from fleet.core import clock
from fleet.core.errors import NotFound
from fleet.organizations.access import Viewer
from sg_status.access import page
from sg_status.menu import MenuEntry, Part

MENU = MenuEntry(_("Incidents"), "incidents", 20, "incidents", Part.WATCH)

PAGE_SIZE = 50
#: Maximum open incidents shown with their sentence; of a fleet-wide storm the rest is only counted.
OPEN_MOST = 100
TROUBLES_MOST = 5


MINE: Final = "mine"
#: The filters for open incidents: by state, or the viewer's own.
_STATES: Final[dict[str, Promise]] = {
    Incident.State.OPEN: pgettext_lazy("incidents", "not acknowledged"),
    Incident.State.ACKNOWLEDGED: pgettext_lazy("incidents", "acknowledged"),
    Incident.State.SNOOZED: pgettext_lazy("incidents", "snoozed"),
    MINE: pgettext_lazy("incidents", "mine"),
}


@dataclass(frozen=True, slots=True)
class Ended:
    """One closed incident as shown in the table."""

    incident: Incident
    sentence: str
    lasted_s: float


@page
@require_safe
def incidents(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Open incidents, narrowed to a state or to the viewer's own, then closed ones, newest first."""
    state = request.GET.get("state", "")
    state = state if state in _STATES else ""
    shared = _shared(request.GET.get("shared", ""))
    opened = _narrowed(viewer, state, shared)
    closed = incident_list(viewer=viewer, is_open=False, shared=shared)
    shown_page = Paginator(closed, PAGE_SIZE).get_page(request.GET.get("page"))
    now = clock.now()
    number = opened.count()
    context = {
        "state": state,
        "shared": shared,
        "failures": [(one, shared_sentence(one, now)) for one in shared_list(viewer=viewer)],
        "states": [(name, words) for name, words in _STATES.items() if name != MINE or viewer.user],
        "opened": [incident_shown(incident) for incident in opened[:OPEN_MOST]],
        "opened_number": number,
        "opened_more": max(number - OPEN_MOST, 0),
        "ended": [_ended_row(incident_shown(incident)) for incident in shown_page.object_list],
        "pages": shown_page,
        "choices": mail_choices(user=viewer.user) if viewer.user else [],
        "address": viewer.user.email if viewer.user else "",
        "troubles": notification_troubles(viewer=viewer, most=TROUBLES_MOST),
    }
    return render(request, "sg_status/watching/incidents.html", context)


@page
@require_POST
def incidents_choose(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Switch the alert mails of an organization on or off."""
    wanted = request.POST.get("organization", "")
    is_alerted = request.POST.get("mails") == "on"
    done: str | Promise = (
        gettext("Alerts of this organization are now sent to you by mail.")
        if is_alerted
        else gettext("Alerts of this organization are no longer sent to you by mail. They stay on this page.")
    )
    organization_id = int(wanted[:18]) if wanted.isdecimal() else 0
    try:
        mail_choose(actor=viewer, organization_id=organization_id, is_alerted=is_alerted)
    except NotFound as error:
        messages.error(request, str(error))
    else:
        messages.success(request, str(done))
    return redirect("incidents")


def _shared(asked: str) -> int | None:
    return int(asked[:18]) if asked.isdecimal() and asked.isascii() else None


def _narrowed(viewer: Viewer, state: str, shared: int | None) -> QuerySet[Incident]:
    if state == MINE:
        return incident_list(viewer=viewer, is_open=True, assignee=viewer.name, shared=shared)
    return incident_list(viewer=viewer, is_open=True, state=state, shared=shared)


def _ended_row(shown: IncidentView) -> Ended:
    incident = shown.incident
    ended = incident.closed_at or incident.opened_at
    return Ended(incident, shown.sentence, (ended - incident.began_at).total_seconds())


urlpatterns = [
    path("incidents/", incidents, name="incidents"),
    path("incidents/mails/", incidents_choose, name="incidents-choose"),
]
