"""`/stations/<serial>/delete`: delete a station and all its data."""

from http import HTTPStatus

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.lifecycle.erase_station import station_delete
from fleet.stations.selectors import station_get
from rest_api.authentication import viewer_of
from rest_api.questions import WRITE_PROBLEMS, StrictSerializer, answers, body_read

_PROBLEMS = (*WRITE_PROBLEMS, HTTPStatus.SERVICE_UNAVAILABLE)


class DeleteIn(StrictSerializer):
    """The serial again, as confirmation."""

    serial = serializers.CharField(max_length=80)


class StationDelete(APIView):
    """Deleting a station and all its data."""

    @extend_schema(operation_id="stations_delete", request=DeleteIn, responses=answers({202: None}, *_PROBLEMS))
    def post(self, request: Request, serial: str) -> Response:
        """Delete a station permanently: itself at once, its data within minutes. Requires the owner role."""
        viewer = viewer_of(request)
        station = station_get(viewer=viewer, serial=serial)
        asked = body_read(request, DeleteIn)
        station_delete(actor=viewer, station=station, typed=asked["serial"])
        return Response(status=HTTPStatus.ACCEPTED)


urlpatterns = [
    path("stations/<str:serial>/delete", StationDelete.as_view(), name="station-delete"),
]
