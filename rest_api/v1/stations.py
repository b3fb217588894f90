"""`/stations`: the fleet, and the details of one station."""

from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, cast

from django.urls import path
from django.utils import translation
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.core import clock
from fleet.organizations.selectors import organization_find
from fleet.stations.contact.deadlines import interval_of
from fleet.stations.contact.sentences import station_shown
from fleet.stations.models import Station
from fleet.stations.parents import parent_find
from fleet.stations.selectors import SHOWN_STATES, station_get, station_get_as_listed, station_list
from fleet.stations.services import StationChanges, station_change, station_register
from fleet.stations.sorting.device_models import model_get
from fleet.telemetry.selectors import latest_position
from rest_api.authentication import viewer_of
from rest_api.bulk import BulkOut, bulk_answer
from rest_api.lists import ID_MOST, ListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, body_read, query_read

#: Sortable columns.
COLUMNS: Final = {
    "state": SortColumn("state_rank", int),
    "serial": SortColumn("serial"),
    "name": SortColumn("name"),
    "organization": SortColumn("organization__name"),
    "site": SortColumn("site_name"),
    "last_contact_at": SortColumn("contact__last_contact_at", datetime),
    "backlog_messages": SortColumn("contact__backlog_messages", int),
    "detections_today": SortColumn("detections_today", int),
}


class StationsQuery(ListQuery):
    """Filters and order of the list."""

    search = serializers.CharField(
        required=False, allow_blank=True, max_length=120, help_text="Part of serial, name or site."
    )
    state = serializers.ChoiceField(
        required=False, choices=SHOWN_STATES, help_text="Only this state. Default: all except retired."
    )
    organization = serializers.SlugField(required=False, help_text="Only this organization.")
    tag = serializers.CharField(required=False, max_length=40, help_text="Only stations with this tag.")
    group = serializers.IntegerField(
        required=False, min_value=1, max_value=ID_MOST, help_text="Only stations in this group."
    )
    model = serializers.IntegerField(
        required=False, min_value=1, max_value=ID_MOST, help_text="Only stations of this model."
    )


class StationOut(serializers.Serializer[Any]):
    """A station in the list."""

    serial = serializers.CharField()
    name = serializers.CharField()
    organization = serializers.CharField()
    site = serializers.CharField(allow_null=True)
    state = serializers.ChoiceField(choices=SHOWN_STATES)
    sentence = serializers.CharField(help_text="Why it is in this state, and what to do; in English.")
    last_contact_at = serializers.DateTimeField(allow_null=True)
    expected_every_s = serializers.FloatField(help_text="The next contact is expected within this many seconds.")
    late_after = serializers.DateTimeField(allow_null=True)
    silent_after = serializers.DateTimeField(allow_null=True)
    backlog_messages = serializers.IntegerField(
        allow_null=True, help_text="As the station reports; 0 once everything it numbered has arrived."
    )
    backlog_bytes = serializers.IntegerField(allow_null=True)
    detections_today = serializers.IntegerField(help_text="Since midnight UTC.")


StationsOut = page_of("StationsOut", StationOut, "A page of stations.")


class PositionOut(serializers.Serializer[Any]):
    """The newest plausible GPS fix, in degrees WGS 84 and metres."""

    occurred_at = serializers.DateTimeField()
    latitude = serializers.FloatField()
    longitude = serializers.FloatField()
    altitude_m = serializers.FloatField(allow_null=True)


