"""`/stations/arrivals`: the queue of devices that ask to join with an organization's code; operators decide."""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from fleet.organizations.selectors import organization_find
from fleet.stations.joining.registration_queue import (
    DECISIONS,
    arrival_get,
    arrival_list,
    arrival_take,
    arrival_unblock,
    arrivals_decide,
    registration_of,
    registration_turn_off,
    registration_turn_on,
)
from fleet.stations.models import Newcomer
from rest_api.authentication import viewer_of
from rest_api.lists import ListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import (
    DEVICE_PROBLEMS,
    READ_PROBLEMS,
    WRITE_PROBLEMS,
    StrictSerializer,
    answers,
    body_read,
    query_read,
)
from rest_api.throttles import EnrolmentSerialThrottle, EnrolmentSourceThrottle
from rest_api.v1.claims import ClaimIn, DeviceOut, WaitingOut, device_row, waiting_row

_COLUMNS = {
    "arrived_at": SortColumn("arrived_at", datetime, is_filled=True),
    "serial": SortColumn("serial", is_filled=True),
}
_MANY = 200
_STATES = (Newcomer.State.WAITING, Newcomer.State.BLOCKED)


class ArrivalsQuery(ListQuery):
    """Filters of the queue."""

    state = serializers.ChoiceField(required=False, choices=_STATES, default=Newcomer.State.WAITING)
    organization = serializers.SlugField(required=False, help_text="Only devices in this organization's queue.")


class ArrivalOut(DeviceOut):
    """A device in the queue."""

    id = serializers.IntegerField()
    organization = serializers.CharField()
    is_ours = serializers.BooleanField(
        help_text="A station in service of this organization has this serial. Accepting gives it a new login."
    )
    is_taken = serializers.BooleanField(
        help_text="The serial is already registered elsewhere. The device cannot be accepted."
    )


ArrivalsOut = page_of("ArrivalsOut", ArrivalOut, "A page of waiting devices.")


class ArrivalIn(ClaimIn):
    """A device's description of itself, and the organization's registration code."""

    code = serializers.CharField(max_length=128, help_text="The organization's registration code.")


class ArrivedOut(WaitingOut):
    """The device is in the queue."""

    secret = serializers.CharField(help_text="The device polls `/stations/waiting` with it. Shown only once.")


class DecidedIn(StrictSerializer):
    """A device, and a name for its station."""

    id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    name = serializers.CharField(required=False, allow_blank=True, default="", max_length=120)


class DecisionsIn(StrictSerializer):
    """The same decision about many devices."""

    decision = serializers.ChoiceField(
        choices=DECISIONS, help_text="`block`: refuse, and do not let the serial ask again."
    )
    arrivals = serializers.ListField(child=DecidedIn(), min_length=1, max_length=_MANY)


class LeftOut(serializers.Serializer[Any]):
    """A device for which the decision failed, and why."""

    id = serializers.IntegerField()
    detail = serializers.CharField()


class DecisionsOut(serializers.Serializer[Any]):
    """The outcomes. Each device is handled separately; a failure does not affect the others."""

    done = serializers.ListField(child=serializers.CharField(), help_text="Serials.")
    left = LeftOut(many=True)


class RegistrationOut(serializers.Serializer[Any]):
    """Whether devices may ask to join, and since when."""

    is_on = serializers.BooleanField()
    since = serializers.DateTimeField(allow_null=True)


class RegistrationCodeOut(serializers.Serializer[Any]):
    """The registration code. Shown only once."""

    code = serializers.CharField()


class Arrivals(APIView):
    """The queue. Devices join it without a login; reading it requires one."""

    def get_authenticators(self) -> list[BaseAuthentication]:
        """None for POST: a device has no login."""
        return [] if getattr(self.request, "method", "") == "POST" else super().get_authenticators()

    def get_permissions(self) -> Sequence[Any]:
        """No permission needed for POST: the domain checks the device's code."""
        return [AllowAny()] if self.request.method == "POST" else super().get_permissions()

    def get_throttles(self) -> list[BaseThrottle]:
        """Limit POSTs by network and by serial."""
        if self.request.method == "POST":
            return [EnrolmentSourceThrottle(), EnrolmentSerialThrottle()]
        return super().get_throttles()

    @extend_schema(
        operation_id="arrivals_list", parameters=[ArrivalsQuery], responses=answers({200: ArrivalsOut}, *READ_PROBLEMS)
    )
    def get(self, request: Request) -> Response:
        """List waiting or blocked devices of the organizations in which you are an operator."""
        query = query_read(request, ArrivalsQuery)
        found = arrival_list(
            viewer=viewer_of(request), state=query["state"], organization=query.get("organization", "")
        )
        page = page_read(request, query, found, columns=_COLUMNS, usual="-arrived_at", last=SortColumn("id", int))
        return page.response(ArrivalsOut, _row)

    @extend_schema(
        operation_id="arrivals_create",
        auth=[],
        request=ArrivalIn,
        responses=answers({202: ArrivedOut}, *DEVICE_PROBLEMS),
    )
    def post(self, request: Request) -> Response:
        """Ask to join, as a device. 403 does not say whether the code is wrong or the serial is blocked."""
        asked = body_read(request, ArrivalIn)
        newcomer, secret = arrival_take(**asked)
        told = ArrivedOut({**waiting_row(newcomer), "secret": secret})
        return Response(told.data, status=status.HTTP_202_ACCEPTED, headers={"Cache-Control": "no-store"})


