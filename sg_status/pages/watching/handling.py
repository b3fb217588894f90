"""The forms of an incident's page: each does one thing, and leads back to the page."""

from collections.abc import Callable
from typing import Final, TypeVar

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from fleet.alerts.handling import (
    handling_require,
    incident_acknowledge,
    incident_assign,
    incident_note_add,
    incident_snooze,
    incident_take_back,
)
from fleet.alerts.models import Incident
from fleet.alerts.selectors import incident_get
from fleet.organizations.access import Viewer
from sg_status.access import act, page
from sg_status.pages.watching.handling_forms import AssignForm, SnoozeAtForm, StepNoteForm

_Form = TypeVar("_Form", bound=forms.Form)
_Doing = Callable[[HttpRequest, Viewer, Incident], None]


@page
@require_POST
def incident_act(request: HttpRequest, viewer: Viewer, incident_id: int, do: str) -> HttpResponse:
    """Do one of `_DOINGS`; a refusal or an incomplete form becomes a message on the page."""
    incident = incident_get(viewer=viewer, incident_id=incident_id)
    handling_require(actor=viewer, incident=incident)
    _DOINGS[do](request, viewer, incident)
    return redirect("incident", incident_id=incident.pk)


def _acknowledge(request: HttpRequest, viewer: Viewer, incident: Incident) -> None:
    act(request, lambda: incident_acknowledge(actor=viewer, incident=incident), done=_("It is acknowledged."))


def _snooze(request: HttpRequest, viewer: Viewer, incident: Incident) -> None:
    if form := _valid(request, SnoozeAtForm(request.POST)):
        until = form.until()
        act(request, lambda: incident_snooze(actor=viewer, incident=incident, until=until), done=_("It is snoozed."))


def _take_back(request: HttpRequest, viewer: Viewer, incident: Incident) -> None:
    act(request, lambda: incident_take_back(actor=viewer, incident=incident), done=_("It is open again."))


def _assign(request: HttpRequest, viewer: Viewer, incident: Incident) -> None:
    if form := _valid(request, AssignForm.of(incident, request.POST)):
        name = form.cleaned_data["assignee"]
        done = _("It is assigned to %(name)s.") % {"name": name} if name else _("It is assigned to nobody.")
        act(request, lambda: incident_assign(actor=viewer, incident=incident, username=name), done=done)


def _note(request: HttpRequest, viewer: Viewer, incident: Incident) -> None:
    if form := _valid(request, StepNoteForm(request.POST)):
        text = form.cleaned_data["text"]
        act(
            request,
            lambda: incident_note_add(actor=viewer, incident=incident, text=text),
            done=_("The note is saved."),
        )


def _valid(request: HttpRequest, form: _Form) -> _Form | None:
    """The form if it is complete; otherwise its errors are messages for the next page."""
    if form.is_valid():
        return form
    for errors in form.errors.values():
        for error in errors:
            messages.error(request, str(error))
    return None


_DOINGS: Final[dict[str, _Doing]] = {
    "acknowledge": _acknowledge,
    "snooze": _snooze,
    "take-back": _take_back,
    "assign": _assign,
    "note": _note,
}

urlpatterns = [
    path(f"incidents/<int:incident_id>/{do}/", incident_act, {"do": do}, name=f"incident-{do}") for do in _DOINGS
]
