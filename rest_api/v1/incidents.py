"""`/incidents`: past and present problems of stations, and what people have done about them."""

from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.urls import path
from django.utils import translation
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.alerts.handling import (
    NOTE_MOST,
    handling_require,
    incident_acknowledge,
    incident_assign,
    incident_note_add,
    incident_snooze,
    incident_take_back,
)
from fleet.alerts.models import Incident, IncidentStep
from fleet.alerts.selectors import incident_get, incident_list, incident_shown, incident_steps
from fleet.organizations.access import Viewer
from fleet.stations.selectors import station_get
from rest_api.authentication import viewer_of
from rest_api.lists import ID_MOST, ListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, body_read, query_read

_COLUMNS = {
    "opened_at": SortColumn("opened_at", datetime, is_filled=True),
    "began_at": SortColumn("began_at", datetime, is_filled=True),
    "closed_at": SortColumn("closed_at", datetime),
    "rule": SortColumn("rule", is_filled=True),
}


class IncidentsQuery(ListQuery):
    """Filters of the incident list."""

    station = serializers.CharField(required=False, max_length=80, help_text="A serial: only this station's incidents.")
    is_open = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="true: only open incidents; false: only closed ones."
    )
    state = serializers.ChoiceField(
        choices=Incident.State.values, required=False, default="", help_text="Only incidents in this state."
    )
    assignee = serializers.CharField(
        required=False, max_length=150, default="", help_text="A login name: only incidents assigned to this person."
    )
    shared = serializers.IntegerField(
        required=False, min_value=1, max_value=ID_MOST, help_text="Only incidents of this shared failure."
    )


class IncidentOut(serializers.Serializer[Any]):
    """A past or present problem of a station."""

    id = serializers.IntegerField()
    station = serializers.CharField()
    organization = serializers.CharField()
    rule = serializers.CharField(help_text="A rule of Roost, or `made.` and the id of an alert rule.")
    title = serializers.CharField(help_text="The name of the alert rule; empty for rules of Roost.")
    severity = serializers.CharField(help_text="`notice`, `warning` or `severe`; empty for rules of Roost.")
    is_found_later = serializers.BooleanField(
        help_text="It was over, or its data was old, when the data arrived: nobody was alerted."
    )
    is_held = serializers.BooleanField(
        help_text="It opened in planned maintenance and nobody was alerted yet, or it was over before that ended."
    )
    held_reason = serializers.CharField(help_text="The reason of that maintenance; empty: none held it back.")
    held_until = serializers.DateTimeField(allow_null=True, help_text="When people were alerted after all.")
    state = serializers.ChoiceField(
        choices=Incident.State.values,
        help_text="`open` until a person acknowledges or snoozes it, and again when the snooze ends.",
    )
    acknowledged_at = serializers.DateTimeField(allow_null=True, help_text="Also of a snooze.")
    acknowledged_by = serializers.CharField(help_text="The name of the person or key; empty for nobody.")
    snoozed_until = serializers.DateTimeField(
        allow_null=True, help_text="null for a snooze until it changes, and without one."
    )
    assignee = serializers.CharField(help_text="The login name of the member who takes care of it, or empty.")
    sentence = serializers.CharField(help_text="What is wrong and what to do, or how it ended; in English.")
    began_at = serializers.DateTimeField(help_text="When the problem began.")
    opened_at = serializers.DateTimeField(help_text="When Roost noticed it.")
    closed_at = serializers.DateTimeField(allow_null=True)
    held_by = serializers.IntegerField(
        allow_null=True, help_text="The open incident of its gateway: one alert reports both."
    )
    shared = serializers.IntegerField(
        allow_null=True, help_text="The shared failure that it is part of: incidents of one have the same number."
    )


class IncidentStepOut(serializers.Serializer[Any]):
    """A step in an incident's life after it was noticed."""

    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    kind = serializers.ChoiceField(choices=IncidentStep.Kind.values)
    by = serializers.CharField(help_text="The name of the person or key; empty for Roost.")
    text = serializers.CharField(help_text="The note, or the login name of the assignee.")
    until = serializers.DateTimeField(
        allow_null=True, help_text="The end of a snooze, null: until it changes; of a reopening, when it had closed."
    )
    is_by_link = serializers.BooleanField(help_text="By the link in an alert.")


