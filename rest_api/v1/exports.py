"""`/organizations/<slug>/exports`: data packages: ask for them, follow their progress, download and remove them."""

from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.http.response import HttpResponseBase
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.core.file_answer import file_answer
from fleet.exports.models import DataPackage
from fleet.exports.question import KINDS, SERIES_MOST, STATIONS_MOST, Format
from fleet.exports.selectors import package_file, package_find, package_list
from fleet.exports.services import package_ask, package_ask_check, package_remove
from fleet.organizations.selectors import organization_find
from rest_api.authentication import viewer_of
from rest_api.lists import ListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, body_read, query_read

_COLUMNS = {"asked_at": SortColumn("asked_at", datetime, is_filled=True), "rows": SortColumn("rows", int)}
_LAST = SortColumn("id", int, is_filled=True)
_RANGE = OpenApiParameter("Range", OpenApiTypes.STR, OpenApiParameter.HEADER, description="One range, as `bytes=100-`.")


class ExportsQuery(ListQuery):
    """Filters of the list."""

    state = serializers.ChoiceField(required=False, choices=DataPackage.State.choices)


class ExportIn(StrictSerializer):
    """A package to make: stations or deployments, kinds, and a period by the stations' clocks."""

    stations = serializers.ListField(
        child=serializers.CharField(max_length=80),
        required=False,
        max_length=STATIONS_MOST,
        help_text="Serials. Without these and deployments: all stations.",
    )
    deployments = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        required=False,
        max_length=STATIONS_MOST,
        help_text="Only rows from while these lasted; not together with `stations`.",
    )
    kinds = serializers.ListField(
        child=serializers.ChoiceField(choices=KINDS), required=False, allow_empty=False, help_text="Default: all."
    )
    series = serializers.ListField(
        child=serializers.CharField(max_length=128),
        required=False,
        max_length=SERIES_MOST,
        help_text="Names of series of readings. Default: all.",
    )
    format = serializers.ChoiceField(choices=[*Format], default=Format.CSV.value)
    is_local = serializers.BooleanField(default=False, help_text="Also the time on the clock at the place.")
    is_clean = serializers.BooleanField(default=False, help_text="Without rows that have a mark of doubt.")

    def get_fields(self) -> dict[str, Any]:
        """Declare `from` and `to` here, because `from` is a Python keyword and cannot be a class attribute."""
        start = serializers.DateTimeField(help_text="Start, inclusive.")
        end = serializers.DateTimeField(help_text="End, exclusive.")
        return {"from": start, "to": end, **super().get_fields()}


class ExportOut(serializers.Serializer[Any]):
    """A package: what was asked for, and its progress or outcome."""

    id = serializers.IntegerField()
    state = serializers.ChoiceField(choices=DataPackage.State.choices)
    kinds = serializers.ListField(child=serializers.CharField())
    series = serializers.ListField(child=serializers.CharField())
    deployments = serializers.ListField(child=serializers.IntegerField())
    stations = serializers.IntegerField(help_text="Number of stations.")
    format = serializers.CharField()
    is_local = serializers.BooleanField()
    is_clean = serializers.BooleanField()
    licence = serializers.CharField(help_text="Empty: the organization chose none.")
    citation = serializers.CharField()
    asked_by = serializers.CharField()
    asked_at = serializers.DateTimeField()
    progress = serializers.FloatField(help_text="From 0 to 1.")
    rows = serializers.IntegerField(help_text="Rows written so far; all of them once it is done.")
    left_out = serializers.IntegerField(help_text="Rows left out because of a mark of doubt.")
    bytes = serializers.IntegerField()
    sha256 = serializers.CharField(help_text="Of the file; empty until it is done.")
    reason = serializers.CharField(help_text="Why it failed or was withdrawn, or what is missing from it.")
    done_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        """Declare `from` and `to` here, as in `ExportIn`."""
        return {"from": serializers.DateTimeField(), "to": serializers.DateTimeField(), **super().get_fields()}


ExportsOut = page_of("ExportsOut", ExportOut, "A page of data packages.")


