"""`/stations/<serial>/ledger`: what came home, what is missing, and what is lost, by number."""

from typing import Any

from django.utils import translation
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.stations.selectors import station_get
from fleet.telemetry.ledger import ledger_summary
from rest_api.authentication import viewer_of
from rest_api.v1.questions import READ_PROBLEMS, answers


class GapOut(serializers.Serializer[Any]):
    """Consecutive missing numbers, both ends among them."""

    first = serializers.IntegerField()
    last = serializers.IntegerField()


class MissingOut(serializers.Serializer[Any]):
    """Missing messages."""

    messages = serializers.IntegerField()
    gaps = serializers.IntegerField()
    first_gaps = GapOut(many=True, help_text="At most 20; none for file streams.")


class StreamOut(serializers.Serializer[Any]):
    """One stream; file streams are one line together."""

    stream = serializers.CharField()
    streams = serializers.IntegerField()
    received = serializers.IntegerField()
    repeats = serializers.IntegerField(help_text="Came again and were dropped.")
    on_station = MissingOut()
    lost = MissingOut()
    first_at = serializers.DateTimeField()
    last_at = serializers.DateTimeField()


class LedgerOut(serializers.Serializer[Any]):
    """The ledger of one station."""

    sentences = serializers.ListField(child=serializers.CharField())
    stream_count = serializers.IntegerField()
    received = serializers.IntegerField()
    repeats = serializers.IntegerField()
    on_station = serializers.IntegerField()
    lost = serializers.IntegerField()
    unsequenced = serializers.IntegerField(help_text="Messages without a number: taken, but not provable.")
    streams = StreamOut(many=True, help_text="The newest 50.")
    files = StreamOut(allow_null=True)


class Ledger(APIView):
    """The delivery ledger of a station."""

    @extend_schema(operation_id="ledger_retrieve", responses=answers({200: LedgerOut}, *READ_PROBLEMS))
    def get(self, request: Request, serial: str) -> Response:
        """In numbers, and in sentences."""
        station = station_get(viewer=viewer_of(request), serial=serial)
        with translation.override("en"):
            return Response(LedgerOut(ledger_summary(station=station)).data)
