"""`/stations/imports`: register many stations from a CSV list in one request; each line is checked separately."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.deployments.station_import import station_import
from fleet.organizations.selectors import organization_find
from rest_api.authentication import viewer_of
from rest_api.questions import WRITE_PROBLEMS, StrictSerializer, answers, body_read

_TEXT_MOST = 1_000_000


class ImportIn(StrictSerializer):
    """The list and options."""

    organization = serializers.SlugField()
    csv = serializers.CharField(
        max_length=_TEXT_MOST,
        trim_whitespace=False,
        help_text="The first line names the columns: serial, name, model, site, notes, tags.",
    )
    dry_run = serializers.BooleanField(required=False, default=False, help_text="Only check; import nothing.")
    all_or_nothing = serializers.BooleanField(
        required=False, default=False, help_text="Import nothing if any line is bad."
    )
    tokens = serializers.BooleanField(required=False, default=False, help_text="Also create enrolment tokens.")


class ImportProblemOut(serializers.Serializer[Any]):
    """A problem with one line."""

    line = serializers.IntegerField()
    column = serializers.CharField()
    value = serializers.CharField(allow_blank=True)
    detail = serializers.CharField(source="sentence")


class ImportedTokenOut(serializers.Serializer[Any]):
    """A station's enrolment token. Shown only once."""

    serial = serializers.CharField()
    token = serializers.CharField()
    expires_at = serializers.DateTimeField()


class ImportOut(serializers.Serializer[Any]):
    """The outcome of an import."""

    lines = serializers.IntegerField(source="line_count")
    good = serializers.IntegerField()
    imported = serializers.IntegerField()
    problems = ImportProblemOut(many=True)
    warnings = ImportProblemOut(many=True)
    unknown_columns = serializers.ListField(child=serializers.CharField())
    tokens = ImportedTokenOut(many=True)


class Imports(APIView):
    """Importing a list of stations."""

    @extend_schema(
        operation_id="imports_create", request=ImportIn, responses=answers({200: ImportOut}, *WRITE_PROBLEMS)
    )
    def post(self, request: Request) -> Response:
        """Import the good lines and report the others; `all_or_nothing` and `dry_run` change that."""
        asked = body_read(request, ImportIn)
        told, viewer = asked, viewer_of(request)
        report = station_import(
            actor=viewer,
            organization=organization_find(viewer=viewer, slug=told["organization"]),
            content=told["csv"].encode(),
            is_dry_run=told["dry_run"],
            all_or_nothing=told["all_or_nothing"],
            with_tokens=told["tokens"],
        )
        return Response(ImportOut(report).data, status=status.HTTP_200_OK, headers={"Cache-Control": "no-store"})


urlpatterns = [
    path("stations/imports", Imports.as_view(), name="imports"),
]
