"""`/stations/<serial>/suspension`: lift the suspension of a station."""

from http import HTTPStatus

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.stations.logins.suspension import station_suspension_lift
from fleet.stations.selectors import station_get
from rest_api.authentication import viewer_of
from rest_api.questions import WRITE_PROBLEMS, answers


class Suspension(APIView):
    """The suspension of a station."""

    @extend_schema(
        operation_id="stations_let_in",
        responses=answers({HTTPStatus.NO_CONTENT.value: None}, *WRITE_PROBLEMS, HTTPStatus.SERVICE_UNAVAILABLE),
    )
    def delete(self, request: Request, serial: str) -> Response:
        """Lift the suspension. The station keeps its login and starts with a full quota."""
        viewer = viewer_of(request)
        station_suspension_lift(viewer=viewer, station=station_get(viewer=viewer, serial=serial))
        return Response(status=HTTPStatus.NO_CONTENT)


urlpatterns = [
    path("stations/<str:serial>/suspension", Suspension.as_view(), name="suspension"),
]
