"""`/stations/<serial>/positions`: the GPS history of a station."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.stations.selectors import station_get
from fleet.telemetry.models import Position
from fleet.telemetry.positions import position_list
from fleet.telemetry.selectors import LIMIT_MOST, suspicion_codes
from rest_api.authentication import viewer_of
from rest_api.paging import cursor_encode, next_address, page_cut, page_of, position_cursor
from rest_api.questions import READ_PROBLEMS, RangeQuery, answers, query_read, range_of


class PositionsQuery(RangeQuery):
    """Time range, filters and paging."""

    has_fix = serializers.BooleanField(
        required=False,
        allow_null=True,
        default=None,
        help_text="true: only positions; false: only attempts without a fix. Default: both.",
    )
    limit = serializers.IntegerField(required=False, min_value=1, max_value=LIMIT_MOST, default=1_000)
    cursor = serializers.CharField(required=False, help_text="From `next` of the previous page.")


class GpsFixOut(serializers.Serializer[Any]):
    """A GPS fix, or an attempt without a fix, which has no coordinates."""

    occurred_at = serializers.DateTimeField(help_text="By the station's clock.")
    received_at = serializers.DateTimeField(help_text="By the server's clock.")
    latitude = serializers.FloatField(allow_null=True, help_text="Degrees, WGS 84.")
    longitude = serializers.FloatField(allow_null=True, help_text="Degrees, WGS 84.")
    altitude_m = serializers.FloatField(allow_null=True, help_text="Metres.")
    file_kind = serializers.CharField(
        source="source", help_text="Kind of the file that contained it (`all`, `ctt`); may be empty."
    )
    line = serializers.IntegerField(help_text="Its line in that file; 0 if the station did not say.")
    suspicions = serializers.SerializerMethodField(help_text="Reasons to doubt these values; usually empty.")

    def get_suspicions(self, position: Position) -> list[str]:
        """The words for its flags."""
        return suspicion_codes(position.flags)


GpsFixesOut = page_of("GpsFixesOut", GpsFixOut, "A page of positions, oldest first.")


class Positions(APIView):
    """The GPS history of a station."""

    @extend_schema(
        operation_id="positions_list",
        parameters=[PositionsQuery],
        responses=answers({200: GpsFixesOut}, *READ_PROBLEMS),
    )
    def get(self, request: Request, serial: str) -> Response:
        """List the positions of a station, oldest first."""
        station = station_get(viewer=viewer_of(request), serial=serial)
        query = query_read(request, PositionsQuery)
        start, end = range_of(query)
        found = position_list(
            station=station,
            start=start,
            end=end,
            has_fix=query["has_fix"],
            after=position_cursor(query.get("cursor", "")),
            limit=query["limit"] + 1,
        )

        def address(last: Position) -> str:
            cursor = cursor_encode(last.occurred_at, last.line, last.source)
            return next_address(request, cursor, start=start, end=end)

        return page_cut(found, query["limit"], address).response(GpsFixesOut)


urlpatterns = [
    path("stations/<str:serial>/positions", Positions.as_view(), name="positions"),
]
