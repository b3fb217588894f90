"""`/stations/<serial>/stored-files`: a station's files that are stored here, with texts, and with sheets as CSV."""

from typing import Any

from django.http.response import HttpResponseBase
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.core.csv_file import csv_response
from fleet.core.errors import TooMany
from fleet.files.looking.editing import EDIT_MOST, text_edit_check, text_read, text_write
from fleet.files.looking.sheets import sheet_csv
from fleet.files.store.keeping import revision_newest
from fleet.files.store.models import FileRevision, StoredContent
from fleet.files.store.selectors import revision_find, revision_list
from fleet.files.store.uploads import UploadSender
from fleet.files.store.whole import Fate
from fleet.stations.models import Station
from fleet.stations.selectors import station_get
from rest_api.authentication import viewer_of
from rest_api.limits import asker_of
from rest_api.lists import ListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import (
    READ_PROBLEMS,
    WRITE_PROBLEMS,
    StrictSerializer,
    answers,
    body_read,
    query_read,
)

_COLUMNS = {"path": SortColumn("file__path", is_filled=True)}
_LAST = SortColumn("id", int, is_filled=True)
_SHEETS_MOST = 1_000


class StoredFilesQuery(ListQuery):
    """Filters of the list."""

    search = serializers.CharField(required=False, max_length=100, default="", help_text="Part of the path.")


class SheetQuery(StrictSerializer):
    """The sheet to download."""

    sheet = serializers.IntegerField(
        min_value=1, max_value=_SHEETS_MOST, default=1, help_text="Its place in the spreadsheet, from 1."
    )


class StoredFileOut(serializers.Serializer[Any]):
    """A revision of a stored file."""

    id = serializers.IntegerField(help_text="Of this revision.")
    path = serializers.CharField(source="file.path", help_text="Below the station's data folder.")
    revision = serializers.IntegerField(source="number")
    size = serializers.IntegerField(source="content.octets", help_text="Bytes.")
    sha256 = serializers.CharField(source="content.sha256")
    is_damaged = serializers.SerializerMethodField(
        help_text="Its bytes on the server are no longer those of its SHA-256."
    )
    modified_at = serializers.DateTimeField(allow_null=True, help_text="By the sender's clock.")
    stored_at = serializers.DateTimeField(source="first_met_at")
    sent_at = serializers.DateTimeField(source="last_met_at", help_text="When it was sent last.")
    sent_by = serializers.CharField()

    def get_is_damaged(self, revision: FileRevision) -> bool:
        """Whether the last check found other bytes than expected."""
        return revision.content.state == StoredContent.State.ROTTEN


class StoredTextIn(StrictSerializer):
    """The new text of a file."""

    text = serializers.CharField(max_length=EDIT_MOST, allow_blank=True, trim_whitespace=False)


class StoredTextOut(StoredFileOut):
    """A revision with its text."""

    text = serializers.CharField(allow_blank=True)


StoredFilesOut = page_of("StoredFilesOut", StoredFileOut, "A page of stored files.")


class StoredFileList(APIView):
    """The stored files of a station."""

    @extend_schema(
        operation_id="stored_files_list",
        parameters=[StoredFilesQuery],
        responses=answers({200: StoredFilesOut}, *READ_PROBLEMS),
    )
    def get(self, request: Request, serial: str) -> Response:
        """List all revisions of the stored files, in descending order of path."""
        station = station_get(viewer=viewer_of(request), serial=serial)
        query = query_read(request, StoredFilesQuery)
        rows = revision_list(station=station, search=query["search"]).order_by()
        page = page_read(request, query, rows, columns=_COLUMNS, usual="-path", last=_LAST)
        return page.response(StoredFilesOut)


class StoredFileDetail(APIView):
    """One revision of a stored file."""

    @extend_schema(operation_id="stored_files_retrieve", responses=answers({200: StoredFileOut}, *READ_PROBLEMS))
    def get(self, request: Request, serial: str, revision_id: int) -> Response:
        """Show a revision of a stored file."""
        _station, revision = _find(request, serial, revision_id)
        return Response(StoredFileOut(revision).data)


class StoredFileText(APIView):
    """The text of a stored file."""

    @extend_schema(operation_id="stored_files_text", responses=answers({200: StoredTextOut}, *READ_PROBLEMS))
    def get(self, request: Request, serial: str, revision_id: int) -> Response:
        """Show a short text or Markdown file, with plain line breaks. 400 for any other file."""
        _station, revision = _find(request, serial, revision_id)
        return _text_answer(revision)

    @extend_schema(
        operation_id="stored_files_text_update",
        request=StoredTextIn,
        responses=answers({200: StoredTextOut}, *WRITE_PROBLEMS),
    )
    def put(self, request: Request, serial: str, revision_id: int) -> Response:
        """Store a changed text as the next revision of its file. 409 if the file has a newer revision than this one."""
        viewer = viewer_of(request)
        station, revision = _find(request, serial, revision_id)
        text_edit_check(actor=viewer, station=station)
        text = body_read(request, StoredTextIn)["text"]
        sender = UploadSender(key=asker_of(request), name=viewer.name, viewer=viewer)
        fate = text_write(actor=viewer, sender=sender, station=station, revision=revision, text=text)
        if fate.fate in (Fate.REFUSED, Fate.WAITING):
            raise TooMany(fate.reason)
        return _text_answer(revision_newest(station.pk, revision.file.path) or revision)


class StoredFileSheet(APIView):
    """A sheet of a stored spreadsheet."""

    @extend_schema(
        operation_id="stored_files_sheet",
        parameters=[SheetQuery],
        responses=answers({(200, "text/csv"): OpenApiTypes.STR}, *READ_PROBLEMS),
    )
    def get(self, request: Request, serial: str, revision_id: int) -> HttpResponseBase:
        """Download a whole sheet of an xls, xlsx or ods file as CSV. Formula-like texts get an apostrophe."""
        _station, revision = _find(request, serial, revision_id)
        name, head, rows = sheet_csv(revision, sheet=query_read(request, SheetQuery)["sheet"] - 1)
        plain = request._request  # noqa: SLF001 - the library has no other name for it
        return csv_response(plain, name=name, head=head, rows=rows)


def _find(request: Request, serial: str, revision_id: int) -> tuple[Station, FileRevision]:
    station = station_get(viewer=viewer_of(request), serial=serial)
    return station, revision_find(station=station, revision_id=revision_id)


def _text_answer(revision: FileRevision) -> Response:
    return Response({**StoredFileOut(revision).data, "text": text_read(revision).text})


_BASE = "stations/<str:serial>/stored-files"
urlpatterns = [
    path(_BASE, StoredFileList.as_view(), name="stored-files"),
    path(f"{_BASE}/<int:revision_id>", StoredFileDetail.as_view(), name="stored-file"),
    path(f"{_BASE}/<int:revision_id>/text", StoredFileText.as_view(), name="stored-text"),
    path(f"{_BASE}/<int:revision_id>/sheet.csv", StoredFileSheet.as_view(), name="stored-sheet"),
]
