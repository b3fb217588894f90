"""`/stations/<serial>/series`: measured quantities and their readings, singly or in buckets."""

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
from fleet.stations.selectors import station_get
from fleet.telemetry.cold.reading import is_cold
from fleet.telemetry.exports import READING_HEAD, reading_rows
from fleet.telemetry.selectors import LIMIT_MOST, readings, series_get, series_list
from rest_api.authentication import viewer_of
from rest_api.paging import cursor_encode, moment_cursor, next_address, page_cut, page_of
from rest_api.questions import READ_PROBLEMS, RangeQuery, SuspicionsField, WidthField, answers, query_read, range_of


class SeriesOut(serializers.Serializer[Any]):
    """A series with its newest value."""

    name = serializers.CharField()
    unit = serializers.CharField(allow_blank=True)
    reference = serializers.CharField(
        help_text="Identifies the series among the station's series in URLs: its name, or `name[unit]`."
    )
    last_at = serializers.DateTimeField(allow_null=True, help_text="By the station's clock.")
    last_value = serializers.FloatField(allow_null=True)
    last_suspicions = SuspicionsField(source="last_flags")
    last_received_at = serializers.DateTimeField(allow_null=True, help_text="By the server's clock.")
    kept_back = serializers.IntegerField(
        source="away.kept_back", help_text="Readings that were never stored, because a rule stores one in an interval."
    )
    kept_back_at = serializers.DateTimeField(source="away.kept_back_at", allow_null=True)
    removed = serializers.IntegerField(source="away.removed", help_text="Readings that a rule removed later.")
    raw_from = serializers.DateTimeField(allow_null=True, help_text="Single readings from before this were removed.")


class SeriesListOut(serializers.Serializer[Any]):
    """All series of a station."""

    results = SeriesOut(many=True)


class ReadingsQuery(RangeQuery):
    """Time range, bucket width and paging."""

    every = WidthField(required=False, help_text="Bucket width: 300, 5m, 1h or 7d. Default: single readings.")
    limit = serializers.IntegerField(required=False, min_value=1, max_value=LIMIT_MOST, default=LIMIT_MOST)
    cursor = serializers.CharField(required=False, help_text="From `next` of the previous page.")


class PointOut(serializers.Serializer[Any]):
    """One reading or one bucket."""

    at = serializers.DateTimeField(help_text="Moment by the station's clock, or start of the bucket.")
    value = serializers.FloatField(
        help_text="The value, or the mean of the bucket. Values outside their limits count only if all are outside."
    )
    minimum = serializers.FloatField()
    maximum = serializers.FloatField()
    count = serializers.IntegerField()
    received_at = serializers.DateTimeField(allow_null=True, help_text="By the server's clock; null for a bucket.")
    is_late = serializers.BooleanField(help_text="It arrived more than an hour after it was taken; false for a bucket.")
    suspicions = SuspicionsField(source="flags")
    sent_value = serializers.FloatField(
        allow_null=True, help_text="The value as sent, if it was converted to the unit of the series."
    )
    sent_unit = serializers.CharField(allow_null=True)


ReadingsOut = page_of(
    "ReadingsOut",
    PointOut,
    "A page of readings of one series, oldest first.",
    series=serializers.CharField(),
    unit=serializers.CharField(allow_blank=True),
    is_cold=serializers.BooleanField(
        help_text="Some readings of this range are in cold storage: the answer is the same, but takes longer."
    ),
)


class SeriesList(APIView):
    """The series of a station."""

    @extend_schema(operation_id="series_list", responses=answers({200: SeriesListOut}, *READ_PROBLEMS))
    def get(self, request: Request, serial: str) -> Response:
        """List the series of a station by name."""
        station = station_get(viewer=viewer_of(request), serial=serial)
        return Response({"results": SeriesOut(series_list(station=station), many=True).data})


class Readings(APIView):
    """The readings of a series. Its name may contain slashes and colons."""

    @extend_schema(
        operation_id="readings_list", parameters=[ReadingsQuery], responses=answers({200: ReadingsOut}, *READ_PROBLEMS)
    )
    def get(self, request: Request, serial: str, name: str) -> Response:
        """List readings, oldest first. With `every`, one point for each bucket that has readings."""
        station = station_get(viewer=viewer_of(request), serial=serial)
        series = series_get(station=station, name=name)
        query = query_read(request, ReadingsQuery)
        start, end = range_of(query)
        every, limit = query.get("every"), query["limit"]
        after = moment_cursor(query.get("cursor", ""))
        # One extra row shows whether there is a next page. Buckets are never paged: all are returned, or refused.
        wanted = limit if every else limit + 1
        points = readings(series=series, start=start, end=end, every=every, limit=wanted, after=after)
        page = page_cut(points, limit, lambda last: next_address(request, cursor_encode(last.at), start=start, end=end))
        cold = is_cold([series.pk], start, end)
        return page.response(ReadingsOut, series=series.reference, unit=series.unit, is_cold=cold)


class ReadingsFile(APIView):
    """The readings of a series as a file."""

    @extend_schema(
        operation_id="readings_file",
        parameters=[RangeQuery],
        responses=answers({(200, "text/csv"): OpenApiTypes.STR}, *READ_PROBLEMS),
    )
    def get(self, request: Request, serial: str, name: str) -> HttpResponseBase:
        """Download all readings of the range as CSV, oldest first. Refused if there are more than a million rows."""
        station = station_get(viewer=viewer_of(request), serial=serial)
        series = series_get(station=station, name=name)
        start, end = range_of(query_read(request, RangeQuery))
        rows = reading_rows(series=series, start=start, end=end)
        plain = request._request  # noqa: SLF001 - the library has no other name for it
        return csv_response(plain, name=f"{station.serial}-readings.csv", head=READING_HEAD, rows=rows)


urlpatterns = [
    path("stations/<str:serial>/series", SeriesList.as_view(), name="series"),
    path("stations/<str:serial>/series/<path:name>/readings", Readings.as_view(), name="readings"),
    path("stations/<str:serial>/series/<path:name>/readings.csv", ReadingsFile.as_view(), name="readings-file"),
]
