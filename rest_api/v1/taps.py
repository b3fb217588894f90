"""`/organizations/<slug>/taps`: queues from which an organization's programs read its events."""

from datetime import datetime
from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.forward.models import Tap
from fleet.forward.taps.selectors import tap_find, tap_list
from fleet.forward.taps.services import (
    HOURS,
    KEYS_MOST,
    MESSAGES,
    TapChoice,
    TapGrant,
    tap_add,
    tap_delete,
    tap_owner_require,
    tap_secret_renew,
)
from fleet.organizations.selectors import organization_find
from message_queue.events.kinds import EVENTS
from rest_api.authentication import viewer_of
from rest_api.lists import ListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, body_read, query_read

_COLUMNS = {
    "created_at": SortColumn("added_at", datetime, is_filled=True),
    "name": SortColumn("name", is_filled=True),
}


class TapIn(StrictSerializer):
    """A tap to add."""

    name = serializers.CharField(max_length=80)
    events = serializers.ListField(
        child=serializers.CharField(max_length=40),
        required=False,
        max_length=len(EVENTS),
        help_text="Names of events. Default: all.",
    )
    stations = serializers.ListField(
        child=serializers.CharField(max_length=64),
        required=False,
        max_length=KEYS_MOST,
        help_text="Serials. Default: all of the organization.",
    )
    messages = serializers.IntegerField(default=MESSAGES, help_text="Events that it holds at most.")
    bytes = serializers.IntegerField(
        required=False, help_text="Bytes that it holds at most. Default: 10,000,000, or the server's maximum."
    )
    hours = serializers.IntegerField(default=HOURS, help_text="Hours after which an unread event is dropped.")


class TapOut(serializers.Serializer[Any]):
    """A tap. Its secret is not stored."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    queue = serializers.CharField(help_text="Name of its queue on the broker, and of its login.")
    events = serializers.ListField(child=serializers.CharField(), help_text="Empty: all.")
    stations = serializers.ListField(child=serializers.CharField(), help_text="Empty: all.")
    messages = serializers.IntegerField(help_text="Events that it holds at most.")
    bytes = serializers.IntegerField(help_text="Bytes that it holds at most.")
    hours = serializers.IntegerField(help_text="Hours after which an unread event is dropped.")
    created_at = serializers.DateTimeField()
    waiting = serializers.IntegerField(allow_null=True, help_text="null: not seen on the broker yet.")
    waiting_bytes = serializers.IntegerField()
    unconfirmed = serializers.IntegerField(help_text="Events that a reader has and did not confirm.")
    readers = serializers.IntegerField()
    seen_at = serializers.DateTimeField(allow_null=True, help_text="When the broker was asked.")
    read = serializers.IntegerField(help_text="Events that were read and confirmed.")
    last_read_at = serializers.DateTimeField(allow_null=True)
    dropped = serializers.IntegerField(help_text="Unread events that it dropped because it was full.")
    expired = serializers.IntegerField(help_text="Unread events that it dropped because they were too old.")
    is_at_least = serializers.BooleanField(help_text="More may have been dropped than were counted.")
    last_dropped_at = serializers.DateTimeField(allow_null=True)


class TapMadeOut(TapOut):
    """A tap with its login."""

    host = serializers.CharField()
    port = serializers.IntegerField()
    tls = serializers.BooleanField()
    vhost = serializers.CharField()
    secret = serializers.CharField(help_text="Password of the login `queue`. Shown only once.")
    url = serializers.CharField(help_text="All of this in one line.")
    ca_pem = serializers.CharField(help_text="The authority that signed the broker's certificate.")


TapsOut = page_of("TapsOut", TapOut, "A page of taps.")


def _row(tap: Tap) -> dict[str, Any]:
    return {
        "id": tap.pk,
        "name": tap.name,
        "queue": tap.queue,
        "events": tap.events,
        "stations": tap.stations,
        "messages": tap.messages_most,
        "bytes": tap.bytes_most,
        "hours": tap.seconds_most // 3_600,
        "created_at": tap.added_at,
        "waiting": tap.waiting,
        "waiting_bytes": tap.waiting_bytes,
        "unconfirmed": tap.unconfirmed,
        "readers": tap.readers,
        "seen_at": tap.seen_at,
        "read": tap.taken,
        "last_read_at": tap.last_taken_at,
        "dropped": tap.dropped,
        "expired": tap.expired,
        "is_at_least": tap.is_at_least,
        "last_dropped_at": tap.last_dropped_at,
    }


def _made(tap: Tap, grant: TapGrant, code: int) -> Response:
    told = {name: getattr(grant, name) for name in ("host", "port", "tls", "vhost", "secret", "url", "ca_pem")}
    return Response(TapMadeOut({**_row(tap), **told}).data, status=code, headers={"Cache-Control": "no-store"})


class Taps(APIView):
    """The taps of an organization."""

    @extend_schema(operation_id="taps_list", parameters=[ListQuery], responses=answers({200: TapsOut}, *READ_PROBLEMS))
    def get(self, request: Request, slug: str) -> Response:
        """List the taps by name, with the number of events that wait in each, and that each has dropped."""
        organization = organization_find(viewer=viewer_of(request), slug=slug)
        query = query_read(request, ListQuery)
        found = tap_list(organization=organization).order_by()
        page = page_read(request, query, found, columns=_COLUMNS, usual="name", last=SortColumn("id", int))
        return page.response(TapsOut, _row)

    @extend_schema(operation_id="taps_create", request=TapIn, responses=answers({201: TapMadeOut}, *WRITE_PROBLEMS))
    def post(self, request: Request, slug: str) -> Response:
        """Add a tap, which gets events from now on. Requires the owner role."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        tap_owner_require(viewer, organization)
        told = body_read(request, TapIn)
        choice = TapChoice(
            events=told.get("events", ()),
            serials=told.get("stations", ()),
            messages=told["messages"],
            octets=told.get("bytes"),
            hours=told["hours"],
        )
        tap, grant = tap_add(actor=viewer, organization=organization, name=told["name"], choice=choice)
        return _made(tap, grant, status.HTTP_201_CREATED)