class ArrivalDecisions(APIView):
    """Deciding about devices in the queue."""

    @extend_schema(
        operation_id="arrivals_decide", request=DecisionsIn, responses=answers({200: DecisionsOut}, *WRITE_PROBLEMS)
    )
    def post(self, request: Request) -> Response:
        """Accept, refuse or block up to 200 devices. `left` lists those that failed, with the reason."""
        asked = body_read(request, DecisionsIn)
        names = {one["id"]: one["name"] for one in asked["arrivals"]}
        done, left = arrivals_decide(viewer=viewer_of(request), decision=asked["decision"], names=names)
        rows = [{"id": number, "detail": sentence} for number, sentence in left]
        return Response(DecisionsOut({"done": [one.serial for one in done], "left": rows}).data)


class ArrivalUnblock(APIView):
    """A blocked device."""

    @extend_schema(operation_id="arrivals_unblock", request=None, responses=answers({204: None}, *WRITE_PROBLEMS))
    def post(self, request: Request, arrival_id: int) -> Response:
        """Unblock a serial, so that its device may ask again."""
        viewer = viewer_of(request)
        arrival_unblock(arrival=arrival_get(viewer=viewer, arrival_id=arrival_id), actor=viewer)
        return Response(status=HTTPStatus.NO_CONTENT)


class Registration(APIView):
    """Whether devices may ask to join an organization."""

    @extend_schema(operation_id="registration_retrieve", responses=answers({200: RegistrationOut}, *READ_PROBLEMS))
    def get(self, request: Request, slug: str) -> Response:
        """Whether registration is on, and since when. The code itself is not stored."""
        organization = organization_find(viewer=viewer_of(request), slug=slug)
        known = registration_of(organization=organization)
        return Response(RegistrationOut({"is_on": known is not None, "since": known and known.created_at}).data)

    @extend_schema(
        operation_id="registration_turn_on",
        request=None,
        responses=answers({201: RegistrationCodeOut}, *WRITE_PROBLEMS),
    )
    def post(self, request: Request, slug: str) -> Response:
        """Turn registration on with a new code; an earlier code stops working. Requires the owner role."""
        viewer = viewer_of(request)
        code = registration_turn_on(organization=organization_find(viewer=viewer, slug=slug), actor=viewer)
        told = RegistrationCodeOut({"code": code}).data
        return Response(told, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})

    @extend_schema(operation_id="registration_turn_off", responses=answers({204: None}, *WRITE_PROBLEMS))
    def delete(self, request: Request, slug: str) -> Response:
        """Turn registration off. Devices already in the queue stay there. Requires the owner role."""
        viewer = viewer_of(request)
        registration_turn_off(organization=organization_find(viewer=viewer, slug=slug), actor=viewer)
        return Response(status=HTTPStatus.NO_CONTENT)


def _row(arrival: Newcomer) -> dict[str, Any]:
    return {
        **device_row(arrival),
        "id": arrival.pk,
        "organization": arrival.organization.slug if arrival.organization else "",
        "is_ours": getattr(arrival, "is_ours", False),
        "is_taken": getattr(arrival, "is_taken", False),
    }


urlpatterns = [
    path("stations/arrivals", Arrivals.as_view(), name="arrivals"),
    path("stations/arrivals/decisions", ArrivalDecisions.as_view(), name="arrival-decisions"),
    path("stations/arrivals/<int:arrival_id>/unblock", ArrivalUnblock.as_view(), name="arrival-unblock"),
    path("organizations/<slug:slug>/registration", Registration.as_view(), name="registration"),
]
