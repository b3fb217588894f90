"""The login of a station: rotate it, revoke it, or create a token for a new one."""

from http import HTTPStatus
from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.commands.services import command_issue
from fleet.core import clock
from fleet.stations.logins.live import login_at_stake
from fleet.stations.logins.rotation import COMMAND
from fleet.stations.models import LoginPurpose
from fleet.stations.selectors import station_get
from fleet.stations.services import enrolment_token_create, station_revoke
from rest_api.authentication import viewer_of
from rest_api.questions import WRITE_PROBLEMS, StrictSerializer, answers, body_read

_PROBLEMS = (*WRITE_PROBLEMS, HTTPStatus.SERVICE_UNAVAILABLE)


class RotationOut(serializers.Serializer[Any]):
    """The command that asks the station to fetch a new login."""

    command = serializers.UUIDField()


class PurposeIn(StrictSerializer):
    """The token's purpose."""

    purpose = serializers.ChoiceField(
        choices=LoginPurpose.choices,
        default=LoginPurpose.STATION,
        help_text="`station`: the device in the field. `upload`: a desk computer that reads its cards; a second login.",
    )


class TokenOut(serializers.Serializer[Any]):
    """A token. Shown only once."""

    token = serializers.CharField()
    purpose = serializers.ChoiceField(choices=LoginPurpose.choices)
    warning = serializers.CharField(
        allow_blank=True, help_text="The login that ends when the token is used; empty if there is none."
    )


class StationRotate(APIView):
    """A new login for a running station."""

    @extend_schema(operation_id="stations_rotate", request=None, responses=answers({202: RotationOut}, *_PROBLEMS))
    def post(self, request: Request, serial: str) -> Response:
        """Send a command that makes the station fetch a new login. The old one works until the new one is in use."""
        viewer = viewer_of(request)
        station = station_get(viewer=viewer, serial=serial)
        command = command_issue(viewer=viewer, station=station, name=COMMAND, parameters={})
        return Response(RotationOut({"command": command.id}).data, status=HTTPStatus.ACCEPTED)


class StationRevoke(APIView):
    """The login of a station."""

    @extend_schema(operation_id="stations_revoke", request=None, responses=answers({204: None}, *_PROBLEMS))
    def post(self, request: Request, serial: str) -> Response:
        """Revoke a station's login and unused tokens, and close its connection. Safe to repeat."""
        viewer = viewer_of(request)
        station_revoke(station=station_get(viewer=viewer, serial=serial), actor=viewer)
        return Response(status=HTTPStatus.NO_CONTENT)


class StationToken(APIView):
    """A token that a device exchanges for the login of a station."""

    @extend_schema(operation_id="stations_token", request=PurposeIn, responses=answers({201: TokenOut}, *_PROBLEMS))
    def post(self, request: Request, serial: str) -> Response:
        """Create a token. It replaces earlier ones for its purpose. The current login works until the token is used."""
        viewer = viewer_of(request)
        station = station_get(viewer=viewer, serial=serial)
        asked = body_read(request, PurposeIn)
        purpose = LoginPurpose(asked["purpose"])
        token = enrolment_token_create(station=station, actor=viewer, purpose=purpose)
        is_own = purpose == LoginPurpose.STATION
        warning = login_at_stake(station=station, moment=clock.now()) if is_own else ""
        told = TokenOut({"token": token, "purpose": purpose, "warning": warning}).data
        return Response(told, status=HTTPStatus.CREATED, headers={"Cache-Control": "no-store"})


urlpatterns = [
    path("stations/<str:serial>/rotate", StationRotate.as_view(), name="station-rotate"),
    path("stations/<str:serial>/revoke", StationRevoke.as_view(), name="station-revoke"),
    path("stations/<str:serial>/token", StationToken.as_view(), name="station-token"),
]
