"""`/stations/claims`: a device shows a short code, a person or program claims it by that, and the device fetches its login."""

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
from rest_api.questions import DEVICE_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers
from rest_api.throttles import EnrolmentSourceThrottle, WaitingSourceThrottle
from rest_api.v1.enrolments import AmqpOut, hardware_check

_NOT_KEPT = {"Cache-Control": "no-store"}


class ClaimIn(serializers.Serializer[Any]):
    """What a device says of itself. Fields of newer agents are ignored."""

    serial = serializers.CharField(max_length=64)
    hardware = serializers.DictField(required=False, default=dict, help_text="Model, system, agent; kept in short.")

    def validate_hardware(self, value: dict[str, Any]) -> dict[str, Any]:
        """What PostgreSQL can keep, and not too much of it."""
        return hardware_check(value)


class ClaimOut(serializers.Serializer[Any]):
    """What the device shows, and what it asks with."""

    code = serializers.CharField(help_text="Eight characters, `ABCD-2345`: what people type.")
    address = serializers.CharField(help_text="The page on which they type it, with the code: good for a QR code.")
    secret = serializers.CharField(help_text="With this the device asks `/stations/waiting`; told this once.")
    expires_at = serializers.DateTimeField()
    ask_again_s = serializers.IntegerField()


class ClaimedIn(StrictSerializer):
    """Whose the device shall be."""

    organization = serializers.SlugField(help_text="An organization in which the asker is an operator.")
    name = serializers.CharField(required=False, allow_blank=True, default="", max_length=120)


class DeviceOut(serializers.Serializer[Any]):
    """A device that is no station yet, by its own word."""

    serial = serializers.CharField()
    hardware = serializers.DictField(child=serializers.CharField())
    address = serializers.CharField(allow_blank=True, help_text="The network address that asked.")
    arrived_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class ClaimedOut(serializers.Serializer[Any]):
    """The station that the device has become."""

    serial = serializers.CharField()
    organization = serializers.CharField()


class WaitingIn(serializers.Serializer[Any]):
    """The device's own secret."""

    secret = serializers.CharField(max_length=128)


class WaitingOut(serializers.Serializer[Any]):
    """Nobody has decided yet."""

    ask_again_s = serializers.IntegerField(help_text="Seconds until it is worth to ask again.")
    expires_at = serializers.DateTimeField(help_text="From then on it is no use.")


class LoginOut(serializers.Serializer[Any]):
    """The device is a station now; its serial there, and its login, told this once."""

    serial = serializers.CharField()
    amqp = AmqpOut()


def device_row(newcomer: Newcomer) -> dict[str, Any]:
    """A device as `DeviceOut` has it."""
    return {
        "serial": newcomer.serial,
        "hardware": newcomer.hardware,
        "address": newcomer.address,
        "arrived_at": newcomer.arrived_at,
        "expires_at": newcomer.expires_at,
    }


def waiting_row(newcomer: Newcomer) -> dict[str, int | datetime]:
    """When to ask again, as `WaitingOut` has it."""
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
        """A device asks for a code. It works for half an hour and once."""
        asked = ClaimIn(data=request.data)
        asked.is_valid(raise_exception=True)
        newcomer, secret, code = claim_open(**asked.validated_data)
        page = f"{settings.SITE_URL}{reverse('station-claim')}?{urlencode({'code': code})}"
        told = ClaimOut({**waiting_row(newcomer), "code": code, "address": page, "secret": secret})
        return Response(told.data, status=status.HTTP_201_CREATED, headers=_NOT_KEPT)


class ClaimDetail(APIView):
    """One code. Wrong ones are counted: ten an hour for an account, thirty for an address."""

    @extend_schema(
        operation_id="claims_retrieve",
        responses=answers({200: DeviceOut}, *WRITE_PROBLEMS, HTTPStatus.TOO_MANY_REQUESTS),
    )
    def get(self, request: Request, code: str) -> Response:
        """Which device shows this code. 404 does not say whether it is wrong, used or expired."""
        return Response(DeviceOut(device_row(claim_look(viewer=viewer_of(request), code=code))).data)

    @extend_schema(
        operation_id="claims_take",
        request=ClaimedIn,
        responses=answers({201: ClaimedOut}, *WRITE_PROBLEMS, HTTPStatus.TOO_MANY_REQUESTS),
    )
    def post(self, request: Request, code: str) -> Response:
        """Make the device a station; it fetches its login by itself. A station of one's own gets a new login."""
        asked = ClaimedIn(data=request.data)
        asked.is_valid(raise_exception=True)
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=asked.validated_data["organization"])
        station = claim_take(viewer=viewer, code=code, organization=organization, name=asked.validated_data["name"])
        row = {"serial": station.serial, "organization": organization.slug}
        return Response(ClaimedOut(row).data, status=status.HTTP_201_CREATED)


class Waiting(APIView):
    """Where a device that waits to be let in asks, with the secret that it got."""

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
        """202: ask again later. 201: the login, once. 403 does not say whether it was refused, used or has expired."""
        asked = WaitingIn(data=request.data)
        asked.is_valid(raise_exception=True)
        newcomer, grant = newcomer_fetch(secret=asked.validated_data["secret"])
        if grant is None or newcomer.station is None:
            return Response(WaitingOut(waiting_row(newcomer)).data, status=status.HTTP_202_ACCEPTED, headers=_NOT_KEPT)
        told = LoginOut({"serial": newcomer.station.serial, "amqp": asdict(grant)})
        return Response(told.data, status=status.HTTP_201_CREATED, headers=_NOT_KEPT)


urlpatterns = [
    path("stations/claims", Claims.as_view(), name="claims"),
    path("stations/claims/<str:code>", ClaimDetail.as_view(), name="claim"),
    path("stations/waiting", Waiting.as_view(), name="waiting"),
]