class SnoozeIn(StrictSerializer):
    """Until when nobody is notified."""

    until = serializers.DateTimeField(
        allow_null=True, help_text="At most 90 days away. null: until another incident opens at the station."
    )


class AssignmentIn(StrictSerializer):
    """The member who takes care of the incident."""

    assignee = serializers.CharField(
        max_length=150, allow_blank=True, help_text="The login name of a member; empty: nobody."
    )


class IncidentNoteIn(StrictSerializer):
    """A note about an incident."""

    text = serializers.CharField(max_length=NOTE_MOST)


IncidentsOut = page_of("IncidentsOut", IncidentOut, "A page of incidents.")
IncidentStepsOut = page_of("IncidentStepsOut", IncidentStepOut, "A page of steps.")


def incident_row(incident: Incident) -> dict[str, Any]:
    """An incident of `incident_list` as the API shows it."""
    with translation.override("en"):
        sentence = incident_shown(incident).sentence
    return {
        "id": incident.pk,
        "station": incident.station.serial,
        "organization": incident.organization.slug,
        "rule": incident.rule,
        "title": incident.title,
        "severity": incident.severity,
        "is_found_later": incident.is_found_later,
        "is_held": incident.is_held,
        "held_reason": incident.held_reason,
        "held_until": incident.held_until,
        "state": incident.state,
        "acknowledged_at": incident.acknowledged_at,
        "acknowledged_by": incident.acknowledged_by_name,
        "snoozed_until": incident.snoozed_until,
        "assignee": incident.assignee.user.get_username() if incident.assignee else "",
        "sentence": sentence,
        "began_at": incident.began_at,
        "opened_at": incident.opened_at,
        "closed_at": incident.closed_at,
        "held_by": incident.held_by_id,
        "shared": incident.shared_id,
    }


class Incidents(APIView):
    """The incidents of your stations."""

    @extend_schema(
        operation_id="incidents_list",
        parameters=[IncidentsQuery],
        responses=answers({HTTPStatus.OK.value: IncidentsOut}, *READ_PROBLEMS),
    )
    def get(self, request: Request) -> Response:
        """List incidents, newest first."""
        query, viewer = query_read(request, IncidentsQuery), viewer_of(request)
        station = station_get(viewer=viewer, serial=query["station"]) if "station" in query else None
        rows = incident_list(
            viewer=viewer,
            is_open=query["is_open"],
            state=query["state"],
            assignee=query["assignee"],
            station=station,
            shared=query.get("shared"),
        )
        page = page_read(request, query, rows, columns=_COLUMNS, usual="-opened_at", last=SortColumn("id", int))
        return page.response(IncidentsOut, incident_row)


class IncidentDetail(APIView):
    """One incident."""

    @extend_schema(operation_id="incidents_retrieve", responses=answers({200: IncidentOut}, *READ_PROBLEMS))
    def get(self, request: Request, incident_id: int) -> Response:
        """Show an incident."""
        return _shown(viewer_of(request), incident_id)


class IncidentSteps(APIView):
    """The steps in the life of an incident."""

    @extend_schema(
        operation_id="incident_steps_list",
        parameters=[ListQuery],
        responses=answers({200: IncidentStepsOut}, *READ_PROBLEMS),
    )
    def get(self, request: Request, incident_id: int) -> Response:
        """List the steps, newest first."""
        incident = incident_get(viewer=viewer_of(request), incident_id=incident_id)
        query, columns = query_read(request, ListQuery), {"at": SortColumn("at", datetime, is_filled=True)}
        rows = incident_steps(incident=incident)
        page = page_read(request, query, rows, columns=columns, usual="-at", last=SortColumn("id", int))
        return page.response(IncidentStepsOut, _step)


