"""`/incidents`: what is wrong with stations, and was; `/stations/<serial>/suspension`: letting one in again."""

from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.utils import translation
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.alerts.models import Incident
from fleet.alerts.selectors import alert_choices, incident_list, incident_shown
from fleet.alerts.services import alerts_choose
from fleet.organizations.errors import NotAllowed
from fleet.organizations.selectors import organization_find
from fleet.stations.selectors import station_get
from fleet.stations.suspension import station_suspension_lift
from rest_api.authentication import viewer_of
from rest_api.v1.lists import Column, ListQuery, page_read
from rest_api.v1.questions import READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, query_read

_COLUMNS = {
    "opened": Column("opened_at", datetime, is_filled=True),
    "began": Column("began_at", datetime, is_filled=True),
    "closed": Column("closed_at", datetime),
    "rule": Column("rule", is_filled=True),
}


class IncidentsQuery(ListQuery):
    """Which ones."""

    station = serializers.CharField(required=False, max_length=80, help_text="Only of this station.")
    is_open = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="Only open, or only over."
    )


class IncidentOut(serializers.Serializer[Any]):
    """Something that is or was wrong with a station."""

    id = serializers.IntegerField()
    station = serializers.CharField()
    organization = serializers.CharField()
    rule = serializers.CharField()
    sentence = serializers.CharField(help_text="What is so now and what to do, or how it ended; in English.")
    began_at = serializers.DateTimeField(help_text="Since when it was so.")
    opened_at = serializers.DateTimeField(help_text="When it was noticed.")
    closed_at = serializers.DateTimeField(allow_null=True)


class IncidentsOut(serializers.Serializer[Any]):
    """A page of incidents."""

    results = IncidentOut(many=True)
    next = serializers.URLField(allow_null=True)


def incident_row(incident: Incident) -> dict[str, Any]:
    """An incident of `incident_list` as the API shows it."""
    with translation.override("en"):
        sentence = incident_shown(incident).sentence
    return {
        "id": incident.pk,
        "station": incident.station.serial,
        "organization": incident.organization.slug,
        "rule": incident.rule,
        "sentence": sentence,
        "began_at": incident.began_at,
        "opened_at": incident.opened_at,
        "closed_at": incident.closed_at,
    }


class Incidents(APIView):
    """The incidents of your stations."""

    @extend_schema(
        operation_id="incidents_list",
        parameters=[IncidentsQuery],
        responses=answers({HTTPStatus.OK.value: IncidentsOut}, *READ_PROBLEMS),
    )
    def get(self, request: Request) -> Response:
        """Newest first."""
        query, viewer = query_read(request, IncidentsQuery), viewer_of(request)
        station = station_get(viewer=viewer, serial=query["station"]) if "station" in query else None
        rows = incident_list(viewer=viewer, is_open=query["is_open"], station=station)
        page = page_read(request, query, rows, columns=_COLUMNS, usual="-opened", last=Column("id", int))
        return Response(IncidentsOut({"results": [incident_row(row) for row in page.rows], "next": page.next}).data)


class MailsData(StrictSerializer):
    """Whether the alerts of an organization reach the asker by mail."""

    mails = serializers.BooleanField(allow_null=True, help_text="Null for who is no member: keys, administrators.")


class AlertMails(APIView):
    """The asker's own choice."""

    @extend_schema(operation_id="alerts_retrieve", responses=answers({200: MailsData}, *READ_PROBLEMS))
    def get(self, request: Request, slug: str) -> Response:
        """As it is."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        held = alert_choices(user=viewer.user).filter(organization=organization).first() if viewer.user else None
        return Response(MailsData({"mails": held.is_alerted if held else None}).data)

    @extend_schema(
        operation_id="alerts_choose", request=MailsData, responses=answers({200: MailsData}, *WRITE_PROBLEMS)
    )
    def put(self, request: Request, slug: str) -> Response:
        """Another; for members. A key has no mailbox."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        if viewer.user is None:
            raise NotAllowed("A key gets no mails: log in.")
        asked = MailsData(data=request.data)
        asked.is_valid(raise_exception=True)
        is_alerted = bool(asked.validated_data["mails"])
        alerts_choose(user=viewer.user, organization_id=organization.pk, is_alerted=is_alerted)
        return Response(MailsData({"mails": is_alerted}).data)


class Suspension(APIView):
    """What keeps a station from sending."""

    @extend_schema(
        operation_id="stations_let_in",
        responses=answers({HTTPStatus.NO_CONTENT.value: None}, *WRITE_PROBLEMS, HTTPStatus.SERVICE_UNAVAILABLE),
    )
    def delete(self, request: Request, serial: str) -> Response:
        """Let it send again, with the login that it has and a full quota."""
        viewer = viewer_of(request)
        station_suspension_lift(viewer=viewer, station=station_get(viewer=viewer, serial=serial))
        return Response(status=HTTPStatus.NO_CONTENT)
