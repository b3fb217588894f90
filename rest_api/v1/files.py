"""`/stations/<serial>/files`: a station's own files, how much of each was read, and moving them to another station."""

from dataclasses import asdict
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.files.models import FileMove, StationFile
from fleet.files.selectors import file_list, files_get
from fleet.ingest.corrections.file_moves import (
    FILES_MOST,
    file_move,
    file_move_get,
    file_move_list,
    file_move_preview,
    file_move_undo,
    file_operator_require,
)
from fleet.stations.selectors import station_get
from rest_api.authentication import viewer_of
from rest_api.lists import ID_MOST, ListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, body_read, query_read

_COLUMNS = {
    "last_received_at": SortColumn("last_received_at", datetime, is_filled=True),
    "name": SortColumn("name", is_filled=True),
    "bytes_unread": SortColumn("bytes_unread", int, is_filled=True),
    "bytes_refused": SortColumn("bytes_refused", int, is_filled=True),
}
_LAST = SortColumn("id", int, is_filled=True)
#: State in the API of a file that the station has not reported on.
_UNSAID = "unsaid"
_STATES = [_UNSAID, *(state for state in StationFile.State.values if state)]


class FilesQuery(ListQuery):
    """Filters of the file list."""

    state = serializers.ChoiceField(
        required=False, choices=_STATES, help_text="`unsaid`: rows arrived, but the station did not report on the file."
    )
    search = serializers.CharField(required=False, max_length=100, default="", help_text="Part of the name.")


class FileOut(serializers.Serializer[Any]):
    """A file. `bytes_read` and `lines_read` are the sums of what was taken, known, kept back and refused."""

    id = serializers.IntegerField()
    name = serializers.CharField(help_text="Path below the data folder.")
    state = serializers.SerializerMethodField()
    size = serializers.IntegerField(source="octets", help_text="Bytes on disk.")
    start = serializers.DateTimeField(
        source="start_at", allow_null=True, help_text="Start time, taken from the file name."
    )
    bytes_read = serializers.IntegerField()
    bytes_unread = serializers.IntegerField()
    bytes_taken = serializers.IntegerField()
    bytes_known = serializers.IntegerField()
    bytes_kept_back = serializers.IntegerField()
    bytes_refused = serializers.IntegerField()
    lines_read = serializers.IntegerField()
    lines_taken = serializers.IntegerField()
    lines_known = serializers.IntegerField()
    lines_kept_back = serializers.IntegerField()
    lines_refused = serializers.IntegerField()
    is_damaged = serializers.BooleanField()
    reason = serializers.CharField(allow_blank=True, help_text="Why it was refused, or is foreign or damaged.")
    refusals = serializers.DictField(
        child=serializers.IntegerField(), help_text="Number of refused lines per reason word."
    )
    is_by_desk = serializers.BooleanField(help_text="Reported by a desk computer that read the card.")
    said_at = serializers.DateTimeField(allow_null=True, help_text="By the clock of the computer that reported.")
    rows = serializers.IntegerField(help_text="Rows stored from it.")
    moved_from = serializers.SerializerMethodField(
        help_text="Serial of the station it came from, if somebody moved it."
    )
    first_received_at = serializers.DateTimeField()
    last_received_at = serializers.DateTimeField()

    @extend_schema_field(serializers.ChoiceField(choices=_STATES))
    def get_state(self, file: StationFile) -> str:
        """The reported state, or `unsaid`."""
        return file.state or _UNSAID

    def get_moved_from(self, file: StationFile) -> str | None:
        """Serial of the station from which it was moved."""
        return file.moved_from.serial if file.moved_from else None


FilesOut = page_of("FilesOut", FileOut, "A page of files.")


class FileMoveIn(StrictSerializer):
    """Which files to move, and to which station."""

    files = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=ID_MOST), min_length=1, max_length=FILES_MOST
    )
    to = serializers.CharField(max_length=64, help_text="The serial of a station of the same organization.")
    dry_run = serializers.BooleanField(default=False, help_text="Only count; change nothing.")


class FileMovePreviewOut(serializers.Serializer[Any]):
    """The effect that a move would have."""

    files = serializers.IntegerField()
    detections = serializers.IntegerField()
    positions = serializers.IntegerField()
    twins = serializers.IntegerField(help_text="Rows among these that the other station already has.")
    left = serializers.IntegerField(
        help_text="Rows among these that stay, because the other station has different rows with their time and line."
    )