class TapDetail(APIView):
    """One tap."""

    @extend_schema(operation_id="taps_retrieve", responses=answers({200: TapOut}, *READ_PROBLEMS))
    def get(self, request: Request, slug: str, tap_id: int) -> Response:
        """Show a tap."""
        return Response(TapOut(_row(_find(request, slug, tap_id))).data)

    @extend_schema(operation_id="taps_delete", responses=answers({204: None}, *WRITE_PROBLEMS))
    def delete(self, request: Request, slug: str, tap_id: int) -> Response:
        """Delete a tap with its login and the events in it. Requires the owner role."""
        tap_delete(actor=viewer_of(request), tap=_find(request, slug, tap_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class TapSecret(APIView):
    """The secret of a tap."""

    @extend_schema(operation_id="taps_renew", request=None, responses=answers({200: TapMadeOut}, *WRITE_PROBLEMS))
    def post(self, request: Request, slug: str, tap_id: int) -> Response:
        """Give a tap a new secret. The old one stops working at once; waiting events stay. Requires the owner role."""
        tap = _find(request, slug, tap_id)
        return _made(tap, tap_secret_renew(actor=viewer_of(request), tap=tap), status.HTTP_200_OK)


def _find(request: Request, slug: str, tap_id: int) -> Tap:
    organization = organization_find(viewer=viewer_of(request), slug=slug)
    return tap_find(organization=organization, tap_id=tap_id)


urlpatterns = [
    path("organizations/<slug:slug>/taps", Taps.as_view(), name="taps"),
    path("organizations/<slug:slug>/taps/<int:tap_id>", TapDetail.as_view(), name="tap"),
    path("organizations/<slug:slug>/taps/<int:tap_id>/secret", TapSecret.as_view(), name="tap-secret"),
]
