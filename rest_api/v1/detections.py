"""`/stations/<serial>/detections`: pulses and tags that a station heard."""

from typing import Any

from django.http.response import HttpResponseBase
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.core.csv_file import csv_response
from fleet.stations.selectors import station_get
from fleet.telemetry.cold.heard import is_heard_cold
from fleet.telemetry.exports import DETECTION_HEAD, detection_rows
from fleet.telemetry.lateness import is_late
from fleet.telemetry.models import Detection
from fleet.telemetry.selectors import LIMIT_MOST, detection_list
from rest_api.authentication import viewer_of
from rest_api.paging import cursor_encode, detection_cursor, next_address, page_cut, page_of
from rest_api.questions import READ_PROBLEMS, RangeQuery, SuspicionsField, answers, query_read, range_of

#: Kinds of detection.
KINDS = ("pulse", "tag")
_KINDS = {kind.name.lower(): kind.value for kind in Detection.Kind}


class DetectionsFileQuery(RangeQuery):
    """Time range and filters of the file, which is not paged."""

    kind = serializers.ChoiceField(required=False, choices=KINDS)
    port = serializers.IntegerField(required=False, min_value=-1, max_value=999)
    tag = serializers.CharField(required=False, max_length=64, help_text="Upper and lower case are the same.")


class DetectionsQuery(DetectionsFileQuery):
    """Time range, filters and paging."""

    limit = serializers.IntegerField(required=False, min_value=1, max_value=LIMIT_MOST, default=1_000)
    cursor = serializers.CharField(required=False, help_text="From `next` of the previous page.")


class DetectionOut(serializers.Serializer[Any]):
    """A detection. Pulses have frequency and levels; tags have a code and the radio's signal strength."""

    occurred_at = serializers.DateTimeField(help_text="By the station's clock.")
    received_at = serializers.DateTimeField(help_text="By the server's clock.")
    kind = serializers.SerializerMethodField()
    port = serializers.IntegerField()
    tag = serializers.CharField(allow_null=True)
    freq = serializers.FloatField(allow_null=True, help_text="Offset from the tuned frequency in kHz.")
    sig = serializers.FloatField(allow_null=True, help_text="dB")
    noise = serializers.FloatField(allow_null=True, help_text="dB")
    snr = serializers.FloatField(allow_null=True, help_text="dB")
    rssi = serializers.FloatField(allow_null=True)
    node = serializers.CharField(
        allow_null=True, help_text="The node of a CTT SensorStation that heard the tag; null for the station itself."
    )
    is_validated = serializers.BooleanField(
        allow_null=True, help_text="Whether the radio checked the tag's checksum; null if it does not say."
    )
    also = serializers.DictField(
        child=serializers.CharField(),
        allow_null=True,
        help_text="What else the station's file says in this row, by column.",
    )
    is_used = serializers.BooleanField(help_text="Whether the station used the pulse in a burst.")
    is_late = serializers.SerializerMethodField(help_text="It arrived more than an hour after it was heard.")
    suspicions = SuspicionsField(source="flags")
    file = serializers.IntegerField(
        source="file_id",
        allow_null=True,
        help_text="The `id` of the station's file that contained it, if known.",
    )

    @extend_schema_field(serializers.ChoiceField(choices=KINDS))
    def get_kind(self, detection: Detection) -> str:
        """`pulse` or `tag`."""
        return Detection.Kind(detection.kind).name.lower()

    def get_is_late(self, detection: Detection) -> bool:
        """Whether it arrived late, by comparing the station's clock with the server's."""
        return is_late(occurred_at=detection.occurred_at, received_at=detection.received_at, flags=detection.flags)


DetectionsOut = page_of(
    "DetectionsOut",
    DetectionOut,
    "A page of detections, oldest first.",
    is_cold=serializers.BooleanField(
        help_text="Some detections of this range are in cold storage: the answer is the same, but takes longer."
    ),
)


class Detections(APIView):
    """The detections of a station."""

    @extend_schema(
        operation_id="detections_list",
        parameters=[DetectionsQuery],
        responses=answers({200: DetectionsOut}, *READ_PROBLEMS),
    )
    def get(self, request: Request, serial: str) -> Response:
        """List detections, oldest first."""
        station = station_get(viewer=viewer_of(request), serial=serial)
        query = query_read(request, DetectionsQuery)
        start, end = range_of(query)
        found = detection_list(
            station=station,
            start=start,
            end=end,
            kind=_KINDS.get(query.get("kind", "")),
            port=query.get("port"),
            tag=query.get("tag", ""),
            after=detection_cursor(query.get("cursor", "")),
            limit=query["limit"] + 1,
        )

        def address(last: Detection) -> str:
            cursor = cursor_encode(last.occurred_at, last.port, last.kind, last.line)
            return next_address(request, cursor, start=start, end=end)

        cold = is_heard_cold(station.pk, start, end)
        return page_cut(found, query["limit"], address).response(DetectionsOut, is_cold=cold)


class DetectionsFile(APIView):
    """The detections of a station as a file."""

    @extend_schema(
        operation_id="detections_file",
        parameters=[DetectionsFileQuery],
        responses=answers({(200, "text/csv"): OpenApiTypes.STR}, *READ_PROBLEMS),
    )
    def get(self, request: Request, serial: str) -> HttpResponseBase:
        """Download all detections of the range as CSV, oldest first. Refused if there are more than a million rows."""
        station = station_get(viewer=viewer_of(request), serial=serial)
        query = query_read(request, DetectionsFileQuery)
        start, end = range_of(query)
        kind = _KINDS.get(query.get("kind", ""))
        rows = detection_rows(
            station=station, start=start, end=end, kind=kind, port=query.get("port"), tag=query.get("tag", "")
        )
        plain = request._request  # noqa: SLF001 - the library has no other name for it
        return csv_response(plain, name=f"{station.serial}-detections.csv", head=DETECTION_HEAD, rows=rows)


urlpatterns = [
    path("stations/<str:serial>/detections.csv", DetectionsFile.as_view(), name="detections-file"),
    path("stations/<str:serial>/detections", Detections.as_view(), name="detections"),
]
