"""`/stations/<serial>/time-shifts`: move data recorded with a wrong clock to the right time, and undo it."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.ingest.corrections.time_shifts import (
    sides_wrong,
    time_operator_require,
    time_shift,
    time_shift_get,
    time_shift_list,
    time_shift_preview,
    time_shift_undo,
)
from fleet.stations.selectors import station_get
from fleet.telemetry.models import TimeShift
from rest_api.authentication import viewer_of
from rest_api.lists import ListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, body_read, query_read

#: Largest accepted offset, in seconds: 200 years.
_OFFSET_MOST_S = 200 * 366 * 86_400.0


class WrongOut(serializers.Serializer[Any]):
    """Data stored under a wrong time."""

    side = serializers.ChoiceField(
        choices=TimeShift.Side.choices, help_text="`behind`: before 2010. `ahead`: in the future."
    )
    readings = serializers.IntegerField(source="counts.readings")
    detections = serializers.IntegerField(source="counts.detections")
    positions = serializers.IntegerField(source="counts.positions")
    events = serializers.IntegerField(source="counts.events")
    first_at = serializers.DateTimeField(help_text="By the station's clock.")
    last_at = serializers.DateTimeField()
    first_received_at = serializers.DateTimeField(help_text="By the server's clock.")
    last_received_at = serializers.DateTimeField()
    offset_s = serializers.SerializerMethodField(help_text="Seconds to add, derived from the row that arrived fastest.")
    is_of_several_starts = serializers.BooleanField(
        help_text="One offset may not fit all rows: their delays differ by over a day. Shift shorter ranges of receipt."
    )

    def get_offset_s(self, wrong: Any) -> float:
        """Offset in seconds."""
        return float(wrong.least.total_seconds())


class TimeShiftOut(serializers.Serializer[Any]):
    """A time shift that was carried out."""

    id = serializers.IntegerField()
    side = serializers.ChoiceField(choices=TimeShift.Side.choices)
    offset_s = serializers.SerializerMethodField()
    first_at = serializers.DateTimeField(help_text="New time of the first row.")
    last_at = serializers.DateTimeField()
    readings = serializers.IntegerField()
    detections = serializers.IntegerField()
    positions = serializers.IntegerField()
    events = serializers.IntegerField()
    left = serializers.IntegerField(
        help_text="Rows not moved, because the station already has a row of the same kind at the new time."
    )
    again = serializers.IntegerField(
        help_text="Rows that arrived again at the old times, as from a card, and were removed."
    )
    made_at = serializers.DateTimeField()
    made_by = serializers.CharField(source="made_by_name", allow_blank=True)
    undone_at = serializers.DateTimeField(allow_null=True)
    undone_by = serializers.CharField(source="undone_by_name", allow_blank=True)

    def get_offset_s(self, shift: TimeShift) -> float:
        """Seconds that were added."""
        return shift.offset_us / 1e6


TimeShiftsOut = page_of(
    "TimeShiftsOut",
    TimeShiftOut,
    "Data stored under a wrong time, and a page of time shifts.",
    wrong=WrongOut(many=True),
)


class TimeShiftIn(StrictSerializer):
    """Which rows to shift, and by how much."""

    side = serializers.ChoiceField(choices=TimeShift.Side.choices)
    offset_s = serializers.FloatField(
        required=False, min_value=-_OFFSET_MOST_S, max_value=_OFFSET_MOST_S,
        help_text="Seconds to add. Default: derived from when the rows arrived.",
    )  # fmt: skip
    received_from = serializers.DateTimeField(required=False, help_text="Only rows received at or after this moment.")
    received_to = serializers.DateTimeField(required=False, help_text="Only rows received before this moment.")
    dry_run = serializers.BooleanField(required=False, default=False, help_text="Only count; change nothing.")


class TimeShiftPreviewOut(serializers.Serializer[Any]):
    """The effect that a time shift would have."""

    wrong = WrongOut()
    offset_s = serializers.SerializerMethodField()
    first_at = serializers.DateTimeField(help_text="New time of the first row.")
    last_at = serializers.DateTimeField()
    left = serializers.IntegerField()

    def get_offset_s(self, preview: Any) -> float:
        """Seconds that would be added."""
        return float(preview.offset.total_seconds())


class TimeShifts(APIView):
    """Time shifts of a station's data."""

    @extend_schema(
        operation_id="time_shifts_list", parameters=[ListQuery], responses=answers({200: TimeShiftsOut}, *READ_PROBLEMS)
    )
    def get(self, request: Request, serial: str) -> Response:
        """List data stored under a wrong time, and the time shifts so far, newest first."""
        station = station_get(viewer=viewer_of(request), serial=serial)
        query, rows = query_read(request, ListQuery), time_shift_list(station=station).order_by()
        page = page_read(
            request, query, rows, columns={"id": SortColumn("id", int, is_filled=True)}, usual="-id", last=()
        )
        return page.response(TimeShiftsOut, wrong=list(sides_wrong(station=station)))

    @extend_schema(
        operation_id="time_shifts_create",
        request=TimeShiftIn,
        responses=answers({200: TimeShiftPreviewOut, 201: TimeShiftOut}, *WRITE_PROBLEMS),
    )
    def post(self, request: Request, serial: str) -> Response:
        """Move data to the right time. With `dry_run`, answer 200 and only show the effect. For operators only."""
        viewer = viewer_of(request)
        station = station_get(viewer=viewer, serial=serial)
        time_operator_require(actor=viewer, station=station)
        told = body_read(request, TimeShiftIn)
        offset = timedelta(seconds=told["offset_s"]) if "offset_s" in told else None
        start, end = told.get("received_from"), told.get("received_to")
        if told["dry_run"]:
            preview = time_shift_preview(
                actor=viewer,
                station=station,
                side=told["side"],
                offset=offset,
                received_from=start,
                received_until=end,
            )
            return Response(TimeShiftPreviewOut(preview).data)
        shift = time_shift(
            actor=viewer, station=station, side=told["side"], offset=offset, received_from=start, received_until=end
        )
        return Response(TimeShiftOut(shift).data, status=HTTPStatus.CREATED)


class TimeShiftUndo(APIView):
    """Undoing a time shift."""

    @extend_schema(
        operation_id="time_shifts_undo", request=None, responses=answers({200: TimeShiftOut}, *WRITE_PROBLEMS)
    )
    def post(self, request: Request, serial: str, shift_id: int) -> Response:
        """Move the rows back to exactly their old times.

        409, and nothing changes, if already undone or if other data has the old times by now. For operators only.
        """
        viewer = viewer_of(request)
        station = station_get(viewer=viewer, serial=serial)
        time_operator_require(actor=viewer, station=station)
        shift = time_shift_undo(actor=viewer, shift=time_shift_get(station=station, shift_id=shift_id))
        return Response(TimeShiftOut(shift).data)


urlpatterns = [
    path("stations/<str:serial>/time-shifts", TimeShifts.as_view(), name="time-shifts"),
    path("stations/<str:serial>/time-shifts/<int:shift_id>/undo", TimeShiftUndo.as_view(), name="time-shift-undo"),
]