def _row(package: DataPackage) -> dict[str, Any]:
    share = package.parts / package.parts_all if package.parts_all else 0.0
    return {
        "id": package.pk,
        "state": package.state,
        "from": package.start_at,
        "to": package.end_at,
        "stations": len(package.station_ids),
        "deployments": package.deployment_ids,
        "kinds": package.kinds,
        "series": package.series,
        "format": package.format,
        "is_local": package.is_local,
        "is_clean": package.is_clean,
        "licence": package.licence,
        "citation": package.citation,
        "asked_by": package.asked_by_name,
        "asked_at": package.asked_at,
        # Below 1 until there is a hash: after the last part, the places and the description are written.
        "progress": 1.0 if package.sha256 else min(round(share, 3), 0.999),
        "rows": package.rows,
        "left_out": package.left_out,
        "bytes": package.bytes,
        "sha256": package.sha256,
        "reason": package.reason,
        "done_at": package.done_at,
        "expires_at": package.expires_at,
    }


class Exports(APIView):
    """The data packages of an organization."""

    @extend_schema(
        operation_id="exports_list", parameters=[ExportsQuery], responses=answers({200: ExportsOut}, *READ_PROBLEMS)
    )
    def get(self, request: Request, slug: str) -> Response:
        """List the data packages, newest first."""
        organization = organization_find(viewer=viewer_of(request), slug=slug)
        query = query_read(request, ExportsQuery)
        packages = package_list(organization=organization, state=query.get("state", ""))
        page = page_read(request, query, packages, columns=_COLUMNS, usual="-asked_at", last=_LAST)
        return page.response(ExportsOut, _row)

    @extend_schema(
        operation_id="exports_create", request=ExportIn, responses=answers({202: ExportOut}, *WRITE_PROBLEMS)
    )
    def post(self, request: Request, slug: str) -> Response:
        """Ask for a data package. It is made in the background: follow its `state`."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        package_ask_check(actor=viewer, organization=organization)
        told = body_read(request, ExportIn)
        package = package_ask(
            actor=viewer,
            organization=organization,
            serials=told.get("stations", ()),
            deployment_ids=told.get("deployments", ()),
            kinds=told.get("kinds", KINDS),
            series=told.get("series", ()),
            start=told["from"],
            end=told["to"],
            wanted=told["format"],
            is_local=told["is_local"],
            is_clean=told["is_clean"],
        )
        return Response(ExportOut(_row(package)).data, status=HTTPStatus.ACCEPTED)


class ExportDetail(APIView):
    """One data package."""

    @extend_schema(operation_id="exports_retrieve", responses=answers({200: ExportOut}, *READ_PROBLEMS))
    def get(self, request: Request, slug: str, package_id: int) -> Response:
        """Show a data package with its progress."""
        return Response(ExportOut(_row(_find(request, slug, package_id))).data)

    @extend_schema(operation_id="exports_delete", responses=answers({204: None}, *WRITE_PROBLEMS))
    def delete(self, request: Request, slug: str, package_id: int) -> Response:
        """Remove a data package with its file, or stop making it. Other people's packages require the operator role."""
        package_remove(actor=viewer_of(request), package=_find(request, slug, package_id))
        return Response(status=HTTPStatus.NO_CONTENT)


class ExportFile(APIView):
    """The file of a data package."""

    @extend_schema(
        operation_id="exports_file",
        parameters=[_RANGE],
        responses=answers(
            {
                (200, "application/zip"): OpenApiTypes.BINARY,
                (206, "application/zip"): OpenApiTypes.BINARY,
            },
            *READ_PROBLEMS,
            HTTPStatus.CONFLICT,
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        ),
    )
    def get(self, request: Request, slug: str, package_id: int) -> HttpResponseBase:
        """Download a data package, whole or in ranges. The ETag is its SHA-256."""
        package = _find(request, slug, package_id)
        name = f"{slug}-{package.pk}.zip"
        # DRF's request wraps the server's own, which decides how a file is streamed.
        return file_answer(
            request._request,  # noqa: SLF001 - as above
            package_file(package),
            name=name,
            tag=package.sha256,
            content_type="application/zip",
        )


def _find(request: Request, slug: str, package_id: int) -> DataPackage:
    viewer = viewer_of(request)
    organization = organization_find(viewer=viewer, slug=slug)
    return package_find(viewer=viewer, organization=organization, package_id=package_id)


_BASE = "organizations/<slug:slug>/exports"
urlpatterns = [
    path(_BASE, Exports.as_view(), name="exports"),
    path(f"{_BASE}/<int:package_id>", ExportDetail.as_view(), name="export"),
    path(f"{_BASE}/<int:package_id>/file", ExportFile.as_view(), name="export-file"),
]