class FileMoveOut(serializers.Serializer[Any]):
    """A move of files."""

    id = serializers.IntegerField()
    station = serializers.CharField(source="station.serial")
    to = serializers.CharField(source="target.serial")
    files = serializers.IntegerField()
    rows = serializers.IntegerField()
    twins = serializers.IntegerField(help_text="Rows that the other station already had.")
    left = serializers.IntegerField(
        help_text="Rows that stayed, because the other station has different rows with their time and line."
    )
    moved_at = serializers.DateTimeField()
    moved_by = serializers.CharField(source="moved_by_name", allow_blank=True)
    undone_at = serializers.DateTimeField(allow_null=True)
    undone_by = serializers.CharField(source="undone_by_name", allow_blank=True)


FileMovesOut = page_of("FileMovesOut", FileMoveOut, "A page of moves.")


class Files(APIView):
    """The files of a station."""

    @extend_schema(
        operation_id="files_list", parameters=[FilesQuery], responses=answers({200: FilesOut}, *READ_PROBLEMS)
    )
    def get(self, request: Request, serial: str) -> Response:
        """List the files of a station, the most recently received first."""
        station = station_get(viewer=viewer_of(request), serial=serial)
        query = query_read(request, FilesQuery)
        state = query.get("state")
        rows = file_list(station=station, state="" if state == _UNSAID else state, search=query["search"]).order_by()
        page = page_read(request, query, rows, columns=_COLUMNS, usual="-last_received_at", last=_LAST)
        return page.response(FilesOut)


class FileMoves(APIView):
    """Moves of files between stations of one organization."""

    @extend_schema(
        operation_id="file_moves_list", parameters=[ListQuery], responses=answers({200: FileMovesOut}, *READ_PROBLEMS)
    )
    def get(self, request: Request, serial: str) -> Response:
        """List moves from and to this station, newest first."""
        station = station_get(viewer=viewer_of(request), serial=serial)
        query, rows = query_read(request, ListQuery), file_move_list(station=station).order_by()
        page = page_read(
            request, query, rows, columns={"id": SortColumn("id", int, is_filled=True)}, usual="-id", last=()
        )
        return page.response(FileMovesOut)

    @extend_schema(
        operation_id="file_moves_create",
        request=FileMoveIn,
        responses=answers({200: FileMovePreviewOut, 201: FileMoveOut}, *WRITE_PROBLEMS),
    )
    def post(self, request: Request, serial: str) -> Response:
        """Move files with their detections and positions. With `dry_run`, answer 200 and only show the effect."""
        viewer = viewer_of(request)
        station = station_get(viewer=viewer, serial=serial)
        file_operator_require(actor=viewer, station=station)
        told = body_read(request, FileMoveIn)
        target = station_get(viewer=viewer, serial=told["to"])
        files = files_get(station=station, file_ids=told["files"])
        if told["dry_run"]:
            preview = file_move_preview(actor=viewer, station=station, target=target, files=files)
            return Response(FileMovePreviewOut(asdict(preview)).data)
        move = file_move(actor=viewer, station=station, target=target, files=files)
        return Response(FileMoveOut(move).data, status=HTTPStatus.CREATED)


class FileMoveUndo(APIView):
    """One move of files."""

    @extend_schema(operation_id="file_moves_undo", request=None, responses=answers({200: FileMoveOut}, *WRITE_PROBLEMS))
    def post(self, request: Request, serial: str, move_id: int) -> Response:
        """Move the files back, including rows that the other station already had. 409 if already undone."""
        viewer = viewer_of(request)
        station = station_get(viewer=viewer, serial=serial)
        file_operator_require(actor=viewer, station=station)
        move: FileMove = file_move_get(station=station, move_id=move_id)
        return Response(FileMoveOut(file_move_undo(actor=viewer, move=move)).data)


urlpatterns = [
    path("stations/<str:serial>/files", Files.as_view(), name="files"),
    path("stations/<str:serial>/files/moves", FileMoves.as_view(), name="file-moves"),
    path("stations/<str:serial>/files/moves/<int:move_id>/undo", FileMoveUndo.as_view(), name="file-move-undo"),
]
