"""`/quarantine`: messages that could not be processed, and why; replay or discard them."""

from datetime import datetime
from functools import partial
from typing import Any

from django.http import HttpResponse
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.ingest.limits.quarantine_budget import tallies_cut
from fleet.ingest.models import QuarantinedMessage
from fleet.ingest.quarantine import NOTE_MOST, quarantine_counts, quarantine_discard, quarantine_get, quarantine_list
from fleet.ingest.raw_view import raw_view
from fleet.ingest.replay import quarantine_replay, quarantine_replay_ask, quarantine_replay_list
from rest_api.authentication import viewer_of
from rest_api.lists import ListQuery, PeriodListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, body_read, query_read

State = QuarantinedMessage.State
_COLUMNS = {
    "received_at": SortColumn("received_at", datetime, is_filled=True),
    "decided_at": SortColumn("decided_at", datetime),
    "reason": SortColumn("reason", is_filled=True),
    "station": SortColumn("station__serial"),
    "body_bytes": SortColumn("body_bytes", int, is_filled=True),
}
_REPLAY_COLUMNS = {
    "asked_at": SortColumn("asked_at", datetime, is_filled=True),
    "finished_at": SortColumn("finished_at", datetime),
    "reason": SortColumn("reason", is_filled=True),
    "total": SortColumn("total", int, is_filled=True),
    "done": SortColumn("done", int, is_filled=True),
}
#: Maximum entries in one answer about messages that were only counted.
_TALLIES_MOST = 50


class QuarantineQuery(PeriodListQuery):
    """Filters of the list. Default state: held."""

    period_of = "Received"
    station = serializers.CharField(required=False, max_length=64, default="")
    reason = serializers.CharField(required=False, max_length=32, default="")
    state = serializers.ChoiceField(required=False, choices=State.choices, default=State.HELD)


class MessageOut(serializers.Serializer[Any]):
    """A message that could not be processed."""

    id = serializers.IntegerField()
    station = serializers.CharField(source="station.serial", default=None, allow_null=True)
    received_at = serializers.DateTimeField()
    reason = serializers.CharField()
    sentence = serializers.CharField()
    exchange = serializers.CharField()
    routing_key = serializers.CharField()
    stream = serializers.CharField(allow_blank=True)
    seq = serializers.IntegerField(allow_null=True)
    body_bytes = serializers.IntegerField()
    state = serializers.ChoiceField(choices=State.choices)
    note = serializers.CharField(allow_blank=True)
    decided_by = serializers.CharField(allow_blank=True)
    decided_at = serializers.DateTimeField(allow_null=True)


class ContentOut(serializers.Serializer[Any]):
    """The beginning of a body, as text or else as hexadecimal lines."""

    content = serializers.CharField()
    is_hex = serializers.BooleanField()
    is_unpacked = serializers.BooleanField(help_text="The body was compressed and is shown unpacked.")
    is_cut = serializers.BooleanField(help_text="There is more; download the whole with `/quarantine/<id>/body`.")


class MessageDetailOut(MessageOut):
    """A message with its headers and content."""

    properties = serializers.DictField()
    view = ContentOut()


class ReasonOut(serializers.Serializer[Any]):
    """The number of messages with one reason."""

    reason = serializers.CharField()
    count = serializers.IntegerField()


class OnlyCountedOut(serializers.Serializer[Any]):
    """Messages of one station and reason that exceeded the station's storage limit and were only counted."""

    station = serializers.CharField(source="station.serial", default=None, allow_null=True)
    reason = serializers.CharField()
    messages = serializers.IntegerField(source="cut")
    bytes = serializers.IntegerField(source="cut_bytes")
    first_at = serializers.DateTimeField(source="first_cut_at")
    last_at = serializers.DateTimeField(source="last_cut_at")
    sentence = serializers.CharField(help_text="Why the newest one was refused.")
    start = serializers.CharField(allow_blank=True, help_text="Beginning of the newest one.")


MessagesOut = page_of(
    "MessagesOut",
    MessageOut,
    "A page of messages, newest first, and counts per reason, which ignore the `reason` filter.",
    reasons=ReasonOut(many=True),
    only_counted=OnlyCountedOut(
        many=True, help_text="The 50 newest stations and reasons with messages that were only counted."
    ),
    only_counted_more=serializers.IntegerField(help_text="Further stations and reasons with such messages."),
)


class DiscardIn(StrictSerializer):
    """Why the message is discarded."""

    note = serializers.CharField(required=False, allow_blank=True, max_length=NOTE_MOST, default="")


class ReplayIn(StrictSerializer):
    """Selects all held messages with one reason, of one station or of all."""

    reason = serializers.CharField(max_length=32)
    station = serializers.CharField(required=False, allow_blank=True, max_length=64, default="")


class ReplayedOut(serializers.Serializer[Any]):
    """The outcome of replaying one message: one of the first three counts is 1."""

    stored = serializers.IntegerField()
    repeats = serializers.IntegerField()
    quarantined = serializers.IntegerField(help_text="It still cannot be processed and is back in quarantine.")
    stored_in_part = serializers.IntegerField(
        source="partial", help_text="Part of it is stored; the rest is in quarantine."
    )


class ReplayOut(serializers.Serializer[Any]):
    """A replay of many messages, and its progress."""

    id = serializers.IntegerField()
    reason = serializers.CharField()
    station = serializers.CharField(source="station.serial", default=None, allow_null=True)
    asked_by = serializers.CharField(source="asked_by_name")
    asked_at = serializers.DateTimeField()
    total = serializers.IntegerField()
    done = serializers.IntegerField()
    stored = serializers.IntegerField()
    quarantined = serializers.IntegerField()
    finished_at = serializers.DateTimeField(allow_null=True)


