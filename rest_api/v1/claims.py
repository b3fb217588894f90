"""`/stations/claims`: a device shows a short code, a person or program claims it, the device fetches its login."""

from dataclasses import asdict
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.urls import path, reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.organizations.selectors import organization_find
from fleet.stations.joining.claims import claim_look, claim_open, claim_take
from fleet.stations.joining.newcomers import ASK_AGAIN_S, newcomer_fetch
from fleet.stations.models import Newcomer
from rest_api.authentication import viewer_of
from rest_api.questions import DEVICE_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, body_read
from rest_api.throttles import EnrolmentSourceThrottle, WaitingSourceThrottle
from rest_api.v1.enrolments import AmqpOut, hardware_check

_NOT_KEPT = {"Cache-Control": "no-store"}


class ClaimIn(serializers.Serializer[Any]):
    """A device's description of itself. Unknown fields, such as those of newer agents, are ignored."""

    serial = serializers.CharField(max_length=64)
    hardware = serializers.DictField(
        required=False, default=dict, help_text="Model, system, agent. A short form is stored."
    )

    def validate_hardware(self, value: dict[str, Any]) -> dict[str, Any]:
        """Refuse values that PostgreSQL cannot store, and too large ones."""
        return hardware_check(value)


class ClaimOut(serializers.Serializer[Any]):
    """The code that the device shows, and the secret with which it polls."""

    code = serializers.CharField(help_text="Eight characters, such as `ABCD-2345`, for people to type.")
    address = serializers.CharField(
        help_text="URL of the page for typing it, with the code filled in; suits a QR code."
    )
    secret = serializers.CharField(help_text="The device polls `/stations/waiting` with it. Shown only once.")
    expires_at = serializers.DateTimeField()
    ask_again_s = serializers.IntegerField()


class ClaimedIn(StrictSerializer):
    """The organization that claims the device, and the station's name."""

    organization = serializers.SlugField(help_text="An organization in which you are an operator.")
    name = serializers.CharField(required=False, allow_blank=True, default="", max_length=120)


class DeviceOut(serializers.Serializer[Any]):
    """A device that is not a station yet, as it describes itself."""

    serial = serializers.CharField()
    hardware = serializers.DictField(child=serializers.CharField())
    address = serializers.CharField(allow_blank=True, help_text="Network address of the device.")
    arrived_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class ClaimedOut(serializers.Serializer[Any]):
    """The station that the device became."""

    serial = serializers.CharField()
    organization = serializers.CharField()


class WaitingIn(serializers.Serializer[Any]):
    """The secret that the device got when it asked to join."""

    secret = serializers.CharField(max_length=128)


class WaitingOut(serializers.Serializer[Any]):
    """The device is still waiting for a decision."""

    ask_again_s = serializers.IntegerField(help_text="Seconds to wait before asking again.")
    expires_at = serializers.DateTimeField(help_text="The secret stops working then.")


class LoginOut(serializers.Serializer[Any]):
    """The device is a station now: its serial, and its login, which is shown only once."""

    serial = serializers.CharField()
    amqp = AmqpOut()


def device_row(newcomer: Newcomer) -> dict[str, Any]:
    """A device in the shape of `DeviceOut`."""
    return {
        "serial": newcomer.serial,
        "hardware": newcomer.hardware,
        "address": newcomer.address,
        "arrived_at": newcomer.arrived_at,
        "expires_at": newcomer.expires_at,
    }


def waiting_row(newcomer: Newcomer) -> dict[str, int | datetime]:
    """When the device should ask again, in the shape of `WaitingOut`."""
    return {"ask_again_s": ASK_AGAIN_S[Newcomer.Way(newcomer.way)], "expires_at": newcomer.expires_at}


class Claims(APIView):
    """Codes that devices show."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (EnrolmentSourceThrottle,)

    @extend_schema(
        operation_id="claims_create", auth=[], request=ClaimIn, responses=answers({201: ClaimOut}, *DEVICE_PROBLEMS)
    )
    def post(self, request: Request) -> Response:
        """Ask for a code, as a device. The code works once, for half an hour."""
        asked = body_read(request, ClaimIn)
        newcomer, secret, code = claim_open(**asked)
        page = f"{settings.SITE_URL}{reverse('station-claim')}?{urlencode({'code': code})}"
        told = ClaimOut({**waiting_row(newcomer), "code": code, "address": page, "secret": secret})
        return Response(told.data, status=status.HTTP_201_CREATED, headers=_NOT_KEPT)


class ClaimDetail(APIView):
    """One code. Wrong codes are limited to ten an hour per account and thirty per network address."""

    @extend_schema(
        operation_id="claims_retrieve",
        responses=answers({200: DeviceOut}, *WRITE_PROBLEMS, HTTPStatus.TOO_MANY_REQUESTS),
    )
    def get(self, request: Request, code: str) -> Response:
        """Show the device behind a code. 404 does not say whether the code is wrong, used or expired."""
        return Response(DeviceOut(device_row(claim_look(viewer=viewer_of(request), code=code))).data)

    @extend_schema(
        operation_id="claims_take",
        request=ClaimedIn,
        responses=answers({201: ClaimedOut}, *WRITE_PROBLEMS, HTTPStatus.TOO_MANY_REQUESTS),
    )
    def post(self, request: Request, code: str) -> Response:
        """Make the device a station. It then fetches its login. If you already have the station, its login is new."""
        asked = body_read(request, ClaimedIn)
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=asked["organization"])
        station = claim_take(viewer=viewer, code=code, organization=organization, name=asked["name"])
        row = {"serial": station.serial, "organization": organization.slug}
        return Response(ClaimedOut(row).data, status=status.HTTP_201_CREATED)


class Waiting(APIView):
    """Polled by a device that waits to be let in, with the secret it got."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (WaitingSourceThrottle,)

    @extend_schema(
        operation_id="waiting_ask",
        auth=[],
        request=WaitingIn,
        responses=answers({202: WaitingOut, 201: LoginOut}, *DEVICE_PROBLEMS),
    )
    def post(self, request: Request) -> Response:
        """Poll for a decision, as a device. 202: wait. 201: the login, shown once. 403: refused, used or expired."""
        asked = body_read(request, WaitingIn)
        newcomer, grant = newcomer_fetch(secret=asked["secret"])
        if grant is None or newcomer.station is None:
            return Response(WaitingOut(waiting_row(newcomer)).data, status=status.HTTP_202_ACCEPTED, headers=_NOT_KEPT)
        told = LoginOut({"serial": newcomer.station.serial, "amqp": asdict(grant)})
        return Response(told.data, status=status.HTTP_201_CREATED, headers=_NOT_KEPT)


urlpatterns = [
    path("stations/claims", Claims.as_view(), name="claims"),
    path("stations/claims/<str:code>", ClaimDetail.as_view(), name="claim"),
    path("stations/waiting", Waiting.as_view(), name="waiting"),
]
