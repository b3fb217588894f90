"""One incident: what is wrong, what happened around it, whether people were told, and what was before."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from fleet.alerts.models import Incident, Notification
from fleet.alerts.selectors import (
    IncidentView,
    Telling,
    incident_get,
    incident_shown,
    incident_tellings,
    incidents_before,
)
from fleet.commands.selectors import command_list
from fleet.core import clock
from fleet.organizations.access import Viewer
from fleet.stations.notes import note_list
from sg_status.access import page
from sg_status.command_words import command_label, state_word
from sg_status.spine.around import around_of

#: A change made just before it may be its cause.
BEFORE: Final = timedelta(days=1)
#: Of notes and of commands, the newest are shown.
ACTS_MOST: Final = 20
EARLIER_MOST: Final = 5


@dataclass(frozen=True, slots=True)
class IncidentLine:
    """One line of the timeline. `colour` is the class of a state, or nothing."""

    at: datetime
    icon: str
    colour: str
    lead: str
    text: str


@dataclass(frozen=True, slots=True)
class Earlier:
    """An incident of the same station that came before."""

    view: IncidentView
    lasted_s: float


@page
@require_safe
def incident(request: HttpRequest, viewer: Viewer, incident_id: int) -> HttpResponse:
    """The sentence, then what happened, newest first."""
    found = incident_get(viewer=viewer, incident_id=incident_id)
    now = clock.now()
    context = {
        "shown": incident_shown(found),
        "incident": found,
        "station": found.station,
        "timezone": found.organization.timezone,
        "lasted_s": _lasted_s(found, now),
        "happened": sorted([*_course(found), *_acts(found, now)], key=lambda one: one.at, reverse=True),
        "acts_most": ACTS_MOST,
        "around": around_of(found, now),
        "earlier": [
            Earlier(incident_shown(one), _lasted_s(one, now))
            for one in incidents_before(incident=found, most=EARLIER_MOST)
        ],
    }
    return render(request, "sg_status/watching/incident.html", context)


def _lasted_s(found: Incident, now: datetime) -> float:
    return ((found.closed_at or now) - found.began_at).total_seconds()


def _course(found: Incident) -> list[IncidentLine]:
    """Roost's own steps: noticed and told."""
    view = IncidentView(found, found.said(is_over=False))
    shape = ("silent", "silent") if view.is_silence else ("check", "check")
    lead = _("Found later.") if found.is_found_later else _("Noticed.")
    lines = [IncidentLine(found.opened_at, *shape, lead, view.sentence)]
    if found.is_found_later:
        return lines
    if found.closed_at is not None:
        lines.append(IncidentLine(found.closed_at, "ontime", "ok", _("Over."), found.said(is_over=True)))
    return lines + [_told(one) for one in incident_tellings(incident=found)]


def _told(one: Telling) -> IncidentLine:
    words = (
        ngettext("%(n)d alert about its end.", "%(n)d alerts about its end.", one.number)
        if one.phase == Notification.Phase.CLOSED
        else ngettext("%(n)d alert about it.", "%(n)d alerts about it.", one.number)
    ) % {"n": one.number}
    if one.failed:
        rest = ngettext("%(n)d could not be sent.", "%(n)d could not be sent.", one.failed) % {"n": one.failed}
    elif one.sent < one.number:
        rest = ngettext("%(n)d is not sent yet.", "%(n)d are not sent yet.", one.number - one.sent) % {
            "n": one.number - one.sent
        }
    else:
        rest = ""
    return IncidentLine(one.first_at, "mail", "check" if one.failed else "", words, rest)


def _acts(found: Incident, now: datetime) -> list[IncidentLine]:
    """Changes that people made meanwhile, and shortly before."""
    start, end = found.began_at - BEFORE, found.closed_at or now
    notes = note_list(station=found.station).filter(at__gte=start, at__lt=end)[:ACTS_MOST]
    commands = command_list(station=found.station, start=start, end=end)[:ACTS_MOST]
    return [IncidentLine(one.at, "note", "", f"{one.written_by_name}:", one.text) for one in notes] + [
        IncidentLine(one.issued_at, "cmd", "", f"{command_label(one.name)}:", state_word(one.state)) for one in commands
    ]


urlpatterns = [path("incidents/<int:incident_id>/", incident, name="incident")]