class ReplaysQuery(ListQuery):
    """Filters of the list of replays."""

    reason = serializers.CharField(required=False, max_length=32)
    station = serializers.CharField(required=False, max_length=80, help_text="A serial.")
    is_finished = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="true: only finished ones; false: only running ones."
    )


ReplaysOut = page_of("ReplaysOut", ReplayOut, "A page of replays.")


class Quarantine(APIView):
    """The messages in quarantine."""

    @extend_schema(
        operation_id="quarantine_list",
        parameters=[QuarantineQuery],
        responses=answers({200: MessagesOut}, *READ_PROBLEMS),
    )
    def get(self, request: Request) -> Response:
        """List quarantined messages, newest first."""
        query = query_read(request, QuarantineQuery)
        listed = partial(
            quarantine_list,
            viewer=viewer_of(request),
            station=query["station"],
            state=query["state"],
            start=query.get("from"),
            end=query.get("to"),
        )
        found, last = listed(reason=query["reason"]), SortColumn("id", int, is_filled=True)
        page = page_read(request, query, found, columns=_COLUMNS, usual="-received_at", last=last)
        cut = tallies_cut(viewer=viewer_of(request), station=query["station"])
        return page.response(
            MessagesOut,
            reasons=quarantine_counts(messages=listed()),
            only_counted=cut[:_TALLIES_MOST],
            only_counted_more=max(cut.count() - _TALLIES_MOST, 0),
        )


class QuarantineDetail(APIView):
    """One message in quarantine."""

    @extend_schema(operation_id="quarantine_retrieve", responses=answers({200: MessageDetailOut}, *READ_PROBLEMS))
    def get(self, request: Request, message_id: int) -> Response:
        """Show a message with its headers and the readable beginning of its content."""
        message = quarantine_get(viewer=viewer_of(request), message_id=message_id)
        view = ContentOut(raw_view(bytes(message.body))).data
        return Response({**MessageOut(message).data, "properties": message.properties, "view": view})


class QuarantineBody(APIView):
    """The content of a message."""

    @extend_schema(
        operation_id="quarantine_body",
        responses=answers({(200, "application/octet-stream"): OpenApiTypes.BINARY}, *READ_PROBLEMS),
    )
    def get(self, request: Request, message_id: int) -> HttpResponse:
        """Download the body exactly as it was received."""
        message = quarantine_get(viewer=viewer_of(request), message_id=message_id)
        disposition = f'attachment; filename="message-{message.pk}.bin"'
        headers = {"Content-Disposition": disposition, "X-Content-Type-Options": "nosniff"}
        return HttpResponse(bytes(message.body), content_type="application/octet-stream", headers=headers)


class QuarantineReplayOne(APIView):
    """Replaying one message."""

    @extend_schema(
        operation_id="quarantine_replay",
        request=None,
        responses=answers({200: ReplayedOut}, *WRITE_PROBLEMS),
    )
    def post(self, request: Request, message_id: int) -> Response:
        """Try to process a message again now. Requires the operator role."""
        viewer = viewer_of(request)
        message = quarantine_get(viewer=viewer, message_id=message_id)
        return Response(ReplayedOut(quarantine_replay(viewer=viewer, message=message)).data)


class QuarantineDiscard(APIView):
    """Discarding one message."""

    @extend_schema(
        operation_id="quarantine_discard", request=DiscardIn, responses=answers({200: MessageOut}, *WRITE_PROBLEMS)
    )
    def post(self, request: Request, message_id: int) -> Response:
        """Mark a message as discarded. It stays readable. Requires the operator role."""
        viewer = viewer_of(request)
        message = quarantine_get(viewer=viewer, message_id=message_id)
        asked = body_read(request, DiscardIn)
        quarantine_discard(viewer=viewer, message=message, note=asked["note"])
        return Response(MessageOut(quarantine_get(viewer=viewer, message_id=message_id)).data)


class QuarantineReplays(APIView):
    """Replays of many messages."""

    @extend_schema(
        operation_id="quarantine_replays_list",
        parameters=[ReplaysQuery],
        responses=answers({200: ReplaysOut}, *READ_PROBLEMS),
    )
    def get(self, request: Request) -> Response:
        """List replays with their progress, newest first."""
        query = query_read(request, ReplaysQuery)
        found = quarantine_replay_list(
            viewer=viewer_of(request),
            reason=query.get("reason", ""),
            station=query.get("station", ""),
            is_finished=query["is_finished"],
        )
        page = page_read(request, query, found, columns=_REPLAY_COLUMNS, usual="-asked_at", last=SortColumn("id", int))
        return page.response(ReplaysOut)

    @extend_schema(
        operation_id="quarantine_replays_create",
        request=ReplayIn,
        responses=answers({202: ReplayOut}, *WRITE_PROBLEMS),
    )
    def post(self, request: Request) -> Response:
        """Start a replay of many messages in a background job. Requires the operator role."""
        told = body_read(request, ReplayIn)
        replay = quarantine_replay_ask(viewer=viewer_of(request), reason=told["reason"], station=told["station"])
        return Response(ReplayOut(replay).data, status=status.HTTP_202_ACCEPTED)


urlpatterns = [
    path("quarantine", Quarantine.as_view(), name="quarantine"),
    path("quarantine/replays", QuarantineReplays.as_view(), name="quarantine-replays"),
    path("quarantine/<int:message_id>", QuarantineDetail.as_view(), name="quarantine-message"),
    path("quarantine/<int:message_id>/body", QuarantineBody.as_view(), name="quarantine-body"),
    path("quarantine/<int:message_id>/replay", QuarantineReplayOne.as_view(), name="quarantine-replay"),
    path("quarantine/<int:message_id>/discard", QuarantineDiscard.as_view(), name="quarantine-discard"),
]
