"""`/stations/<serial>/events`: events that a station reported."""

from datetime import datetime
from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.stations.selectors import station_get
from fleet.telemetry.lateness import is_late
from fleet.telemetry.models import StationEvent
from fleet.telemetry.selectors import event_list
from rest_api.authentication import viewer_of
from rest_api.lists import PeriodListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import READ_PROBLEMS, SuspicionsField, answers, query_read

_COLUMNS = {
    "at": SortColumn("place", datetime, is_filled=True),
    "occurred_at": SortColumn("occurred_at", datetime, is_filled=True),
    "received_at": SortColumn("received_at", datetime, is_filled=True),
    "name": SortColumn("name", is_filled=True),
}
#: Tie-breakers: together they identify an event of a station.
_LAST = (
    SortColumn("occurred_at", datetime, is_filled=True),
    SortColumn("name", is_filled=True),
    SortColumn("line", int, is_filled=True),
    SortColumn("source", is_filled=True),
)


class EventsQuery(PeriodListQuery):
    """Filters of the event list. `from` and `to` compare `at`."""

    name = serializers.CharField(required=False, max_length=128)


class EventOut(serializers.Serializer[Any]):
    """One event."""

    at = serializers.DateTimeField(
        source="place", help_text="Its place in the list: when it happened, or when it arrived if that was earlier."
    )
    occurred_at = serializers.DateTimeField(help_text="By the station's clock.")
    received_at = serializers.DateTimeField(help_text="By the server's clock.")
    name = serializers.CharField()
    port = serializers.IntegerField(allow_null=True)
    data = serializers.DictField()  # type: ignore[assignment]
    is_late = serializers.SerializerMethodField(help_text="It arrived more than an hour after it happened.")
    suspicions = SuspicionsField(source="flags")

    def get_is_late(self, event: StationEvent) -> bool:
        """Whether it arrived late, by comparing the station's clock with the server's."""
        return is_late(occurred_at=event.occurred_at, received_at=event.received_at, flags=event.flags)


EventsOut = page_of("EventsOut", EventOut, "A page of events.")


class Events(APIView):
    """The events of a station."""

    @extend_schema(
        operation_id="events_list", parameters=[EventsQuery], responses=answers({200: EventsOut}, *READ_PROBLEMS)
    )
    def get(self, request: Request, serial: str) -> Response:
        """List the events of a station, newest first."""
        station = station_get(viewer=viewer_of(request), serial=serial)
        query = query_read(request, EventsQuery)
        found = event_list(station=station, start=query.get("from"), end=query.get("to"), name=query.get("name", ""))
        page = page_read(request, query, found, columns=_COLUMNS, usual="-at", last=_LAST)
        return page.response(EventsOut)


urlpatterns = [
    path("stations/<str:serial>/events", Events.as_view(), name="events"),
]
