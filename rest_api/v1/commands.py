"""`/stations/<serial>/commands`: send commands, follow their progress, cancel them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.urls import path, reverse
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.commands.models import Command
from fleet.commands.selectors import command_get, command_list
from fleet.commands.services import command_cancel, command_issue
from fleet.organizations.access import Role
from fleet.stations.selectors import station_get
from rest_api.authentication import viewer_of
from rest_api.lists import LIMIT_MOST, PeriodListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import (
    READ_PROBLEMS,
    WRITE_PROBLEMS,
    StrictSerializer,
    answers,
    body_read,
    json_check,
    query_read,
)

_PARAMETERS_MOST = 16_384
_COLUMNS = {
    "issued_at": SortColumn("issued_at", datetime, is_filled=True),
    "expires_at": SortColumn("expires_at", datetime, is_filled=True),
    "closed_at": SortColumn("closed_at", datetime),
    "name": SortColumn("name", is_filled=True),
    "state": SortColumn("state", is_filled=True),
}


class CommandsQuery(PeriodListQuery):
    """Filters of the command list."""

    period_of = "Issued"
    limit = serializers.IntegerField(
        required=False, min_value=1, default=50, help_text=f"Rows per page, at most {LIMIT_MOST}."
    )
    state = serializers.ChoiceField(required=False, choices=Command.State.choices)
    is_open = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="true: only open commands; false: only closed ones."
    )
    name = serializers.CharField(required=False, max_length=64)


class CommandIn(StrictSerializer):
    """A command to send."""

    name = serializers.CharField(max_length=64)
    parameters = serializers.DictField(required=False, default=dict)
    expires_in = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, help_text="Seconds. Default: depends on the command."
    )

    def validate_parameters(self, value: dict[str, Any]) -> dict[str, Any]:
        """Refuse values that cannot be stored. The command's own contract validates the rest."""
        json_check(value, most=_PARAMETERS_MOST)
        return value


class StepOut(serializers.Serializer[Any]):
    """One step in the life of a command."""

    state = serializers.ChoiceField(choices=Command.State.choices)
    occurred_at = serializers.DateTimeField()
    received_at = serializers.DateTimeField()
    is_applied = serializers.BooleanField(help_text="false: the report was late or out of order and changed nothing.")
    note = serializers.CharField(allow_blank=True)
    result = serializers.DictField(
        help_text="The result of a report that changed nothing, if it differs from that of the command."
    )
    output = serializers.CharField(allow_blank=True, help_text="As `result`.")


class CommandOut(serializers.Serializer[Any]):
    """A command, its state and its steps."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    parameters = serializers.DictField()
    state = serializers.ChoiceField(choices=Command.State.choices)
    issued_by = serializers.CharField(source="issued_by_name", allow_blank=True)
    issued_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)
    note = serializers.CharField(allow_blank=True)
    withdrawal = serializers.ChoiceField(
        choices=Command.Withdrawal.choices,
        allow_blank=True,
        help_text=(
            "What became of a cancelled command outside Roost; empty if not cancelled. `unsent`: it never left Roost. "
            "`sought`: it is being withdrawn and may still run. `taken_back`: withdrawn before the station got it. "
            "`stopped`: the station says that it will not run it. `lapsed`: it expired. `ran`: it ran, at `ran_at`."
        ),
    )
    ran_at = serializers.DateTimeField(
        allow_null=True, help_text="When a cancelled command started running anyway, by the station's clock."
    )
    result = serializers.DictField()
    output = serializers.CharField(allow_blank=True)
    steps = StepOut(many=True)
    reports_left_out = serializers.IntegerField(
        help_text="Reports not kept as steps because they changed nothing: repeats, or more than Roost keeps."
    )


CommandsOut = page_of("CommandsOut", CommandOut, "A page of commands.")


class Commands(APIView):
    """The commands of a station."""

    @extend_schema(
        operation_id="commands_list", parameters=[CommandsQuery], responses=answers({200: CommandsOut}, *READ_PROBLEMS)
    )
    def get(self, request: Request, serial: str) -> Response:
        """List the commands of a station, newest first."""
        station = station_get(viewer=viewer_of(request), serial=serial)
        query = query_read(request, CommandsQuery)
        found = command_list(
            station=station,
            state=query.get("state", ""),
            name=query.get("name", ""),
            is_open=query["is_open"],
            start=query.get("from"),
            end=query.get("to"),
        )
        last = SortColumn("id", UUID, is_filled=True)
        page = page_read(request, query, found, columns=_COLUMNS, usual="-issued_at", last=last)
        return page.response(CommandsOut)

    @extend_schema(
        operation_id="commands_create", request=CommandIn, responses=answers({201: CommandOut}, *WRITE_PROBLEMS)
    )
    def post(self, request: Request, serial: str) -> Response:
        """Send a command. It waits until the station takes it, and runs once or expires. Requires the operator role."""
        viewer = viewer_of(request)
        station = station_get(viewer=viewer, serial=serial)
        # Check the role first: a caller without permission gets 403, not validation errors.
        viewer.require(Role.OPERATOR, station=station, to=_("send commands to %(serial)s"))
        told = body_read(request, CommandIn)
        command = command_issue(
            viewer=viewer,
            station=station,
            name=told["name"],
            parameters=told["parameters"],
            expires_in=told.get("expires_in"),
        )
        address = reverse("api:command", kwargs={"serial": station.serial, "command_id": command.id})
        return Response(CommandOut(command).data, status=status.HTTP_201_CREATED, headers={"Location": address})


class CommandDetail(APIView):
    """One command."""

    @extend_schema(operation_id="commands_retrieve", responses=answers({200: CommandOut}, *READ_PROBLEMS))
    def get(self, request: Request, serial: str, command_id: UUID) -> Response:
        """Show a command with its steps."""
        station = station_get(viewer=viewer_of(request), serial=serial)
        return Response(CommandOut(command_get(station=station, command_id=command_id)).data)


class CommandCancel(APIView):
    """Cancelling a command."""

    @extend_schema(operation_id="commands_cancel", request=None, responses=answers({200: CommandOut}, *WRITE_PROBLEMS))
    def post(self, request: Request, serial: str, command_id: UUID) -> Response:
        """Close a command and withdraw it from the station's queue. `withdrawal` tells if the station was faster."""
        viewer = viewer_of(request)
        station = station_get(viewer=viewer, serial=serial)
        command = command_cancel(viewer=viewer, command=command_get(station=station, command_id=command_id))
        return Response(CommandOut(command).data)


urlpatterns = [
    path("stations/<str:serial>/commands", Commands.as_view(), name="commands"),
    path("stations/<str:serial>/commands/<uuid:command_id>", CommandDetail.as_view(), name="command"),
    path("stations/<str:serial>/commands/<uuid:command_id>/cancel", CommandCancel.as_view(), name="command-cancel"),
]
