"""`/stations/<serial>/held-files`: the files on a station's own disk, and how far each is on its way to the server."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.core.errors import NotFound
from fleet.holdings.fetching import CHOSEN_MOST, choose_require, files_choose
from fleet.holdings.policy import rule_of_station
from fleet.holdings.selectors import REASONS, STATES, held_list, holding_of
from fleet.holdings.summing import sums_shown
from fleet.holdings.words import left_sentences
from fleet.stations.selectors import station_get
from rest_api.authentication import viewer_of
from rest_api.lists import ID_MOST, ListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, body_read, query_read

_COLUMNS = {
    "path": SortColumn("path", is_filled=True),
    "size": SortColumn("octets", int, is_filled=True),
}
_LAST = SortColumn("id", int, is_filled=True)


class HeldFilesQuery(ListQuery):
    """Filters of the list."""

    state = serializers.ChoiceField(required=False, choices=list(STATES), help_text="Only files in this state.")
    search = serializers.CharField(required=False, max_length=100, default="", help_text="Part of the path.")


class HeldFileOut(serializers.Serializer[Any]):
    """A file on a station's own disk, as last reported by the station."""

    id = serializers.IntegerField()
    path = serializers.CharField(
        help_text="Below the data folder. A byte that is not UTF-8 is `\\xNN`, a backslash is doubled."
    )
    state = serializers.ChoiceField(
        choices=list(STATES),
        help_text=(
            "`stored`: this content is here. `asked`: the station was asked for it. `wanted`: it will be. `refused`: the "
            "last attempt failed; tried again after a day. `kept`: it stays on the station. `gone`: nobody has it."
        ),
    )
    kept_for = serializers.CharField(
        allow_blank=True, help_text=f"Why it stays on the station: {', '.join(REASONS)}, or empty."
    )
    end = serializers.CharField(
        allow_blank=True,
        help_text="What the station said of the last upload: stored, known, changed, gone, refused or expired.",
    )
    end_reason = serializers.CharField(allow_blank=True)
    wanted_at = serializers.DateTimeField(allow_null=True, help_text="When a person chose it.")
    wanted_by = serializers.CharField(source="wanted_by_name", allow_blank=True)
    asked_at = serializers.DateTimeField(allow_null=True)
    asked_until = serializers.DateTimeField(allow_null=True)
    size_sent = serializers.IntegerField(source="octets_sent", help_text="Bytes sent for it, those of all attempts.")
    size = serializers.IntegerField(source="octets", help_text="Bytes on the station's disk.")
    sha256 = serializers.CharField()
    modified_at = serializers.DateTimeField(allow_null=True, help_text="By the station's clock.")
    first_at = serializers.DateTimeField(allow_null=True, help_text="Time of its first line, if known.")
    last_at = serializers.DateTimeField(allow_null=True, help_text="Time of its last line, if known.")
    lines = serializers.DictField(child=serializers.IntegerField(), help_text="Lines by kind; empty if not known.")
    is_gone = serializers.BooleanField(help_text="The station no longer has it.")
    said_at = serializers.DateTimeField(help_text="When the station reported this, by its clock.")


HeldFilesOut = page_of("HeldFilesOut", HeldFileOut, "A page of held files.")


class HeldSumOut(serializers.Serializer[Any]):
    """Files in one state, or kept on the station for one reason."""

    state = serializers.ChoiceField(choices=list(STATES))
    kept_for = serializers.CharField(allow_blank=True)
    files = serializers.IntegerField()
    size = serializers.IntegerField()


