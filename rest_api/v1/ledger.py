"""`/stations/<serial>/ledger`: what came home, what is missing, and what is lost, by number."""

from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from django.urls import path
from django.utils import translation
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.core import clock
from fleet.ingest.corrections.branches import branch_settle
from fleet.organizations.access import Role
from fleet.organizations.errors import NotAllowed
from fleet.stations.selectors import station_get
from fleet.telemetry.backlog import backlog_of
from fleet.telemetry.ledger import ledger_summary
from fleet.telemetry.models import StreamLedger
from fleet.telemetry.streams import branch_get, branch_list, stream_change
from rest_api.authentication import viewer_of
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers

Branch = StreamLedger.Branch


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


class BranchOut(serializers.Serializer[Any]):
    """Numbers that came a second time in another life of the agent, kept apart."""

    id = serializers.IntegerField()
    stream = serializers.CharField()
    state = serializers.ChoiceField(choices=[choice for choice in StreamLedger.Branch.choices if choice[0]])
    messages = serializers.IntegerField()
    first_at = serializers.DateTimeField()
    last_at = serializers.DateTimeField()
    sentence = serializers.CharField()


class BacklogOut(serializers.Serializer[Any]):
    """What waits on the station by its own word."""

    messages = serializers.IntegerField()
    said_at = serializers.DateTimeField()
    per_minute = serializers.FloatField(
        allow_null=True, help_text="By so many it becomes less, negative when more; null when unknown."
    )
    left_s = serializers.FloatField(allow_null=True, help_text="Seconds until all are home at that pace.")
    sentence = serializers.CharField()


class ChangeOut(serializers.Serializer[Any]):
    """The newest stream, where there were others before it."""

    stream = serializers.CharField()
    since = serializers.DateTimeField()
    sentence = serializers.CharField()


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
    backlog = BacklogOut(allow_null=True, help_text="Null when the station never said.")
    change = ChangeOut(allow_null=True)
    branches = BranchOut(many=True)


class BranchIn(StrictSerializer):
    """What a human says of it."""

    decision = serializers.ChoiceField(
        choices=[Branch.BELIEVED.value, Branch.DISCARDED.value],
        help_text="Its messages are taken as this station's, or discarded and kept readable in quarantine.",
    )


class BranchDecision(APIView):
    """A branch of a stream, about which somebody decides."""

    @extend_schema(operation_id="branches_decide", request=BranchIn, responses=answers({204: None}, *WRITE_PROBLEMS))
    def post(self, request: Request, serial: str, branch_id: int) -> Response:
        """Once, for operators; 409 when somebody has. A job works it off."""
        viewer = viewer_of(request)
        station = station_get(viewer=viewer, serial=serial)
        ledger = branch_get(station=station, branch_id=branch_id)
        if not viewer.may(Role.OPERATOR, station.organization_id):
            raise NotAllowed("Deciding about a branch takes the role operator in the station's organization.")
        asked = BranchIn(data=request.data)
        asked.is_valid(raise_exception=True)
        branch_settle(viewer=viewer, ledger=ledger, decision=asked.validated_data["decision"])
        return Response(status=HTTPStatus.NO_CONTENT)


class Ledger(APIView):
    """The delivery ledger of a station."""

    @extend_schema(operation_id="ledger_retrieve", responses=answers({200: LedgerOut}, *READ_PROBLEMS))
    def get(self, request: Request, serial: str) -> Response:
        """In numbers, and in sentences."""
        station, moment = station_get(viewer=viewer_of(request), serial=serial), clock.now()
        with translation.override("en"):
            ledger = ledger_summary(station=station)
            streams = [(stream.stream, stream.first_at) for stream in ledger.streams]
            beside = {
                "backlog": backlog_of(station=station, contact=getattr(station, "contact", None), moment=moment),
                "change": stream_change(station=station, streams=streams, moment=moment),
                "branches": branch_list(station=station, moment=moment),
            }
            return Response(LedgerOut({**asdict(ledger), **beside}).data)


urlpatterns = [
    path("stations/<str:serial>/branches/<int:branch_id>", BranchDecision.as_view(), name="branch"),
    path("stations/<str:serial>/ledger", Ledger.as_view(), name="ledger"),
]
