"""`/stations/<serial>/ledger`: which numbered messages arrived, are missing or are lost."""

from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from django.urls import path
from django.utils import translation
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.core import clock
from fleet.ingest.corrections.branches import branch_settle
from fleet.organizations.access import Role
from fleet.stations.selectors import station_get
from fleet.telemetry.condition.backlog import backlog_of
from fleet.telemetry.ledger import ledger_summary
from fleet.telemetry.models import StreamLedger
from fleet.telemetry.streams import branch_get, branch_list, stream_change
from rest_api.authentication import viewer_of
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, body_read

Branch = StreamLedger.Branch


class GapOut(serializers.Serializer[Any]):
    """A range of consecutive missing numbers, both ends included."""

    first = serializers.IntegerField()
    last = serializers.IntegerField()


class MissingOut(serializers.Serializer[Any]):
    """Missing messages."""

    messages = serializers.IntegerField()
    gaps = serializers.IntegerField()
    first_gaps = GapOut(many=True, help_text="At most 20; empty for file streams.")


class StreamOut(serializers.Serializer[Any]):
    """One stream. All file streams are summed up in one."""

    stream = serializers.CharField()
    streams = serializers.IntegerField()
    received = serializers.IntegerField()
    repeats = serializers.IntegerField(help_text="Duplicates that were dropped.")
    on_station = MissingOut()
    lost = MissingOut()
    first_at = serializers.DateTimeField()
    last_at = serializers.DateTimeField()


class BranchOut(serializers.Serializer[Any]):
    """Messages with numbers that were already used: the station's outbox was reset to an earlier state, or copied."""

    id = serializers.IntegerField()
    stream = serializers.CharField()
    state = serializers.ChoiceField(choices=[choice for choice in StreamLedger.Branch.choices if choice[0]])
    messages = serializers.IntegerField()
    first_at = serializers.DateTimeField()
    last_at = serializers.DateTimeField()
    sentence = serializers.CharField()


class BacklogOut(serializers.Serializer[Any]):
    """Messages waiting on the station, as it reports."""

    messages = serializers.IntegerField()
    said_at = serializers.DateTimeField()
    per_minute = serializers.FloatField(
        allow_null=True, help_text="Messages by which it shrinks; negative if it grows, null if unknown."
    )
    left_s = serializers.FloatField(allow_null=True, help_text="Seconds until everything has arrived at that pace.")
    sentence = serializers.CharField()


class ChangeOut(serializers.Serializer[Any]):
    """The newest stream, if it replaced an earlier one."""

    stream = serializers.CharField()
    since = serializers.DateTimeField()
    sentence = serializers.CharField()


class LedgerOut(serializers.Serializer[Any]):
    """The delivery ledger of a station."""

    sentences = serializers.ListField(child=serializers.CharField())
    stream_count = serializers.IntegerField()
    received = serializers.IntegerField()
    repeats = serializers.IntegerField()
    on_station = serializers.IntegerField()
    lost = serializers.IntegerField()
    unsequenced = serializers.IntegerField(
        help_text="Messages without a number: stored, but gaps among them cannot be detected."
    )
    streams = StreamOut(many=True, help_text="The newest 50.")
    files = StreamOut(allow_null=True)
    backlog = BacklogOut(allow_null=True, help_text="null if the station never reported it.")
    change = ChangeOut(allow_null=True)
    branches = BranchOut(many=True)


class BranchIn(StrictSerializer):
    """The decision about a branch."""

    decision = serializers.ChoiceField(
        choices=[Branch.BELIEVED.value, Branch.DISCARDED.value],
        help_text="Store its messages as this station's, or discard them; discarded ones stay readable in quarantine.",
    )


class BranchDecision(APIView):
    """The decision about a branch of a stream."""

    @extend_schema(operation_id="branches_decide", request=BranchIn, responses=answers({204: None}, *WRITE_PROBLEMS))
    def post(self, request: Request, serial: str, branch_id: int) -> Response:
        """Decide about a branch. A background job carries it out. 409 if already decided. For operators only."""
        viewer = viewer_of(request)
        station = station_get(viewer=viewer, serial=serial)
        ledger = branch_get(station=station, branch_id=branch_id)
        viewer.require(Role.OPERATOR, organization=station.organization_id, to=_("decide about a branch"))
        asked = body_read(request, BranchIn)
        branch_settle(viewer=viewer, ledger=ledger, decision=asked["decision"])
        return Response(status=HTTPStatus.NO_CONTENT)


class Ledger(APIView):
    """The delivery ledger of a station."""

    @extend_schema(operation_id="ledger_retrieve", responses=answers({200: LedgerOut}, *READ_PROBLEMS))
    def get(self, request: Request, serial: str) -> Response:
        """Show the ledger, in numbers and in English sentences."""
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
