"""`/organizations/<slug>/forwarders/<id>/refused`: rows that a receiver refused: list, resend or discard them."""

from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.forward.models import RefusedRow
from fleet.forward.selectors import refused_list
from fleet.forward.services import forwarder_refused_again, forwarder_refused_discard
from fleet.telemetry.models import Detection
from rest_api.authentication import viewer_of
from rest_api.lists import ListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, answers, query_read
from rest_api.v1.forwarders import BASE, found_of

_COLUMNS = {"refused_at": SortColumn("refused_at", datetime, is_filled=True)}


class RefusedRowOut(serializers.Serializer[Any]):
    """A row that the receiver refused: a reading with its series, or a detection with port, kind and line."""

    id = serializers.IntegerField()
    station = serializers.CharField(help_text="Serial.")
    series = serializers.CharField(allow_null=True)
    port = serializers.IntegerField(allow_null=True)
    kind = serializers.ChoiceField(choices=("tag", "pulse"), allow_null=True)
    line = serializers.IntegerField(allow_null=True)
    at = serializers.DateTimeField(help_text="By the station's clock.")
    reason = serializers.CharField(help_text="The receiver's words.")
    refused_at = serializers.DateTimeField()
    is_waiting = serializers.BooleanField(help_text="It is about to be sent again.")


class RefusedCountOut(serializers.Serializer[Any]):
    """How many rows will be sent again."""

    rows = serializers.IntegerField()


RefusedRowsOut = page_of("RefusedRowsOut", RefusedRowOut, "A page of refused rows.")


def _row(one: RefusedRow) -> dict[str, Any]:
    return {
        "id": one.pk,
        "station": one.serial,
        "series": one.series.reference if one.series else None,
        "port": one.port,
        "kind": None if one.kind is None else Detection.Kind(one.kind).name.lower(),
        "line": one.line,
        "at": one.occurred_at,
        "reason": one.reason,
        "refused_at": one.refused_at,
        "is_waiting": one.is_waiting,
    }


class ForwarderRefused(APIView):
    """The rows of a forwarder that its receiver refused. They are set aside."""

    @extend_schema(
        operation_id="forwarder_refused_list",
        parameters=[ListQuery],
        responses=answers({200: RefusedRowsOut}, *READ_PROBLEMS),
    )
    def get(self, request: Request, slug: str, forwarder_id: int) -> Response:
        """List the refused rows, newest first."""
        _organization, one = found_of(request, slug, forwarder_id)
        query = query_read(request, ListQuery)
        found = refused_list(forwarder=one)
        page = page_read(
            request, query, found, columns=_COLUMNS, usual="-refused_at", last=SortColumn("id", int, is_filled=True)
        )
        return page.response(RefusedRowsOut, _row)

    @extend_schema(operation_id="forwarder_refused_discard", responses=answers({204: None}, *WRITE_PROBLEMS))
    def delete(self, request: Request, slug: str, forwarder_id: int) -> Response:
        """Discard all refused rows. They remain in the counts."""
        _organization, one = found_of(request, slug, forwarder_id)
        forwarder_refused_discard(actor=viewer_of(request), forwarder=one)
        return Response(status=HTTPStatus.NO_CONTENT)


class ForwarderRefusedAgain(APIView):
    """Sending refused rows again."""

    @extend_schema(
        operation_id="forwarder_refused_again", request=None, responses=answers({202: RefusedCountOut}, *WRITE_PROBLEMS)
    )
    def post(self, request: Request, slug: str, forwarder_id: int) -> Response:
        """Send all refused rows again."""
        _organization, one = found_of(request, slug, forwarder_id)
        rows = forwarder_refused_again(actor=viewer_of(request), forwarder=one)
        return Response(RefusedCountOut({"rows": rows}).data, status=HTTPStatus.ACCEPTED)


urlpatterns = [
    path(f"{BASE}/<int:forwarder_id>/refused", ForwarderRefused.as_view(), name="forwarder-refused"),
    path(f"{BASE}/<int:forwarder_id>/refused/again", ForwarderRefusedAgain.as_view(), name="forwarder-refused-again"),
]
