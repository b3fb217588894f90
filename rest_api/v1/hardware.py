"""`/stations/<serial>/hardware`: boards and cards that reported as a station, and decisions about swaps."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.lifecycle.swap_hardware import swap_another, swap_same
from fleet.stations.life.hardware import pair_get, pair_list
from fleet.stations.models import HardwarePair
from fleet.stations.selectors import station_get
from rest_api.authentication import viewer_of
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, body_read


class HardwareOut(serializers.Serializer[Any]):
    """One combination of board and card."""

    id = serializers.IntegerField()
    machine = serializers.CharField(allow_blank=True, help_text="Short hash of the board's serial number.")
    card_key = serializers.CharField(allow_blank=True, help_text="Created on the card when the agent first started.")
    model = serializers.CharField(allow_blank=True)
    state = serializers.ChoiceField(choices=HardwarePair.State.choices, help_text="`asked`: somebody has to decide.")
    first_seen_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)


class HardwareListOut(serializers.Serializer[Any]):
    """All known pairs of board and card, at most 100, the most recently seen first."""

    results = HardwareOut(many=True)


class SwapIn(StrictSerializer):
    """Whether new hardware is the same station or another one."""

    decision = serializers.ChoiceField(
        choices=("same", "another"),
        help_text="`another`: a new station takes over the serial; the history stays with the old one.",
    )


class SwapOut(serializers.Serializer[Any]):
    """The station that now has the serial."""

    serial = serializers.CharField()


class Hardware(APIView):
    """The hardware of a station."""

    @extend_schema(operation_id="hardware_list", responses=answers({200: HardwareListOut}, *READ_PROBLEMS))
    def get(self, request: Request, serial: str) -> Response:
        """List each pair of board and card, with when it was first and last seen."""
        station = station_get(viewer=viewer_of(request), serial=serial)
        return Response(HardwareListOut({"results": pair_list(station=station)}).data)


class HardwareDecision(APIView):
    """The decision about one pair."""

    @extend_schema(operation_id="hardware_decide", request=SwapIn, responses=answers({200: SwapOut}, *WRITE_PROBLEMS))
    def post(self, request: Request, serial: str, pair_id: int) -> Response:
        """Decide whether new hardware is the same station. 409 if already decided, or if other hardware is in use."""
        viewer = viewer_of(request)
        station = station_get(viewer=viewer, serial=serial)
        asked = body_read(request, SwapIn)
        pair: HardwarePair = pair_get(station=station, pair_id=pair_id)
        if asked["decision"] == "another":
            station = swap_another(actor=viewer, pair=pair)
        else:
            swap_same(actor=viewer, pair=pair)
        return Response(SwapOut({"serial": station.serial}).data)


urlpatterns = [
    path("stations/<str:serial>/hardware", Hardware.as_view(), name="hardware"),
    path("stations/<str:serial>/hardware/<int:pair_id>", HardwareDecision.as_view(), name="hardware-pair"),
]
