"""`/maintenance`: planned maintenance of stations, sites and groups, once or again and again."""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from django.urls import path
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.alerts.maintenance.rrule import LENGTH_MOST
from fleet.alerts.maintenance.selectors import window_coming, window_get, window_list
from fleet.alerts.maintenance.services import SCOPES, WindowDraft, window_add, window_delete, window_end
from fleet.alerts.models.maintenance import MaintenanceWindow
from fleet.core import clock
from fleet.core.errors import InvalidInput
from fleet.organizations.access import Role
from fleet.organizations.selectors import organization_find
from rest_api.authentication import viewer_of
from rest_api.lists import ListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, body_read, query_read

_COLUMNS = {
    "added_at": SortColumn("added_at", datetime, is_filled=True),
    "opens_at": SortColumn("opens_at", datetime),
}
_WALL = "%Y-%m-%dT%H:%M"


class MaintenanceQuery(ListQuery):
    """Filters of the list."""

    organization = serializers.SlugField(required=False, default="", help_text="Only this organization.")
    is_over = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="true: only what is over; false: only what is not."
    )


class MaintenanceIn(StrictSerializer):
    """Maintenance to plan."""

    organization = serializers.SlugField()
    scope = serializers.ChoiceField(choices=SCOPES)
    of = serializers.CharField(max_length=120, help_text="The serial of the station, or the name of the site or group.")
    starts = serializers.CharField(
        max_length=16, help_text="Day and time of the first, such as 2026-12-02T02:30, on the clocks of `timezone`."
    )
    duration_s = serializers.IntegerField(min_value=60, max_value=31 * 86_400)
    timezone = serializers.CharField(
        max_length=64, required=False, allow_blank=True, default="", help_text="Default: that of the place."
    )
    rrule = serializers.CharField(
        max_length=LENGTH_MOST + 20,
        required=False,
        allow_blank=True,
        default="",
        help_text="A recurrence rule (RFC 5545), such as FREQ=WEEKLY;BYDAY=TU. Empty: once.",
    )
    reason = serializers.CharField(max_length=200)


class OccurrenceOut(serializers.Serializer[Any]):
    """One occurrence of planned maintenance."""

    opens_at = serializers.DateTimeField()
    closes_at = serializers.DateTimeField()


class MaintenanceOut(serializers.Serializer[Any]):
    """Planned maintenance."""

    id = serializers.IntegerField()
    organization = serializers.CharField()
    scope = serializers.ChoiceField(choices=SCOPES)
    of = serializers.CharField()
    starts = serializers.CharField(help_text="On the clocks of `timezone`.")
    duration_s = serializers.IntegerField()
    timezone = serializers.CharField()
    rrule = serializers.CharField()
    reason = serializers.CharField()
    is_open = serializers.BooleanField(help_text="It is going on now.")
    opens_at = serializers.DateTimeField(allow_null=True, help_text="Of this time or the next one; null: it is over.")
    closes_at = serializers.DateTimeField(allow_null=True)
    coming = OccurrenceOut(many=True, help_text="This time and the next ones, three at most.")
    added_at = serializers.DateTimeField()
    added_by = serializers.CharField()


MaintenancesOut = page_of("MaintenancesOut", MaintenanceOut, "A page of planned maintenance.")


def maintenance_row(window: MaintenanceWindow) -> dict[str, Any]:
    """Planned maintenance as the API shows it."""
    target = (
        ("station", window.station.serial)
        if window.station is not None
        else ("site", window.site.name)
        if window.site is not None
        else ("group", window.group.name if window.group is not None else "")
    )
    return {
        "id": window.pk,
        "organization": window.organization.slug,
        "scope": target[0],
        "of": target[1],
        "starts": datetime.combine(window.first_day, window.first_time).strftime(_WALL),
        **{name: getattr(window, name) for name in ("duration_s", "timezone", "rrule", "reason", "is_open")},
        "opens_at": window.opens_at,
        "closes_at": window.closes_at,
        "coming": [
            {"opens_at": one.opens_at, "closes_at": one.closes_at} for one in window_coming(window, clock.now())
        ],
        "added_at": window.added_at,
        "added_by": window.added_by_name,
    }


