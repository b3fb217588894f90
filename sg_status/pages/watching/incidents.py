"""Incidents: the open ones, the closed ones and how they ended, and the person's alert mails."""

from dataclasses import dataclass

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from fleet.alerts.destinations import mail_choices, mail_choose
from fleet.alerts.models import Incident
from fleet.alerts.selectors import IncidentView, incident_list, incident_shown, notification_troubles
from fleet.core.errors import NotFound
from fleet.organizations.access import Viewer
from sg_status.access import page
from sg_status.menu import MenuEntry, Part

MENU = MenuEntry(_("Incidents"), "incidents", 20, "incidents", Part.WATCH)

PAGE_SIZE = 50
#: Maximum open incidents shown with their sentence; of a fleet-wide storm the rest is only counted.
OPEN_MOST = 100
TROUBLES_MOST = 5


@dataclass(frozen=True, slots=True)
class Ended:
    """One closed incident as shown in the table."""

    incident: Incident
    sentence: str
    lasted_s: float


@page
@require_safe
def incidents(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Open incidents, then closed ones, newest first."""
    opened = incident_list(viewer=viewer, is_open=True)
    shown_page = Paginator(incident_list(viewer=viewer, is_open=False), PAGE_SIZE).get_page(request.GET.get("page"))
    number = opened.count()
    context = {
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


def _ended_row(shown: IncidentView) -> Ended:
    incident = shown.incident
    ended = incident.closed_at or incident.opened_at
    return Ended(incident, shown.sentence, (ended - incident.began_at).total_seconds())


urlpatterns = [
    path("incidents/", incidents, name="incidents"),
    path("incidents/mails/", incidents_choose, name="incidents-choose"),
]
