"""`/completeness`: how many of each station's numbered messages have arrived, are still on the station, or are lost."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.telemetry.completeness import LIMIT_MOST, CompletenessReport
from rest_api.authentication import viewer_of
from rest_api.paging import cursor_address, cursor_encode, number_cursor, page_cut, page_of
from rest_api.questions import READ_PROBLEMS, StrictSerializer, answers, query_read


class CompletenessQuery(StrictSerializer):
    """Filters and paging."""

    search = serializers.CharField(required=False, max_length=100, default="", help_text="Part of a serial or name.")
    organization = serializers.CharField(
        required=False, max_length=100, default="", help_text="An organization's slug."
    )
    limit = serializers.IntegerField(required=False, min_value=1, max_value=LIMIT_MOST, default=100)
    cursor = serializers.CharField(required=False, default="", help_text="From `next` of the previous page.")


class StationCompletenessOut(serializers.Serializer[Any]):
    """The completeness of one station."""

    serial = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    organization = serializers.CharField()
    is_retired = serializers.BooleanField()
    expected = serializers.IntegerField(help_text="Numbers that the station assigned, as far as known.")
    received = serializers.IntegerField()
    percent = serializers.FloatField(
        allow_null=True, help_text="Share of messages times share of files, rounded down to 0.01. 100 is complete."
    )
    on_station = serializers.IntegerField(help_text="Missing here, and still on the station.")
    lost = serializers.IntegerField(help_text="Missing here, and no longer on the station.")
    unsequenced = serializers.IntegerField(
        help_text="Messages without a number: stored, but gaps among them cannot be detected."
    )
    last_contact_at = serializers.DateTimeField(allow_null=True)
    backlog = serializers.IntegerField(allow_null=True, help_text="Messages waiting on the station, as it reports.")
    streams = serializers.IntegerField()
    branches_open = serializers.IntegerField(help_text="Branches that still need a decision.")
    file_bytes = serializers.IntegerField(help_text="Size of its own files, as it reports.")
    file_bytes_unread = serializers.IntegerField(help_text="Of these, not yet read by the station, so not here.")
    file_bytes_refused = serializers.IntegerField(help_text="Of these, not readable, so not here.")
    file_lines_refused = serializers.IntegerField()
    kept_back = serializers.IntegerField(
        help_text="Readings that arrived and were not stored, because a rule stores one in an interval."
    )


CompletenessOut = page_of(
    "CompletenessOut", StationCompletenessOut, "A page of stations, in the order in which they were added."
)


class CompletenessView(APIView):
    """The completeness of all stations."""

    @extend_schema(
        operation_id="completeness_list",
        parameters=[CompletenessQuery],
        responses=answers({200: CompletenessOut}, *READ_PROBLEMS),
    )
    def get(self, request: Request) -> Response:
        """List stations with their completeness, in the order in which they were added."""
        query = query_read(request, CompletenessQuery)
        limit = query["limit"]
        report = CompletenessReport(
            viewer=viewer_of(request), search=query["search"], organization=query["organization"]
        )
        rows = report.after(station_id=number_cursor(query["cursor"]) or 0, limit=limit + 1)
        page = page_cut(rows, limit, lambda last: cursor_address(request, cursor_encode(last.station_id)))
        return page.response(CompletenessOut)


urlpatterns = [
    path("completeness", CompletenessView.as_view(), name="completeness"),
]