class IncidentAcknowledgement(APIView):
    """The acknowledgement of an incident, or its snooze."""

    @extend_schema(
        operation_id="incidents_acknowledge", request=None, responses=answers({200: IncidentOut}, *WRITE_PROBLEMS)
    )
    def post(self, request: Request, incident_id: int) -> Response:
        """Acknowledge an incident; this also ends a snooze."""
        viewer, incident = _acting(request, incident_id)
        incident_acknowledge(actor=viewer, incident=incident)
        return _shown(viewer, incident_id)

    @extend_schema(operation_id="incidents_take_back", responses=answers({200: IncidentOut}, *WRITE_PROBLEMS))
    def delete(self, request: Request, incident_id: int) -> Response:
        """Take back the acknowledgement or snooze. The incident is open again."""
        viewer, incident = _acting(request, incident_id)
        incident_take_back(actor=viewer, incident=incident)
        return _shown(viewer, incident_id)


class IncidentSnooze(APIView):
    """The snooze of an incident."""

    @extend_schema(
        operation_id="incidents_snooze", request=SnoozeIn, responses=answers({200: IncidentOut}, *WRITE_PROBLEMS)
    )
    def put(self, request: Request, incident_id: int) -> Response:
        """Snooze an incident. If it is still open when the snooze ends, everyone notified before is notified again."""
        viewer, incident = _acting(request, incident_id)
        incident_snooze(actor=viewer, incident=incident, until=body_read(request, SnoozeIn)["until"])
        return _shown(viewer, incident_id)


class IncidentAssignment(APIView):
    """The assignee of an incident."""

    @extend_schema(
        operation_id="incidents_assign", request=AssignmentIn, responses=answers({200: IncidentOut}, *WRITE_PROBLEMS)
    )
    def put(self, request: Request, incident_id: int) -> Response:
        """Assign an incident to a member, who is notified."""
        viewer, incident = _acting(request, incident_id)
        incident_assign(actor=viewer, incident=incident, username=body_read(request, AssignmentIn)["assignee"])
        return _shown(viewer, incident_id)


class IncidentNotes(APIView):
    """Notes about an incident. They are listed among its steps."""

    @extend_schema(
        operation_id="incident_notes_create",
        request=IncidentNoteIn,
        responses=answers({201: IncidentStepOut}, *WRITE_PROBLEMS),
    )
    def post(self, request: Request, incident_id: int) -> Response:
        """Write a note about an incident."""
        viewer, incident = _acting(request, incident_id)
        step = incident_note_add(actor=viewer, incident=incident, text=body_read(request, IncidentNoteIn)["text"])
        return Response(IncidentStepOut(_step(step)).data, status=HTTPStatus.CREATED)


def _acting(request: Request, incident_id: int) -> tuple[Viewer, Incident]:
    """The viewer and the incident. Checks the role first: without permission, a caller gets 403."""
    viewer = viewer_of(request)
    incident = incident_get(viewer=viewer, incident_id=incident_id)
    handling_require(actor=viewer, incident=incident)
    return viewer, incident


def _shown(viewer: Viewer, incident_id: int) -> Response:
    return Response(IncidentOut(incident_row(incident_get(viewer=viewer, incident_id=incident_id))).data)


def _step(step: IncidentStep) -> dict[str, Any]:
    return {
        "id": step.pk,
        "at": step.at,
        "kind": step.kind,
        "by": step.by_name,
        "text": step.text,
        "until": step.until,
        "is_by_link": step.link is not None,
    }


_ONE = "incidents/<int:incident_id>"
urlpatterns = [
    path("incidents", Incidents.as_view(), name="incidents"),
    path(_ONE, IncidentDetail.as_view(), name="incident"),
    path(f"{_ONE}/steps", IncidentSteps.as_view(), name="incident-steps"),
    path(f"{_ONE}/acknowledgement", IncidentAcknowledgement.as_view(), name="incident-acknowledgement"),
    path(f"{_ONE}/snooze", IncidentSnooze.as_view(), name="incident-snooze"),
    path(f"{_ONE}/assignment", IncidentAssignment.as_view(), name="incident-assignment"),
    path(f"{_ONE}/notes", IncidentNotes.as_view(), name="incident-notes"),
]
