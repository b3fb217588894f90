"""`/stations`: the fleet, and one station with all that is known of it."""

from datetime import datetime
from typing import Any

from django.utils import translation
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.core import clock
from fleet.stations.contact import interval_of
from fleet.stations.models import Station
from fleet.stations.selectors import SHOWN_STATES, station_get, station_list
from fleet.stations.sentences import station_shown
from fleet.telemetry.selectors import latest_position
from rest_api.authentication import viewer_of
from rest_api.paging import NumberedPages
from rest_api.v1.questions import READ_PROBLEMS, StrictSerializer, answers, query_read


class StationsQuery(StrictSerializer):
    """Filters and order of the list."""

    search = serializers.CharField(
        required=False, allow_blank=True, max_length=120, help_text="Part of serial, name or site."
    )
    state = serializers.ChoiceField(
        required=False, choices=SHOWN_STATES, help_text="Only this state; without it all but retired ones."
    )
    organization = serializers.SlugField(required=False, help_text="Only this organization.")
    sort = serializers.CharField(
        required=False,
        max_length=40,
        help_text="serial, name, organization, site, state, last_contact, backlog or detections; `-` in front turns it.",
    )
    page = serializers.IntegerField(required=False, min_value=1)
    page_size = serializers.IntegerField(required=False, min_value=1, help_text="At most 500 come.")


class StationOut(serializers.Serializer[Any]):
    """One station in the list."""

    serial = serializers.CharField()
    name = serializers.CharField()
    organization = serializers.CharField()
    site = serializers.CharField(allow_null=True)
    state = serializers.ChoiceField(choices=SHOWN_STATES)
    sentence = serializers.CharField(help_text="Why it is in this state and what to do, in English.")
    last_contact_at = serializers.DateTimeField(allow_null=True)
    expected_every_s = serializers.FloatField(help_text="Seconds within which the next contact is expected.")
    late_after = serializers.DateTimeField(allow_null=True)
    silent_after = serializers.DateTimeField(allow_null=True)
    backlog_messages = serializers.IntegerField(allow_null=True, help_text="By the station's own word.")
    backlog_bytes = serializers.IntegerField(allow_null=True)
    detections_today = serializers.IntegerField(help_text="Since midnight UTC.")


class StationsOut(serializers.Serializer[Any]):
    """One page of stations."""

    count = serializers.IntegerField()
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = StationOut(many=True)


class PositionOut(serializers.Serializer[Any]):
    """The newest believable fix, degrees WGS 84 and metres."""

    occurred_at = serializers.DateTimeField()
    latitude = serializers.FloatField()
    longitude = serializers.FloatField()
    altitude_m = serializers.FloatField(allow_null=True)


class StationDetailOut(StationOut):
    """One station with its last words."""

    registered_at = serializers.DateTimeField()
    retired_at = serializers.DateTimeField(allow_null=True)
    is_in_maintenance = serializers.BooleanField()
    asleep_until = serializers.DateTimeField(allow_null=True)
    first_contact_at = serializers.DateTimeField(allow_null=True)
    clock_offset_s = serializers.FloatField(allow_null=True, help_text="Station's clock minus ours, transit included.")
    health = serializers.DictField(help_text="The newest health message as it came.")
    health_received_at = serializers.DateTimeField(allow_null=True)
    hello = serializers.DictField(help_text="The newest hello as it came.")
    position = PositionOut(allow_null=True)


def station_row(station: Station, moment: datetime) -> dict[str, Any]:
    """A station of `station_list` as the API shows it."""
    contact = station.contact
    # For programs the sentence stays in one language, whoever's browser asks.
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


class Stations(APIView):
    """The stations of the asker's organizations."""

    @extend_schema(
        operation_id="stations_list",
        parameters=[StationsQuery],
        responses=answers({200: StationsOut}, *READ_PROBLEMS),
    )
    def get(self, request: Request) -> Response:
        """Those that need somebody first, unless `sort` says otherwise."""
        query = query_read(request, StationsQuery)
        filters = {name: query.get(name, "") for name in ("search", "state", "organization", "sort")}
        found = station_list(viewer=viewer_of(request), **filters)
        pages = NumberedPages()
        page = pages.paginate_queryset(found, request, view=self) or []
        moment = clock.now()
        return pages.get_paginated_response(StationOut([station_row(s, moment) for s in page], many=True).data)


class StationDetail(APIView):
    """One station."""

    @extend_schema(operation_id="stations_retrieve", responses=answers({200: StationDetailOut}, *READ_PROBLEMS))
    def get(self, request: Request, serial: str) -> Response:
        """All that is known of it now."""
        station = station_get(viewer=viewer_of(request), serial=serial)
        contact = station.contact
        row = {
            **station_row(station, clock.now()),
            "registered_at": station.registered_at,
            "retired_at": station.retired_at,
            "is_in_maintenance": station.is_in_maintenance,
            "asleep_until": station.asleep_until,
            "first_contact_at": contact.first_contact_at,
            "clock_offset_s": contact.clock_offset_s,
            "health": contact.health,
            "health_received_at": contact.health_received_at,
            "hello": contact.hello,
            "position": latest_position(station=station),
        }
        return Response(StationDetailOut(row).data)