def _out(window: MaintenanceWindow) -> dict[str, Any]:
    return dict(MaintenanceOut(maintenance_row(window)).data)


def _wall_time(text: str) -> datetime:
    try:
        return datetime.strptime(text, _WALL)  # noqa: DTZ007 - it is on the clocks of the place
    except ValueError as error:
        sentence = _("Enter a day and a time like 2026-12-02T02:30, without an offset.")
        raise InvalidInput(sentence, field="starts") from error


class Maintenances(APIView):
    """The planned maintenance of your organizations."""

    @extend_schema(
        operation_id="maintenance_list",
        parameters=[MaintenanceQuery],
        responses=answers({HTTPStatus.OK.value: MaintenancesOut}, *READ_PROBLEMS),
    )
    def get(self, request: Request) -> Response:
        """List planned maintenance, the newest first."""
        query = query_read(request, MaintenanceQuery)
        found = window_list(
            viewer=viewer_of(request), organization=query["organization"], is_over=query["is_over"]
        ).order_by()
        page = page_read(request, query, found, columns=_COLUMNS, usual="-added_at", last=SortColumn("id", int))
        return page.response(MaintenancesOut, maintenance_row)

    @extend_schema(
        operation_id="maintenance_create",
        request=MaintenanceIn,
        responses=answers({HTTPStatus.CREATED.value: MaintenanceOut}, *WRITE_PROBLEMS),
    )
    def post(self, request: Request) -> Response:
        """Plan maintenance. While it lasts, no alerts are sent. Incidents still open at its end are reported then."""
        viewer = viewer_of(request)
        viewer.require_somewhere(Role.OPERATOR, to=_("plan maintenance"))
        told = body_read(request, MaintenanceIn)
        organization = organization_find(viewer=viewer, slug=told.pop("organization"))
        draft = WindowDraft(
            starts=_wall_time(told.pop("starts")), duration=timedelta(seconds=told.pop("duration_s")), **told
        )
        made = window_add(actor=viewer, organization=organization, draft=draft)
        return Response(_out(made), status=HTTPStatus.CREATED)


class Maintenance(APIView):
    """One planned maintenance."""

    @extend_schema(
        operation_id="maintenance_retrieve",
        responses=answers({HTTPStatus.OK.value: MaintenanceOut}, *READ_PROBLEMS),
    )
    def get(self, request: Request, window_id: int) -> Response:
        """Show planned maintenance."""
        return Response(_out(window_get(viewer=viewer_of(request), window_id=window_id)))

    @extend_schema(
        operation_id="maintenance_delete", responses=answers({HTTPStatus.NO_CONTENT.value: None}, *WRITE_PROBLEMS)
    )
    def delete(self, request: Request, window_id: int) -> Response:
        """Delete planned maintenance. If it is going on, it ends now."""
        viewer = viewer_of(request)
        window_delete(actor=viewer, window=window_get(viewer=viewer, window_id=window_id))
        return Response(status=HTTPStatus.NO_CONTENT)


class MaintenanceEnd(APIView):
    """The end of planned maintenance."""

    @extend_schema(
        operation_id="maintenance_end",
        request=None,
        responses=answers({HTTPStatus.OK.value: MaintenanceOut}, *WRITE_PROBLEMS),
    )
    def post(self, request: Request, window_id: int) -> Response:
        """End maintenance that is going on. Later occurrences take place as planned."""
        viewer = viewer_of(request)
        window_end(actor=viewer, window=window_get(viewer=viewer, window_id=window_id))
        return Response(_out(window_get(viewer=viewer, window_id=window_id)))


urlpatterns = [
    path("maintenance", Maintenances.as_view(), name="maintenances"),
    path("maintenance/<int:window_id>", Maintenance.as_view(), name="maintenance"),
    path("maintenance/<int:window_id>/end", MaintenanceEnd.as_view(), name="maintenance-end"),
]