class HoldingOut(serializers.Serializer[Any]):
    """Totals of a station's manifest."""

    held = serializers.IntegerField(help_text="Files at rest, by the station's own count.")
    held_size = serializers.IntegerField(source="held_octets")
    waiting = serializers.IntegerField(help_text="Files that are still growing or not hashed yet.")
    waiting_size = serializers.IntegerField(source="waiting_octets")
    left = serializers.DictField(child=serializers.IntegerField(), help_text="Files that are not listed, by reason.")
    refused = serializers.IntegerField(help_text="Files that do not fit in the list.")
    sentences = serializers.ListField(child=serializers.CharField(), help_text="The same in words.")
    network = serializers.CharField(allow_blank=True, help_text="`ethernet`, `wifi`, `mobile`, or empty if not known.")
    said_at = serializers.DateTimeField()
    received_at = serializers.DateTimeField()
    listed_at = serializers.DateTimeField(
        allow_null=True, help_text="When the station last finished reporting all its files."
    )
    states_at = serializers.DateTimeField(
        help_text="When `states` were counted: for a large card up to some minutes ago."
    )
    states = HeldSumOut(many=True, help_text="Listed files by state; together they are all that are listed.")


class FetchIn(StrictSerializer):
    """The files to fetch."""

    files = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=ID_MOST), min_length=1, max_length=CHOSEN_MOST
    )


class FetchOut(serializers.Serializer[Any]):
    """The outcome for the chosen files."""

    wanted = serializers.IntegerField(help_text="The station will be asked for them.")
    asked = serializers.IntegerField(help_text="It was asked already.")
    stored = serializers.IntegerField()
    gone = serializers.IntegerField(help_text="The station no longer has them.")


class HeldFiles(APIView):
    """The files that a station holds."""

    @extend_schema(
        operation_id="held_files_list",
        parameters=[HeldFilesQuery],
        responses=answers({200: HeldFilesOut}, *READ_PROBLEMS),
    )
    def get(self, request: Request, serial: str) -> Response:
        """List the files on a station's own disk, in descending order of path."""
        station = station_get(viewer=viewer_of(request), serial=serial)
        query = query_read(request, HeldFilesQuery)
        rule = rule_of_station(station)
        rows = held_list(station=station, rule=rule, state=query.get("state", ""), search=query["search"]).order_by()
        page = page_read(request, query, rows, columns=_COLUMNS, usual="-path", last=_LAST)
        return page.response(HeldFilesOut)


class Holding(APIView):
    """Totals of a station's manifest."""

    @extend_schema(operation_id="holding_retrieve", responses=answers({200: HoldingOut}, *READ_PROBLEMS))
    def get(self, request: Request, serial: str) -> Response:
        """Show how many files a station holds, how many are not listed, and how many are stored."""
        station = station_get(viewer=viewer_of(request), serial=serial)
        holding = holding_of(station=station)
        if holding is None:
            raise NotFound(f"{station.serial} has not reported its files yet.")
        holding.sentences = left_sentences(holding)  # type: ignore[attr-defined]
        shown = sums_shown(station=station, rule=rule_of_station(station), holding=holding)
        holding.states_at = shown.at  # type: ignore[attr-defined]
        holding.states = [  # type: ignore[attr-defined]
            {"state": state, "kept_for": why, "files": each.files, "size": each.octets}
            for (state, why), each in sorted(shown.sums.items())
        ]
        return Response(HoldingOut(holding).data)


class HeldFilesFetch(APIView):
    """Fetching files on demand."""

    @extend_schema(
        operation_id="held_files_fetch", request=FetchIn, responses=answers({200: FetchOut}, *WRITE_PROBLEMS)
    )
    def post(self, request: Request, serial: str) -> Response:
        """Fetch these files, whatever the policy says about kind, age and size. 409 if the policy's mode is `none`."""
        viewer = viewer_of(request)
        station = station_get(viewer=viewer, serial=serial)
        choose_require(actor=viewer, station=station)
        told = body_read(request, FetchIn)
        return Response(FetchOut(files_choose(actor=viewer, station=station, file_ids=told["files"])).data)


urlpatterns = [
    path("stations/<str:serial>/held-files", HeldFiles.as_view(), name="held-files"),
    path("stations/<str:serial>/held-files/fetch", HeldFilesFetch.as_view(), name="held-files-fetch"),
    path("stations/<str:serial>/holding", Holding.as_view(), name="holding"),
]
