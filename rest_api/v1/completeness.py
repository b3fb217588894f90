"""`/completeness`: of what each station numbered, how much is here, still there, and lost."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.telemetry.completeness import LIMIT_MOST, CompletenessReport
from rest_api.authentication import viewer_of
from rest_api.paging import cursor_address, cursor_encode, number_cursor
from rest_api.questions import READ_PROBLEMS, StrictSerializer, answers, query_read


class CompletenessQuery(StrictSerializer):
    """Filters and place."""

    search = serializers.CharField(required=False, max_length=100, default="", help_text="Part of a serial or name.")
    organization = serializers.CharField(required=False, max_length=100, default="", help_text="A slug.")
    limit = serializers.IntegerField(required=False, min_value=1, max_value=LIMIT_MOST, default=100)
    cursor = serializers.CharField(required=False, default="", help_text="From `next` of the answer before.")


class StationCompletenessOut(serializers.Serializer[Any]):
    """One station."""

    serial = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    organization = serializers.CharField()
    is_retired = serializers.BooleanField()
    expected = serializers.IntegerField(help_text="All numbers that it gave out, as far as they are known.")
    received = serializers.IntegerField()
    percent = serializers.FloatField(
        allow_null=True, help_text="Of messages times that of files, cut to a hundredth: 100 is complete."
    )
    on_station = serializers.IntegerField(help_text="Missing here, and still on the station.")
    lost = serializers.IntegerField(help_text="Missing here, and no longer on the station.")
    unsequenced = serializers.IntegerField(help_text="Messages without a number: taken, but not provable.")
    last_contact_at = serializers.DateTimeField(allow_null=True)
    backlog = serializers.IntegerField(allow_null=True, help_text="What waits on the station by its own word.")
    streams = serializers.IntegerField()
    branches_open = serializers.IntegerField(help_text="Branches that nobody has decided about.")
    file_bytes = serializers.IntegerField(help_text="Of its own files by its own accounts, in all.")
    file_bytes_unread = serializers.IntegerField(help_text="Of these not read on the station yet: not home.")
    file_bytes_refused = serializers.IntegerField(help_text="Of these not readable: not home.")
    file_lines_refused = serializers.IntegerField()


class CompletenessOut(serializers.Serializer[Any]):
    """Stations in the order in which they were added."""

    results = StationCompletenessOut(many=True)
    next = serializers.URLField(allow_null=True, help_text="Where more are; null when this was all.")


class CompletenessView(APIView):
    """The completeness of all stations."""

    @extend_schema(
        operation_id="completeness_list",
        parameters=[CompletenessQuery],
        responses=answers({200: CompletenessOut}, *READ_PROBLEMS),
    )
    def get(self, request: Request) -> Response:
        """Station by station; follow `next` for more."""
        query = query_read(request, CompletenessQuery)
        limit = query["limit"]
        report = CompletenessReport(
            viewer=viewer_of(request), search=query["search"], organization=query["organization"]
        )
        rows = report.after(station_id=number_cursor(query["cursor"]) or 0, limit=limit + 1)
        more = len(rows) > limit
        following = cursor_address(request, cursor_encode(rows[limit - 1].station_id)) if more else None
        return Response(CompletenessOut({"results": rows[:limit], "next": following}).data)


urlpatterns = [
    path("completeness", CompletenessView.as_view(), name="completeness"),
]