class StationDetailOut(StationOut):
    """A station with its settings and its newest messages."""

    registered_at = serializers.DateTimeField()
    retired_at = serializers.DateTimeField(allow_null=True)
    notes = serializers.CharField()
    operator_interval_s = serializers.FloatField(
        allow_null=True, help_text="Contact interval set by an operator, in seconds."
    )
    data_plan_bytes = serializers.IntegerField(allow_null=True, help_text="Per month, both directions.")
    model = serializers.IntegerField(allow_null=True, help_text="Its id in `/models`.")
    # The serializer's metaclass moves this field away, so it does not hide the attribute `parent`.
    parent = serializers.CharField(  # type: ignore[assignment]
        help_text="The serial of its gateway: the station through which it reaches Roost; empty for none."
    )
    quota_messages_per_s = serializers.FloatField(
        allow_null=True, help_text="Its own quota; 0: no limit; null: the server's default."
    )
    quota_bytes_per_hour = serializers.FloatField(allow_null=True)
    tags = serializers.ListField(child=serializers.CharField())
    suspended_at = serializers.DateTimeField(allow_null=True)
    suspended_reason = serializers.CharField()
    is_in_maintenance = serializers.BooleanField()
    maintenance_until = serializers.DateTimeField(
        allow_null=True, help_text="When its maintenance ends by itself; null: when somebody ends it."
    )
    planned_maintenance_until = serializers.DateTimeField(
        allow_null=True, help_text="When the planned maintenance that is going on ends; null: there is none now."
    )
    planned_maintenance_reason = serializers.CharField(help_text="Why; empty: there is none now.")
    asleep_until = serializers.DateTimeField(allow_null=True)
    first_contact_at = serializers.DateTimeField(allow_null=True)
    clock_offset_s = serializers.FloatField(
        allow_null=True, help_text="The station's clock minus the server's, including transit time."
    )
    health = serializers.DictField(help_text="The newest health message, as received.")
    health_received_at = serializers.DateTimeField(allow_null=True)
    hello = serializers.DictField(help_text="The newest hello message, as received.")
    position = PositionOut(allow_null=True)


def station_row(station: Station, moment: datetime) -> dict[str, Any]:
    """A station of `station_list` as the API shows it."""
    contact = station.contact
    # Programs get the sentence in English, whatever language the request asks for.
    with translation.override("en"):
        shown = station_shown(station, contact, moment)
    return {
        "serial": station.serial,
        "name": station.name,
        "organization": station.organization.slug,
        "site": getattr(station, "site_name", None),
        "state": shown.state,
        "sentence": shown.sentence,
        "last_contact_at": contact.last_contact_at,
        "expected_every_s": interval_of(station, contact),
        "late_after": contact.late_after,
        "silent_after": contact.silent_after,
        "backlog_messages": contact.backlog_messages,
        "backlog_bytes": contact.backlog_bytes,
        "detections_today": getattr(station, "detections_today", 0),
    }


class StationIn(StrictSerializer):
    """A new station."""

    serial = serializers.CharField(max_length=64, help_text="As printed on the device.")
    organization = serializers.SlugField(help_text="The organization that owns it.")
    name = serializers.CharField(required=False, allow_blank=True, default="", max_length=120)


class StationChangesIn(StrictSerializer):
    """Changes to a station. Omitted fields stay as they are."""

    name = serializers.CharField(required=False, allow_blank=True, max_length=120)
    notes = serializers.CharField(required=False, allow_blank=True, max_length=10_000, trim_whitespace=False)
    operator_interval_s = serializers.FloatField(required=False, allow_null=True)
    data_plan_bytes = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=ID_MOST)
    is_in_maintenance = serializers.BooleanField(required=False)
    maintenance_until = serializers.DateTimeField(
        required=False, allow_null=True, help_text="A moment in the future; the maintenance begins now."
    )
    asleep_until = serializers.DateTimeField(required=False, allow_null=True)
    model = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=ID_MOST)
    # The serializer's metaclass moves this field away, so it does not hide the attribute `parent`.
    parent = serializers.CharField(  # type: ignore[assignment]
        required=False,
        allow_blank=True,
        max_length=80,
        help_text="The serial of another station of the same organization; empty: none.",
    )
    tags = serializers.ListField(child=serializers.CharField(max_length=40), required=False, max_length=50)
    quota_messages_per_s = serializers.FloatField(
        required=False,
        allow_null=True,
        help_text="Only administrators can set it. 0: no limit; null: the server's default.",
    )
    quota_bytes_per_hour = serializers.FloatField(required=False, allow_null=True, help_text="As above.")


