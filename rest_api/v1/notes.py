"""`/stations/<serial>/notes`: people's notes about a station."""

from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.stations.models import StationNote
from fleet.stations.notes import TEXT_MOST, note_add, note_get, note_list, note_remove
from fleet.stations.selectors import station_get
from rest_api.authentication import viewer_of
from rest_api.lists import ListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, body_read, query_read

_ID = SortColumn("id", int)


class NoteIn(StrictSerializer):
    """A new note."""

    text = serializers.CharField(max_length=TEXT_MOST)
    at = serializers.DateTimeField(required=False, help_text="The moment it is about. Default: now.")


class NoteOut(serializers.Serializer[Any]):
    """A note."""

    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    text = serializers.CharField()
    written_by = serializers.CharField()
    written_at = serializers.DateTimeField()


NotesOut = page_of("NotesOut", NoteOut, "A page of notes.")


def _note(note: StationNote) -> dict[str, Any]:
    return {
        "id": note.pk,
        "at": note.at,
        "text": note.text,
        "written_by": note.written_by_name,
        "written_at": note.written_at,
    }


class Notes(APIView):
    """Notes about a station."""

    @extend_schema(
        operation_id="notes_list", parameters=[ListQuery], responses=answers({200: NotesOut}, *READ_PROBLEMS)
    )
    def get(self, request: Request, serial: str) -> Response:
        """List the notes about a station, newest first."""
        station = station_get(viewer=viewer_of(request), serial=serial)
        query, columns = query_read(request, ListQuery), {"at": SortColumn("at", datetime), "id": _ID}
        page = page_read(request, query, note_list(station=station), columns=columns, usual="-at,-id", last=_ID)
        return page.response(NotesOut, _note)

    @extend_schema(operation_id="notes_create", request=NoteIn, responses=answers({201: NoteOut}, *WRITE_PROBLEMS))
    def post(self, request: Request, serial: str) -> Response:
        """Add a note."""
        viewer = viewer_of(request)
        station = station_get(viewer=viewer, serial=serial)
        told = body_read(request, NoteIn)
        note = note_add(actor=viewer, station=station, text=told["text"], at=told.get("at"))
        return Response(NoteOut(_note(note)).data, status=HTTPStatus.CREATED)


class NoteDetail(APIView):
    """One note."""

    @extend_schema(operation_id="notes_delete", responses=answers({204: None}, *WRITE_PROBLEMS))
    def delete(self, request: Request, serial: str, note_id: int) -> Response:
        """Delete a note. Only owners can, and its author while they have the operator role."""
        viewer = viewer_of(request)
        station = station_get(viewer=viewer, serial=serial)
        note_remove(actor=viewer, station=station, note=note_get(station=station, note_id=note_id))
        return Response(status=HTTPStatus.NO_CONTENT)


urlpatterns = [
    path("stations/<str:serial>/notes", Notes.as_view(), name="notes"),
    path("stations/<str:serial>/notes/<int:note_id>", NoteDetail.as_view(), name="note"),
]
