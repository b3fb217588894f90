"""`/stations/<serial>/retire`: take a station out of service."""

from http import HTTPStatus

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.stations.selectors import station_get, station_get_as_listed
from fleet.stations.services import station_retire
from rest_api.authentication import viewer_of
from rest_api.questions import WRITE_PROBLEMS, answers
from rest_api.v1.stations import StationDetailOut, station_detail

_PROBLEMS = (*WRITE_PROBLEMS, HTTPStatus.SERVICE_UNAVAILABLE)


class StationRetire(APIView):
    """Taking a station out of service."""

    @extend_schema(operation_id="stations_retire", request=None, responses=answers({200: StationDetailOut}, *_PROBLEMS))
    def post(self, request: Request, serial: str) -> Response:
        """Retire a station. Its logins end, its data stays, and its serial can be used again."""
        viewer = viewer_of(request)
        station = station_retire(station=station_get(viewer=viewer, serial=serial), actor=viewer)
        return Response(station_detail(station_get_as_listed(viewer=viewer, serial=station.serial)))


urlpatterns = [
    path("stations/<str:serial>/retire", StationRetire.as_view(), name="station-retire"),
]
