"""`/enrolments`: where a station exchanges its single-use token for a broker login."""

from dataclasses import asdict
from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.stations.logins.enrolment import station_enrol
from fleet.stations.models import LoginPurpose
from rest_api.questions import DEVICE_PROBLEMS, answers, body_read, json_check
from rest_api.throttles import EnrolmentSerialThrottle, EnrolmentSourceThrottle

_HARDWARE_MOST = 16_384


def hardware_check(value: dict[str, Any]) -> dict[str, Any]:
    """Refuse values that PostgreSQL cannot store, and too large ones."""
    json_check(value, most=_HARDWARE_MOST)
    return value


class EnrolmentIn(serializers.Serializer[Any]):
    """A station's serial, token and description. Unknown fields, such as those of newer agents, are ignored."""

    serial = serializers.CharField(max_length=64)
    token = serializers.CharField(max_length=128)
    purpose = serializers.ChoiceField(
        choices=LoginPurpose.choices,
        default=LoginPurpose.STATION,
        help_text="What the token was made for: the station itself, or a desk computer that uploads its files.",
    )
    hardware = serializers.DictField(required=False, default=dict, help_text="Board, system, agent. Stored as sent.")

    def validate_hardware(self, value: dict[str, Any]) -> dict[str, Any]:
        """Refuse values that PostgreSQL cannot store, and too large ones."""
        return hardware_check(value)


class AmqpOut(serializers.Serializer[Any]):
    """How to connect to the broker. The password is shown only once."""

    host = serializers.CharField()
    port = serializers.IntegerField()
    tls = serializers.BooleanField()
    vhost = serializers.CharField()
    username = serializers.CharField()
    password = serializers.CharField()
    exchange = serializers.CharField(help_text="The station publishes here, with the message kind as routing key.")
    command_queue = serializers.CharField(
        allow_blank=True, help_text="Empty for a desk computer; only stations get commands."
    )
    ca_pem = serializers.CharField(allow_blank=True, help_text="The CA that signs the broker's certificate.")


class EnrolmentOut(serializers.Serializer[Any]):
    """The broker login of a station."""

    amqp = AmqpOut()


class Enrolments(APIView):
    """Enrolment with a single-use token; the token is the only credential."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (EnrolmentSourceThrottle, EnrolmentSerialThrottle)

    @extend_schema(
        operation_id="enrolments_create",
        auth=[],
        request=EnrolmentIn,
        responses=answers({201: EnrolmentOut}, *DEVICE_PROBLEMS),
    )
    def post(self, request: Request) -> Response:
        """Exchange a token for a login, once. 403 does not say whether serial or token is wrong, used or expired."""
        told = body_read(request, EnrolmentIn)
        grant = station_enrol(
            serial=told["serial"],
            token=told["token"],
            hardware=told["hardware"],
            purpose=LoginPurpose(told["purpose"]),
        )
        answer = {"amqp": AmqpOut(asdict(grant)).data}
        return Response(answer, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})


urlpatterns = [
    path("enrolments", Enrolments.as_view(), name="enrolments"),
]
