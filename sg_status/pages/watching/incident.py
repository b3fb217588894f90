"""One incident: what is wrong, who takes care of it, what happened around it, who was told, and what was before."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext
from django.views.decorators.http import require_safe

from fleet.alerts.grouping.words import shared_sentence
from fleet.alerts.handling import incident_may_handle
from fleet.alerts.models import Incident, IncidentStep, Notification
from fleet.alerts.selectors import (
    IncidentView,
    Telling,
    incident_get,
    incident_parent,
    incident_shown,
    incident_steps,
    incident_tellings,
    incidents_before,
    incidents_held,
    shared_get,
)
from fleet.commands.selectors import command_list
from fleet.core import clock
from fleet.core.spoken import moment_words
from fleet.organizations.access import Viewer
from fleet.stations.notes import note_list
from sg_status.access import page
from sg_status.command_words import command_label, state_word
from sg_status.pages.watching.handling_forms import AssignForm, SnoozeAtForm, StepNoteForm
from sg_status.spine.around import around_of

#: Changes are shown from this long before an incident: one of them may be its cause.
BEFORE: Final = timedelta(days=1)
#: Maximum notes, and maximum commands, shown: the newest.
ACTS_MOST: Final = 20
STEPS_SHOWN: Final = 100
EARLIER_MOST: Final = 5
BEHIND_MOST: Final = 50


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
    may_handle = incident_may_handle(actor=viewer, incident=found)
    shared = shared_get(viewer=viewer, incident=found)
    steps = list(incident_steps(incident=found)[: STEPS_SHOWN + 1])
    context = {
        "shown": incident_shown(found),
        "incident": found,
        "station": found.station,
        "timezone": found.organization.timezone,
        "lasted_s": _lasted_s(found, now),
        "happened": sorted(
            [*_course(found), *_steps(steps[:STEPS_SHOWN], now), *_acts(found, now)],
            key=lambda one: one.at,
            reverse=True,
        ),
        "state_word": _state_word(found),
        "may_handle": may_handle,
        "may_acknowledge": may_handle and found.state in (Incident.State.OPEN, Incident.State.SNOOZED),
        "snooze_form": SnoozeAtForm() if may_handle else None,
        "assign_form": AssignForm.of(found) if may_handle else None,
        "note_form": StepNoteForm() if may_handle else None,
        "acts_most": ACTS_MOST,
        "steps_cut": STEPS_SHOWN if len(steps) > STEPS_SHOWN else 0,
        "around": around_of(found, now),
        "shared": shared,
        "shared_words": shared_sentence(shared, now) if shared else "",
        "parent": incident_parent(viewer=viewer, incident=found),
        "behind": incidents_held(viewer=viewer, incident=found, most=BEHIND_MOST),
        "earlier": [
            Earlier(incident_shown(one), _lasted_s(one, now))
            for one in incidents_before(incident=found, most=EARLIER_MOST)
        ],
    }
    return render(request, "sg_status/watching/incident.html", context)


def _state_word(found: Incident) -> str:
    words = {
        Incident.State.OPEN.value: pgettext("incident", "open"),
        Incident.State.ACKNOWLEDGED.value: pgettext("incident", "acknowledged"),
        Incident.State.SNOOZED.value: pgettext("incident", "snoozed"),
        Incident.State.CLOSED.value: pgettext("incident", "over"),
    }
    return words[found.state]


def _lasted_s(found: Incident, now: datetime) -> float:
    return ((found.closed_at or now) - found.began_at).total_seconds()


def _course(found: Incident) -> list[IncidentLine]:
    """Roost's own steps: it noticed the incident, saw its end, and told people."""
    view = IncidentView(found, found.said(is_over=False))
    shape = ("silent", "silent") if view.is_silence else ("check", "check")
    lead = _("Found later.") if found.is_found_later else _("Noticed.")
    lines = [IncidentLine(found.opened_at, *shape, lead, view.sentence)]
    if found.is_found_later:
        return lines
    if found.closed_at is not None:
        lines.append(IncidentLine(found.closed_at, "ontime", "ok", _("Over."), found.said(is_over=True)))
    return lines + [_told(one) for one in incident_tellings(incident=found)]


def _steps(steps: Sequence[IncidentStep], now: datetime) -> list[IncidentLine]:
    """The recorded steps of an incident, by people and by Roost."""
    lines = []
    for one in steps:
        (icon, colour), (lead, text) = _SHAPES.get(one.kind, ("note", "")), _STEP_WORDS[one.kind](one, now)
        lines.append(IncidentLine(one.at, icon, colour, lead, text))
    return lines


