"""`/incidents`: past and present problems of stations."""

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

from fleet.alerts.models import Incident
from fleet.alerts.selectors import incident_list, incident_shown
from fleet.stations.selectors import station_get
from rest_api.authentication import viewer_of
from rest_api.lists import ListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import READ_PROBLEMS, answers, query_read

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


class IncidentOut(serializers.Serializer[Any]):
    """A past or present problem of a station."""

    id = serializers.IntegerField()
    station = serializers.CharField()
    organization = serializers.CharField()
    rule = serializers.CharField(help_text="A rule of Roost, or `made.` and the id of an alert rule.")
    title = serializers.CharField(help_text="The name of the alert rule; empty for rules of Roost.")
    severity = serializers.CharField(help_text="`notice`, `warning` or `severe`; empty for rules of Roost.")
    is_found_later = serializers.BooleanField(
        help_text="It was over, or its data was old, when the data came: nobody was alerted."
    )
    sentence = serializers.CharField(help_text="What is wrong and what to do, or how it ended; in English.")
    began_at = serializers.DateTimeField(help_text="When the problem began.")
    opened_at = serializers.DateTimeField(help_text="When Roost noticed it.")
    closed_at = serializers.DateTimeField(allow_null=True)


IncidentsOut = page_of("IncidentsOut", IncidentOut, "A page of incidents.")


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
        """List incidents, newest first."""
        query, viewer = query_read(request, IncidentsQuery), viewer_of(request)
        station = station_get(viewer=viewer, serial=query["station"]) if "station" in query else None
        rows = incident_list(viewer=viewer, is_open=query["is_open"], station=station)
        page = page_read(request, query, rows, columns=_COLUMNS, usual="-opened_at", last=SortColumn("id", int))
        return page.response(IncidentsOut, incident_row)


urlpatterns = [
    path("incidents", Incidents.as_view(), name="incidents"),
]
