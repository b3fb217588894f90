"""`/organizations/<slug>/export-schedules`: data packages that repeat, and the outcome for each period."""

from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.exports.models import PackageSchedule, ScheduledPart
from fleet.exports.question import KINDS, SERIES_MOST, STATIONS_MOST, Format
from fleet.exports.schedules.services import (
    part_list,
    schedule_add,
    schedule_add_check,
    schedule_find,
    schedule_list,
    schedule_remove,
)
from fleet.exports.services import package_ask_check
from fleet.organizations.selectors import organization_find
from rest_api.authentication import viewer_of
from rest_api.lists import ListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, body_read, query_read

_COLUMNS = {
    "name": SortColumn("name", str, is_filled=True),
    "created_at": SortColumn("created_at", datetime, is_filled=True),
}
_PART_COLUMNS = {"from": SortColumn("start_at", datetime, is_filled=True)}
_LAST = SortColumn("id", int, is_filled=True)


class ScheduleIn(StrictSerializer):
    """A package to repeat."""

    name = serializers.CharField(max_length=80)
    every = serializers.ChoiceField(choices=PackageSchedule.Every.choices, help_text="Of UTC; weeks begin on Monday.")
    target = serializers.ChoiceField(
        choices=PackageSchedule.Target.choices,
        default=PackageSchedule.Target.PAGE.value,
        help_text="The page of packages, or the folder or object store that the server's administrators chose.",
    )
    since = serializers.DateTimeField(
        required=False, help_text="Also make the periods since then. Default: from the current one on."
    )
    stations = serializers.ListField(
        child=serializers.CharField(max_length=80),
        required=False,
        max_length=STATIONS_MOST,
        help_text="Serials. Default: all that the organization has when a package is made.",
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


class ScheduleOut(serializers.Serializer[Any]):
    """A package that repeats."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    every = serializers.ChoiceField(choices=PackageSchedule.Every.choices)
    target = serializers.ChoiceField(choices=PackageSchedule.Target.choices)
    stations = serializers.IntegerField(help_text="Number of chosen stations; 0: all.")
    kinds = serializers.ListField(child=serializers.CharField())
    series = serializers.ListField(child=serializers.CharField())
    format = serializers.CharField()
    is_local = serializers.BooleanField()
    is_clean = serializers.BooleanField()
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    next_from = serializers.DateTimeField(help_text="Start of the next period.")
    made = serializers.IntegerField(help_text="Periods whose file is made.")
    waiting = serializers.IntegerField(help_text="Periods that are over and not made yet.")
    last_to = serializers.DateTimeField(allow_null=True, help_text="End of the newest made period.")
    failing_since = serializers.DateTimeField(allow_null=True)


class SchedulePartOut(serializers.Serializer[Any]):
    """One period and its outcome."""

    id = serializers.IntegerField()
    state = serializers.ChoiceField(choices=ScheduledPart.State.choices)
    revision = serializers.IntegerField(help_text="The number of its file; above 1, rows came late or were corrected.")
    place = serializers.CharField(help_text="Name of the file in its folder or store; empty on the page.")
    package = serializers.IntegerField(allow_null=True, help_text="The `id` of its package among the exports.")
    rows = serializers.IntegerField()
    bytes = serializers.IntegerField()
    sha256 = serializers.CharField()
    done_at = serializers.DateTimeField(allow_null=True)
    failures = serializers.IntegerField(help_text="Failures in a row.")
    reason = serializers.CharField(help_text="Reason of the last failure; empty if there was none.")
    next_at = serializers.DateTimeField(allow_null=True, help_text="When it is looked at again; null: never.")

    def get_fields(self) -> dict[str, Any]:
        """Declare `from` and `to` here, because `from` is a Python keyword and cannot be a class attribute."""
        return {"from": serializers.DateTimeField(), "to": serializers.DateTimeField(), **super().get_fields()}


SchedulesOut = page_of("SchedulesOut", ScheduleOut, "A page of packages that repeat.")
SchedulePartsOut = page_of("SchedulePartsOut", SchedulePartOut, "A page of periods, the newest first.")


def _row(schedule: PackageSchedule) -> dict[str, Any]:
    return {
        "id": schedule.pk,
        "name": schedule.name,
        "every": schedule.every,
        "target": schedule.target,
        "stations": len(schedule.station_ids),
        "kinds": schedule.kinds,
        "series": schedule.series,
        "format": schedule.format,
        "is_local": schedule.is_local,
        "is_clean": schedule.is_clean,
        "created_by": schedule.created_by_name,
        "created_at": schedule.created_at,
        "next_from": schedule.next_start,
        # The list's query counts these.
        "made": getattr(schedule, "made", 0),
        "waiting": getattr(schedule, "waiting", 0),
        "last_to": getattr(schedule, "last_at", None),
        "failing_since": schedule.failing_since,
    }


def _part_row(part: ScheduledPart) -> dict[str, Any]:
    return {
        "id": part.pk,
        "from": part.start_at,
        "to": part.end_at,
        "state": part.state,
        "revision": part.revision,
        "place": part.place,
        "package": part.package_number,
        "rows": part.rows,
        "bytes": part.bytes,
        "sha256": part.sha256,
        "done_at": part.done_at,
        "failures": part.failures,
        "reason": part.reason,
        "next_at": part.next_at,
    }


class ExportSchedules(APIView):
    """An organization's packages that repeat."""

    @extend_schema(
        operation_id="export_schedules_list",
        parameters=[ListQuery],
        responses=answers({200: SchedulesOut}, *READ_PROBLEMS),
    )
    def get(self, request: Request, slug: str) -> Response:
        """List the packages that repeat, by name."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        package_ask_check(actor=viewer, organization=organization)
        query = query_read(request, ListQuery)
        found = schedule_list(organization=organization)
        return page_read(request, query, found, columns=_COLUMNS, usual="name", last=_LAST).response(SchedulesOut, _row)

    @extend_schema(
        operation_id="export_schedules_create",
        request=ScheduleIn,
        responses=answers({201: ScheduleOut}, *WRITE_PROBLEMS),
    )
    def post(self, request: Request, slug: str) -> Response:
        """Repeat a package: one is made at the end of each day, week or month."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        schedule_add_check(actor=viewer, organization=organization)
        told = body_read(request, ScheduleIn)
        schedule = schedule_add(
            actor=viewer,
            organization=organization,
            name=told["name"],
            every=told["every"],
            target=told["target"],
            since=told.get("since"),
            serials=told.get("stations", ()),
            kinds=told.get("kinds", KINDS),
            series=told.get("series", ()),
            wanted=told["format"],
            is_local=told["is_local"],
            is_clean=told["is_clean"],
        )
        made = schedule_find(viewer=viewer, organization=organization, schedule_id=schedule.pk)
        return Response(ScheduleOut(_row(made)).data, status=HTTPStatus.CREATED)


class ExportScheduleDetail(APIView):
    """One package that repeats."""

    @extend_schema(operation_id="export_schedules_retrieve", responses=answers({200: ScheduleOut}, *READ_PROBLEMS))
    def get(self, request: Request, slug: str, schedule_id: int) -> Response:
        """Show a package that repeats."""
        return Response(ScheduleOut(_row(_find(request, slug, schedule_id))).data)

    @extend_schema(operation_id="export_schedules_delete", responses=answers({204: None}, *WRITE_PROBLEMS))
    def delete(self, request: Request, slug: str, schedule_id: int) -> Response:
        """Stop repeating a package. Files already delivered stay where they are."""
        schedule_remove(actor=viewer_of(request), schedule=_find(request, slug, schedule_id))
        return Response(status=HTTPStatus.NO_CONTENT)


class ExportScheduleParts(APIView):
    """The periods of a package that repeats."""

    @extend_schema(
        operation_id="export_schedules_parts",
        parameters=[ListQuery],
        responses=answers({200: SchedulePartsOut}, *READ_PROBLEMS),
    )
    def get(self, request: Request, slug: str, schedule_id: int) -> Response:
        """List past periods, newest first."""
        schedule = _find(request, slug, schedule_id)
        query = query_read(request, ListQuery)
        found = part_list(schedule=schedule)
        page = page_read(request, query, found, columns=_PART_COLUMNS, usual="-from", last=_LAST)
        return page.response(SchedulePartsOut, _part_row)


def _find(request: Request, slug: str, schedule_id: int) -> PackageSchedule:
    viewer = viewer_of(request)
    organization = organization_find(viewer=viewer, slug=slug)
    return schedule_find(viewer=viewer, organization=organization, schedule_id=schedule_id)


_BASE = "organizations/<slug:slug>/export-schedules"
urlpatterns = [
    path(_BASE, ExportSchedules.as_view(), name="export-schedules"),
    path(f"{_BASE}/<int:schedule_id>", ExportScheduleDetail.as_view(), name="export-schedule"),
    path(f"{_BASE}/<int:schedule_id>/parts", ExportScheduleParts.as_view(), name="export-schedule-parts"),
]
