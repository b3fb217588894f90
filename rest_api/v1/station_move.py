"""Move a station between your organizations, offer one to others with a code, or take one over."""

from http import HTTPStatus
from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.lifecycle.move_station import move_away_check, station_move, station_take
from fleet.organizations.selectors import organization_find
from fleet.stations.life.transfers import transfer_offer, transfer_open, transfer_withdraw
from fleet.stations.models import History
from fleet.stations.selectors import station_get, station_get_as_listed
from rest_api.authentication import viewer_of
from rest_api.questions import WRITE_PROBLEMS, StrictSerializer, answers, body_read
from rest_api.v1.stations import StationDetailOut, station_detail

_PROBLEMS = (*WRITE_PROBLEMS, HTTPStatus.SERVICE_UNAVAILABLE)


class HistoryIn(StrictSerializer):
    """The fate of the data that the station has sent so far."""

    history = serializers.ChoiceField(choices=History.choices, default=History.STAYS)


class MoveIn(HistoryIn):
    """The new organization."""

    organization = serializers.SlugField(help_text="One in which you are an operator, too.")


class OfferOut(serializers.Serializer[Any]):
    """An offer. The code is shown only once."""

    code = serializers.CharField()
    expires_at = serializers.DateTimeField()


class TakeIn(StrictSerializer):
    """The code of an offer, and the new organization."""

    code = serializers.CharField(max_length=64)
    organization = serializers.SlugField()


class StationMove(APIView):
    """Moving a station between two of your organizations."""

    @extend_schema(operation_id="stations_move", request=MoveIn, responses=answers({200: StationDetailOut}, *_PROBLEMS))
    def post(self, request: Request, serial: str) -> Response:
        """Move a station; the device does not notice. Returns the station in its new organization."""
        viewer = viewer_of(request)
        station = station_get(viewer=viewer, serial=serial)
        told = body_read(request, MoveIn)
        move_away_check(actor=viewer, station=station)
        organization = organization_find(viewer=viewer, slug=told["organization"])
        moved = station_move(actor=viewer, station=station, organization=organization, history=History(told["history"]))
        return Response(station_detail(station_get_as_listed(viewer=viewer, serial=moved.serial)))


class StationOffer(APIView):
    """Offering a station to the holder of a code."""

    @extend_schema(operation_id="stations_offer", request=HistoryIn, responses=answers({201: OfferOut}, *_PROBLEMS))
    def post(self, request: Request, serial: str) -> Response:
        """Offer a station with a new code. An earlier code stops working."""
        viewer = viewer_of(request)
        station = station_get(viewer=viewer, serial=serial)
        asked = body_read(request, HistoryIn)
        code = transfer_offer(actor=viewer, station=station, history=History(asked["history"]))
        offer = transfer_open(station=station)
        told = {"code": code, "expires_at": offer.expires_at if offer else None}
        return Response(OfferOut(told).data, status=HTTPStatus.CREATED, headers={"Cache-Control": "no-store"})

    @extend_schema(operation_id="stations_offer_withdraw", responses=answers({204: None}, *_PROBLEMS))
    def delete(self, request: Request, serial: str) -> Response:
        """Withdraw the offer."""
        viewer = viewer_of(request)
        transfer_withdraw(actor=viewer, station=station_get(viewer=viewer, serial=serial))
        return Response(status=HTTPStatus.NO_CONTENT)


class Transfers(APIView):
    """Taking over an offered station."""

    @extend_schema(
        operation_id="transfers_create", request=TakeIn, responses=answers({200: StationDetailOut}, *_PROBLEMS)
    )
    def post(self, request: Request) -> Response:
        """Take over a station with the code of its offer. 404 if the code is wrong, used or expired."""
        viewer = viewer_of(request)
        told = body_read(request, TakeIn)
        organization = organization_find(viewer=viewer, slug=told["organization"])
        taken = station_take(actor=viewer, code=told["code"], organization=organization)
        return Response(station_detail(station_get_as_listed(viewer=viewer, serial=taken.serial)))


urlpatterns = [
    path("stations/<str:serial>/move", StationMove.as_view(), name="station-move"),
    path("stations/<str:serial>/offer", StationOffer.as_view(), name="station-offer"),
    path("transfers", Transfers.as_view(), name="transfers"),
]
