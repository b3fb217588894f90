"""`/stations/<serial>/events`: what happened at a station, by its own clock."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.stations.selectors import station_get
from fleet.telemetry.lateness import is_late
from fleet.telemetry.models import StationEvent
from fleet.telemetry.selectors import event_list, suspicion_codes
from rest_api.authentication import viewer_of
from rest_api.paging import before_address
from rest_api.v1.questions import READ_PROBLEMS, StrictSerializer, answers, query_read


class EventsQuery(StrictSerializer):
    """Where to begin, and how many."""

    before = serializers.DateTimeField(required=False, help_text="Only what happened before this moment.")
    limit = serializers.IntegerField(required=False, min_value=1, max_value=500, default=100)


class EventOut(serializers.Serializer[Any]):
    """One event."""

    occurred_at = serializers.DateTimeField(help_text="By the station's clock.")
    received_at = serializers.DateTimeField(help_text="By the server's clock.")
    name = serializers.CharField()
    port = serializers.IntegerField(allow_null=True)
    data = serializers.DictField()  # type: ignore[assignment]
    is_late = serializers.SerializerMethodField(help_text="It came more than an hour after it happened.")
    suspicions = serializers.SerializerMethodField(help_text="Why the time is not believed; empty when it is.")

    def get_is_late(self, event: StationEvent) -> bool:
        """By both clocks."""
        return is_late(occurred_at=event.occurred_at, received_at=event.received_at, flags=event.flags)

    def get_suspicions(self, event: StationEvent) -> list[str]:
        """One word each."""
        return suspicion_codes(event.flags)


class EventsOut(serializers.Serializer[Any]):
    """Events, newest first."""

    results = EventOut(many=True)
    next = serializers.URLField(allow_null=True, help_text="Where older ones are; null when this was all.")


class Events(APIView):
    """The events of a station."""

    @extend_schema(
        operation_id="events_list", parameters=[EventsQuery], responses=answers({200: EventsOut}, *READ_PROBLEMS)
    )
    def get(self, request: Request, serial: str) -> Response:
        """Newest first; follow `next` for more."""
        station = station_get(viewer=viewer_of(request), serial=serial)
        query = query_read(request, EventsQuery)
        limit = query["limit"]
        found = event_list(station=station, limit=limit + 1, before=query.get("before"))
        following = None
        if len(found) > limit:
            last = found[limit - 1]
            # Its place in the list: a clock that ran ahead does not lead back to the beginning.
            following = before_address(request, min(last.occurred_at, last.received_at))
        return Response({"results": EventOut(found[:limit], many=True).data, "next": following})
