"""What becomes of a station later: rotating its login, retiring, moving and offering it, taking one over."""

from http import HTTPStatus
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.commands.services import command_issue
from fleet.core import clock
from fleet.ingest.moving import move_away_check, station_move, station_take
from fleet.organizations.selectors import organization_find
from fleet.stations.deletion import station_delete
from fleet.stations.live_login import login_at_stake
from fleet.stations.models import History, LoginPurpose
from fleet.stations.rotation import COMMAND
from fleet.stations.selectors import station_get
from fleet.stations.services import enrolment_token_create, station_retire, station_revoke
from fleet.stations.transfers import transfer_offer, transfer_open, transfer_withdraw
from rest_api.authentication import viewer_of
from rest_api.v1.questions import WRITE_PROBLEMS, StrictSerializer, answers
from rest_api.v1.stations import StationDetailOut, station_detail

_PROBLEMS = (*WRITE_PROBLEMS, HTTPStatus.SERVICE_UNAVAILABLE)


class HistoryIn(StrictSerializer):
    """What becomes of what the station sent so far."""

    history = serializers.ChoiceField(choices=History.choices, default=History.STAYS)


class MoveIn(HistoryIn):
    """Where it goes."""

    organization = serializers.SlugField(help_text="In which you may act as well.")


class OfferOut(serializers.Serializer[Any]):
    """An offer. The code is told this once."""

    code = serializers.CharField()
    expires_at = serializers.DateTimeField()


class TakeIn(StrictSerializer):
    """The code of an offer, and whose the station shall be."""

    code = serializers.CharField(max_length=64)
    organization = serializers.SlugField()


class RotationOut(serializers.Serializer[Any]):
    """The command that asks the station to fetch a new login."""

    command = serializers.UUIDField()


class PurposeIn(StrictSerializer):
    """What a token is for."""

    purpose = serializers.ChoiceField(
        choices=LoginPurpose.choices,
        default=LoginPurpose.STATION,
        help_text="`station`: the device in the field. `upload`: a desk that reads its cards, beside the station's login.",
    )


class TokenOut(serializers.Serializer[Any]):
    """A token, told this once."""

    token = serializers.CharField()
    purpose = serializers.ChoiceField(choices=LoginPurpose.choices)
    warning = serializers.CharField(
        allow_blank=True, help_text="Which login ends when the token is used; empty where none does."
    )


class DeleteIn(StrictSerializer):
    """The serial once more, to be sure."""

    serial = serializers.CharField(max_length=80)


class StationRetire(APIView):
    """Taking a station out of service."""

    @extend_schema(operation_id="stations_retire", request=None, responses=answers({200: StationDetailOut}, *_PROBLEMS))
    def post(self, request: Request, serial: str) -> Response:
        """Its logins end, its data stay, its serial is free again."""
        viewer = viewer_of(request)
        station = station_retire(station=station_get(viewer=viewer, serial=serial), actor=viewer)
        return Response(station_detail(station_get(viewer=viewer, serial=station.serial)))


class StationRotate(APIView):
    """A new login for a station that runs."""

    @extend_schema(operation_id="stations_rotate", request=None, responses=answers({202: RotationOut}, *_PROBLEMS))
    def post(self, request: Request, serial: str) -> Response:
        """Send the command that makes the station fetch one; the old one works until the new one is in use."""
        viewer = viewer_of(request)
        station = station_get(viewer=viewer, serial=serial)
        command = command_issue(viewer=viewer, station=station, name=COMMAND, parameters={})
        return Response(RotationOut({"command": command.id}).data, status=HTTPStatus.ACCEPTED)


class StationRevoke(APIView):
    """The login of a station."""

    @extend_schema(operation_id="stations_revoke", request=None, responses=answers({204: None}, *_PROBLEMS))
    def post(self, request: Request, serial: str) -> Response:
        """End it, with every token that was not used, and close its connection. May be asked again."""
        viewer = viewer_of(request)
        station_revoke(station=station_get(viewer=viewer, serial=serial), actor=viewer)
        return Response(status=HTTPStatus.NO_CONTENT)


