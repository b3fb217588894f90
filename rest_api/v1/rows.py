"""`/stations/<serial>/rows/<kind>.<format>`: a station's records as a file, with the columns of data packages."""

from typing import Any, Final

from django.http.response import HttpResponseBase
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.views import APIView

from fleet.core.csv_file import stream_response
from fleet.exports.question import KINDS, SERIES_MOST, Format, PackageQuestion
from fleet.exports.streaming import RowsStream
from fleet.stations.selectors import station_get
from fleet.telemetry.selectors import LIMIT_MOST
from rest_api.authentication import viewer_of
from rest_api.limits import asker_charge, asker_of
from rest_api.questions import READ_PROBLEMS, RangeQuery, answers, query_read, range_of

_MEDIA: Final = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.NDJSON: "application/x-ndjson",
    Format.PARQUET: "application/vnd.apache.parquet",
}


class RowsQuery(RangeQuery):
    """Time range, and the series of readings."""

    series = serializers.ListField(
        child=serializers.CharField(max_length=128),
        required=False,
        max_length=SERIES_MOST,
        help_text="Names of series of readings; repeatable. Default: all.",
    )


class RowsFile(APIView):
    """The rows of one kind that a station recorded, as a file."""

    @extend_schema(
        operation_id="rows_file",
        parameters=[
            RowsQuery,
            OpenApiParameter("kind", str, OpenApiParameter.PATH, enum=KINDS),
            OpenApiParameter("ending", str, OpenApiParameter.PATH, enum=[*Format], description="The format."),
        ],
        responses=answers(
            {
                (200, "text/csv"): OpenApiTypes.BINARY,
                (200, "application/x-ndjson"): OpenApiTypes.BINARY,
                (200, "application/vnd.apache.parquet"): OpenApiTypes.BINARY,
            },
            *READ_PROBLEMS,
        ),
    )
    def get(self, request: Request, serial: str, kind: str, ending: str) -> HttpResponseBase:
        """Download the rows that a station recorded in the range, with the columns of data packages.

        Refused if there are more than a million rows, or while the caller is downloading two such files. Every
        5,000 rows count as one more request.
        """
        station = station_get(viewer=viewer_of(request), serial=serial)
        if kind not in KINDS or ending not in [*Format]:
            kinds, formats = ", ".join(KINDS), ", ".join(Format)
            raise NotFound(f"There is no file {kind}.{ending}. Kinds: {kinds}. Formats: {formats}.")
        query = query_read(request, RowsQuery)
        start, end = range_of(query)
        question = PackageQuestion(
            organization=station.organization,
            station_ids=(station.pk,),
            kinds=(kind,),
            start=start,
            end=end,
            format=Format(ending),
            series=_series_of(query, kind),
        )
        stream = RowsStream(question, asker=asker_of(request))
        asker_charge(request, stream.rows // LIMIT_MOST)
        return stream_response(
            request._request,  # noqa: SLF001 - the library has no other name for it
            stream.open(),
            name=f"{station.serial}-{kind}.{ending}",
            content_type=_MEDIA[question.format],
            is_packed=question.format == Format.PARQUET,
        )


def _series_of(query: dict[str, Any], kind: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(query.get("series", ())))
    if names and kind != "readings":
        raise serializers.ValidationError({"series": [f"Only readings have series, {kind} have none."]})
    return names


urlpatterns = [path("stations/<str:serial>/rows/<str:kind>.<str:ending>", RowsFile.as_view(), name="rows-file")]