def _snoozed_words(step: IncidentStep, now: datetime) -> tuple[str, str]:
    told = {"name": step.by_name}
    if step.until is None:
        return _("%(name)s snoozed it") % told, _("until it changes.")
    return _("%(name)s snoozed it") % told, _("until %(moment)s.") % {"moment": moment_words(step.until, now)}


def _assigned_words(step: IncidentStep, _now: datetime) -> tuple[str, str]:
    told = {"name": step.by_name, "whom": step.text}
    lead = _("%(name)s assigned it to %(whom)s.") if step.text else _("%(name)s assigned it to nobody.")
    return lead % told, ""


def _reopened_words(step: IncidentStep, now: datetime) -> tuple[str, str]:
    if step.until is None:
        return _("Open again."), ""
    over = _("It was over only briefly, since %(moment)s: nobody was alerted, and it stays acknowledged.")
    return _("Open again."), over % {"moment": moment_words(step.until, now)}


_Kind = IncidentStep.Kind
_STEP_WORDS: Final[dict[str, Callable[[IncidentStep, datetime], tuple[str, str]]]] = {
    _Kind.ACKNOWLEDGED: lambda step, _now: (_("%(name)s acknowledged it.") % {"name": step.by_name}, ""),
    _Kind.SNOOZED: _snoozed_words,
    _Kind.TAKEN_BACK: lambda step, _now: (_("%(name)s took that back.") % {"name": step.by_name}, _("It is open.")),
    _Kind.ASSIGNED: _assigned_words,
    _Kind.NOTED: lambda step, _now: (f"{step.by_name}:", step.text),
    _Kind.WOKEN: lambda _step, _now: (_("The snooze is over."), _("It is still open, so people are alerted again.")),
    _Kind.CHANGED: lambda _step, _now: (
        _("The snooze is over."),
        _("The station got another incident. This one is still open, so people are alerted again."),
    ),
    _Kind.REOPENED: _reopened_words,
}
_SHAPES: Final[dict[str, tuple[str, str]]] = {
    _Kind.ACKNOWLEDGED: ("tick", ""),
    _Kind.SNOOZED: ("clock", ""),
    _Kind.ASSIGNED: ("person", ""),
    _Kind.WOKEN: ("check", "check"),
    _Kind.CHANGED: ("check", "check"),
    _Kind.REOPENED: ("check", "check"),
}


def _told(one: Telling) -> IncidentLine:
    words = _told_words(one.phase, one.number) % {"n": one.number}
    if one.failed:
        rest = ngettext("%(n)d could not be sent.", "%(n)d could not be sent.", one.failed) % {"n": one.failed}
    elif one.unknown:
        told = ngettext("It is unknown whether %(n)d arrived.", "It is unknown whether %(n)d arrived.", one.unknown)
        rest = told % {"n": one.unknown}
    elif waiting := one.number - one.sent - one.held:
        rest = ngettext("%(n)d is not sent yet.", "%(n)d are not sent yet.", waiting) % {"n": waiting}
    elif one.held:
        rest = ngettext("%(n)d was held back.", "%(n)d were held back.", one.held) % {"n": one.held}
    else:
        rest = ""
    return IncidentLine(one.first_at, "mail", "check" if one.failed or one.unknown else "", words, rest)


def _told_words(phase: str, number: int) -> str:
    if phase == Notification.Phase.CLOSED:
        return ngettext("%(n)d alert about its end.", "%(n)d alerts about its end.", number)
    if phase == Notification.Phase.AGAIN:
        return ngettext("%(n)d alert after a snooze.", "%(n)d alerts after a snooze.", number)
    if phase == Notification.Phase.ASSIGNED:
        return ngettext("%(n)d alert to an assignee.", "%(n)d alerts to assignees.", number)
    return ngettext("%(n)d alert about it.", "%(n)d alerts about it.", number)


def _acts(found: Incident, now: datetime) -> list[IncidentLine]:
    """Notes and commands by people during the incident and shortly before."""
    start, end = found.began_at - BEFORE, found.closed_at or now
    notes = note_list(station=found.station).filter(at__gte=start, at__lt=end)[:ACTS_MOST]
    commands = command_list(station=found.station, start=start, end=end)[:ACTS_MOST]
    return [IncidentLine(one.at, "note", "", f"{one.written_by_name}:", one.text) for one in notes] + [
        IncidentLine(one.issued_at, "cmd", "", f"{command_label(one.name)}:", state_word(one.state)) for one in commands
    ]


urlpatterns = [path("incidents/<int:incident_id>/", incident, name="incident")]
