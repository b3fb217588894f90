"""`/stations/<serial>/backfills`: read stored files into the database, with a survey, questions and a report."""

from datetime import datetime
from http import HTTPStatus

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.ingest.backfill.selectors import backfill_files, backfill_find, backfill_list
from fleet.ingest.backfill.services import backfill_answer, backfill_ask, backfill_ask_check, backfill_stop
from fleet.ingest.cards.services import CardAnswers
from fleet.ingest.models import Backfill
from fleet.stations.selectors import station_get
from rest_api.authentication import viewer_of
from rest_api.backfill_bodies import (
    BackfillAnswersIn,
    BackfillFilesOut,
    BackfillFilesQuery,
    BackfillIn,
    BackfillReportOut,
    BackfillsOut,
    report_shown,
)
from rest_api.lists import ListQuery, SortColumn, page_read
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, answers, body_read, query_read

_COLUMNS = {"asked_at": SortColumn("asked_at", datetime, is_filled=True)}
_FILE_COLUMNS = {"name": SortColumn("name", is_filled=True), "size": SortColumn("octets", int, is_filled=True)}
_LAST = SortColumn("id", int, is_filled=True)


class Backfills(APIView):
    """The back-fills of a station."""

    @extend_schema(
        operation_id="backfills_list", parameters=[ListQuery], responses=answers({200: BackfillsOut}, *READ_PROBLEMS)
    )
    def get(self, request: Request, serial: str) -> Response:
        """List the back-fills, newest first."""
        station = station_get(viewer=viewer_of(request), serial=serial)
        query = query_read(request, ListQuery)
        page = page_read(
            request, query, backfill_list(station=station), columns=_COLUMNS, usual="-asked_at", last=_LAST
        )
        return page.response(BackfillsOut)

    @extend_schema(
        operation_id="backfills_create",
        request=BackfillIn,
        responses=answers({202: BackfillReportOut}, *WRITE_PROBLEMS),
    )
    def post(self, request: Request, serial: str) -> Response:
        """Survey stored files in the background: follow `state`. Nothing is sent until you answer the questions."""
        viewer = viewer_of(request)
        station = station_get(viewer=viewer, serial=serial)
        backfill_ask_check(actor=viewer, station=station)
        told = body_read(request, BackfillIn)
        backfill = backfill_ask(
            actor=viewer,
            station=station,
            search=told["search"],
            revision_ids=told.get("files", ()),
            stored_since=told.get("stored_since"),
            is_unread=told["is_unread"],
            also_of=told.get("also_of", ()),
        )
        return Response(report_shown(backfill), status=HTTPStatus.ACCEPTED)


class BackfillDetail(APIView):
    """One back-fill."""

    @extend_schema(operation_id="backfills_retrieve", responses=answers({200: BackfillReportOut}, *READ_PROBLEMS))
    def get(self, request: Request, serial: str, backfill_id: int) -> Response:
        """Show a back-fill with its questions and its report."""
        return Response(report_shown(_find(request, serial, backfill_id)))

    @extend_schema(operation_id="backfills_stop", responses=answers({204: None}, *WRITE_PROBLEMS))
    def delete(self, request: Request, serial: str, backfill_id: int) -> Response:
        """Stop a back-fill. Rows that it has already sent stay."""
        backfill_stop(actor=viewer_of(request), backfill=_find(request, serial, backfill_id))
        return Response(status=HTTPStatus.NO_CONTENT)


class BackfillSending(APIView):
    """Answering the questions of a back-fill."""

    @extend_schema(
        operation_id="backfills_send",
        request=BackfillAnswersIn,
        responses=answers({202: BackfillReportOut}, *WRITE_PROBLEMS),
    )
    def post(self, request: Request, serial: str, backfill_id: int) -> Response:
        """Answer the questions and start sending. 409 says which questions are still open."""
        viewer = viewer_of(request)
        backfill = _find(request, serial, backfill_id)
        backfill_ask_check(actor=viewer, station=backfill.station)
        told = body_read(request, BackfillAnswersIn)
        also_of = told.get("also_of", backfill.also_of)
        answered = CardAnswers(also_of, told["leave_others"], told["any_clock"])
        backfill = backfill_answer(actor=viewer, backfill=backfill, answers=answered)
        return Response(report_shown(backfill), status=HTTPStatus.ACCEPTED)


class BackfillFiles(APIView):
    """The files of a back-fill."""

    @extend_schema(
        operation_id="backfills_files_list",
        parameters=[BackfillFilesQuery],
        responses=answers({200: BackfillFilesOut}, *READ_PROBLEMS),
    )
    def get(self, request: Request, serial: str, backfill_id: int) -> Response:
        """List the files, with the outcome of each."""
        backfill = _find(request, serial, backfill_id)
        query = query_read(request, BackfillFilesQuery)
        rows = backfill_files(backfill=backfill, all_files=not query["told"])
        page = page_read(request, query, rows, columns=_FILE_COLUMNS, usual="name", last=_LAST)
        return page.response(BackfillFilesOut)


def _find(request: Request, serial: str, backfill_id: int) -> Backfill:
    return backfill_find(station=station_get(viewer=viewer_of(request), serial=serial), backfill_id=backfill_id)


_BASE = "stations/<str:serial>/backfills"
urlpatterns = [
    path(_BASE, Backfills.as_view(), name="backfills"),
    path(f"{_BASE}/<int:backfill_id>", BackfillDetail.as_view(), name="backfill"),
    path(f"{_BASE}/<int:backfill_id>/send", BackfillSending.as_view(), name="backfill-send"),
    path(f"{_BASE}/<int:backfill_id>/files", BackfillFiles.as_view(), name="backfill-files"),
]