class StationToken(APIView):
    """A token with which a device fetches the login of a station."""

    @extend_schema(operation_id="stations_token", request=PurposeIn, responses=answers({201: TokenOut}, *_PROBLEMS))
    def post(self, request: Request, serial: str) -> Response:
        """Make one; an earlier one of its purpose ends. The login in use goes on until the token is used."""
        viewer = viewer_of(request)
        station = station_get(viewer=viewer, serial=serial)
        asked = PurposeIn(data=request.data)
        asked.is_valid(raise_exception=True)
        purpose = LoginPurpose(asked.validated_data["purpose"])
        token = enrolment_token_create(station=station, actor=viewer, purpose=purpose)
        is_own = purpose == LoginPurpose.STATION
        warning = login_at_stake(station=station, moment=clock.now()) if is_own else ""
        told = TokenOut({"token": token, "purpose": purpose, "warning": warning}).data
        return Response(told, status=HTTPStatus.CREATED, headers={"Cache-Control": "no-store"})


class StationMove(APIView):
    """Moving a station between two organizations of one's own."""

    @extend_schema(operation_id="stations_move", request=MoveIn, responses=answers({200: StationDetailOut}, *_PROBLEMS))
    def post(self, request: Request, serial: str) -> Response:
        """The device notices nothing. Answers with the station as it is in the new organization."""
        viewer = viewer_of(request)
        station = station_get(viewer=viewer, serial=serial)
        asked = MoveIn(data=request.data)
        asked.is_valid(raise_exception=True)
        told = asked.validated_data
        move_away_check(actor=viewer, station=station)
        organization = organization_find(viewer=viewer, slug=told["organization"])
        moved = station_move(actor=viewer, station=station, organization=organization, history=History(told["history"]))
        return Response(station_detail(station_get(viewer=viewer, serial=moved.serial)))


class StationOffer(APIView):
    """Offering a station to whoever gets the code."""

    @extend_schema(operation_id="stations_offer", request=HistoryIn, responses=answers({201: OfferOut}, *_PROBLEMS))
    def post(self, request: Request, serial: str) -> Response:
        """Make a code; an earlier one ends."""
        viewer = viewer_of(request)
        station = station_get(viewer=viewer, serial=serial)
        asked = HistoryIn(data=request.data)
        asked.is_valid(raise_exception=True)
        code = transfer_offer(actor=viewer, station=station, history=History(asked.validated_data["history"]))
        offer = transfer_open(station=station)
        told = {"code": code, "expires_at": offer.expires_at if offer else None}
        return Response(OfferOut(told).data, status=HTTPStatus.CREATED, headers={"Cache-Control": "no-store"})

    @extend_schema(operation_id="stations_offer_withdraw", responses=answers({204: None}, *_PROBLEMS))
    def delete(self, request: Request, serial: str) -> Response:
        """Withdraw it."""
        viewer = viewer_of(request)
        transfer_withdraw(actor=viewer, station=station_get(viewer=viewer, serial=serial))
        return Response(status=HTTPStatus.NO_CONTENT)


class Transfers(APIView):
    """Taking an offered station over."""

    @extend_schema(
        operation_id="transfers_create", request=TakeIn, responses=answers({200: StationDetailOut}, *_PROBLEMS)
    )
    def post(self, request: Request) -> Response:
        """With the code of the offer. A wrong, used or old code is 404."""
        viewer = viewer_of(request)
        asked = TakeIn(data=request.data)
        asked.is_valid(raise_exception=True)
        told = asked.validated_data
        organization = organization_find(viewer=viewer, slug=told["organization"])
        taken = station_take(actor=viewer, code=told["code"], organization=organization)
        return Response(station_detail(station_get(viewer=viewer, serial=taken.serial)))


class StationDelete(APIView):
    """Deleting a station with all that it sent."""

    @extend_schema(operation_id="stations_delete", request=DeleteIn, responses=answers({202: None}, *_PROBLEMS))
    def post(self, request: Request, serial: str) -> Response:
        """For good: it is gone at once, and its data in the next minutes. Takes an owner and the serial."""
        viewer = viewer_of(request)
        station = station_get(viewer=viewer, serial=serial)
        asked = DeleteIn(data=request.data)
        asked.is_valid(raise_exception=True)
        station_delete(actor=viewer, station=station, typed=asked.validated_data["serial"])
        return Response(status=HTTPStatus.ACCEPTED)