def station_detail(station: Station) -> dict[str, Any]:
    """A station of `station_get_as_listed` with all details."""
    contact = station.contact
    row = {
        **station_row(station, clock.now()),
        "registered_at": station.registered_at,
        "retired_at": station.retired_at,
        "notes": station.notes,
        "operator_interval_s": station.operator_interval_s,
        "data_plan_bytes": station.data_plan_bytes,
        "model": station.model_id,
        "parent": station.parent.serial if station.parent else "",
        "quota_messages_per_s": station.quota_messages_per_s,
        "quota_bytes_per_hour": station.quota_bytes_per_hour,
        "tags": sorted(station.tags.values_list("name", flat=True)),
        "is_in_maintenance": station.is_in_maintenance,
        "maintenance_until": station.maintenance_until,
        "planned_maintenance_until": station.window_until,
        "planned_maintenance_reason": station.window_reason,
        "asleep_until": station.asleep_until,
        "suspended_at": station.suspended_at,
        "suspended_reason": station.suspended_reason,
        "first_contact_at": contact.first_contact_at,
        "clock_offset_s": contact.clock_offset_s,
        "health": contact.health,
        "health_received_at": contact.health_received_at,
        "hello": contact.hello,
        "position": latest_position(station=station),
    }
    return dict(StationDetailOut(row).data)


class Stations(APIView):
    """The stations of the caller's organizations."""

    @extend_schema(
        operation_id="stations_list",
        parameters=[StationsQuery],
        responses=answers({200: StationsOut}, *READ_PROBLEMS),
    )
    def get(self, request: Request) -> Response:
        """List stations. By default those that need attention come first."""
        query = query_read(request, StationsQuery)
        found = station_list(
            viewer=viewer_of(request),
            search=query.get("search", ""),
            state=query.get("state", ""),
            organization=query.get("organization", ""),
            tag=query.get("tag", ""),
            group=query.get("group"),
            model=query.get("model"),
        )
        page = page_read(request, query, found, columns=COLUMNS, usual="state,name", last=COLUMNS["serial"])
        moment = clock.now()
        return page.response(StationsOut, lambda s: station_row(s, moment))

    @extend_schema(
        operation_id="stations_create",
        request=PolymorphicProxySerializer("StationOrStations", [StationIn, StationIn(many=True)], None, many=False),
        responses=answers({201: StationDetailOut, 200: BulkOut}, *WRITE_PROBLEMS),
    )
    def post(self, request: Request) -> Response:
        """Register a station, or a list of stations. A list is answered with 200 and one outcome per station."""
        viewer = viewer_of(request)

        def make(told: dict[str, Any]) -> dict[str, Any]:
            organization = organization_find(viewer=viewer, slug=told["organization"])
            station = station_register(
                actor=viewer, organization=organization, serial=told["serial"], name=told["name"]
            )
            return station_detail(station_get_as_listed(viewer=viewer, serial=station.serial))

        if isinstance(request.data, list):
            return bulk_answer(request.data, StationIn, make)
        asked = body_read(request, StationIn)
        return Response(make(asked), status=HTTPStatus.CREATED)


class StationDetail(APIView):
    """One station."""

    @extend_schema(operation_id="stations_retrieve", responses=answers({200: StationDetailOut}, *READ_PROBLEMS))
    def get(self, request: Request, serial: str) -> Response:
        """Show a station with all details."""
        return Response(station_detail(station_get_as_listed(viewer=viewer_of(request), serial=serial)))

    @extend_schema(
        operation_id="stations_update",
        request=StationChangesIn,
        responses=answers({200: StationDetailOut}, *WRITE_PROBLEMS),
    )
    def patch(self, request: Request, serial: str) -> Response:
        """Change the given fields of a station."""
        viewer = viewer_of(request)
        station = station_get(viewer=viewer, serial=serial)
        told = body_read(request, StationChangesIn, partial=True)
        if told.get("model") is not None:
            told["model"] = model_get(viewer=viewer, model_id=told["model"])
        if "parent" in told:
            told["parent"] = parent_find(viewer=viewer, serial=told["parent"])
        station_change(station=station, actor=viewer, **cast("StationChanges", told))
        return Response(station_detail(station_get_as_listed(viewer=viewer, serial=serial)))


urlpatterns = [
    path("stations", Stations.as_view(), name="stations"),
    path("stations/<str:serial>", StationDetail.as_view(), name="station"),
]
