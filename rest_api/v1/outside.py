"""`/outside`: outside systems and their checks; `/stations/<serial>/outside`: what they say about a station."""

from http import HTTPStatus
from typing import Any

from django.urls import path
from django.utils import translation
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.organizations.access import Viewer
from fleet.stations.selectors import station_get
from fleet.sync.models import SyncRun
from fleet.sync.selectors import LinkView, SystemView, links_of, systems
from fleet.sync.services import sync_ask
from rest_api.authentication import viewer_of
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, body_read


class CheckOut(serializers.Serializer[Any]):
    """One check of an outside system."""

    state = serializers.ChoiceField(choices=SyncRun.State.choices)
    started_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    records = serializers.IntegerField(help_text="Number of rows in the outside system.")
    changes = serializers.IntegerField()
    sentence = serializers.CharField(allow_blank=True)
    doubted_rows = serializers.IntegerField(
        allow_null=True,
        help_text="Rows of a list that was too short to be trusted and not used; somebody has to confirm it.",
    )
    is_yours = serializers.BooleanField(help_text="Whether you asked for it.")


class SystemOut(serializers.Serializer[Any]):
    """One outside system."""

    system = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    last = CheckOut(allow_null=True)
    last_good_at = serializers.DateTimeField(allow_null=True, help_text="When the last successful check ended.")


class SystemsOut(serializers.Serializer[Any]):
    """All outside systems. There are few, so they are not paged."""

    results = SystemOut(many=True)


class OutsideCheckIn(StrictSerializer):
    """Options of a check."""

    take_short_list = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Confirm that a list as short as the last check's `doubted_rows` is right. 409 if it has none.",
    )


class OutsideOut(serializers.Serializer[Any]):
    """One outside system's entry about a station."""

    system = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    is_listed = serializers.BooleanField()
    sentence = serializers.CharField(help_text="In English.")
    checked_at = serializers.DateTimeField(allow_null=True)
    address = serializers.SerializerMethodField(help_text="URL of the station's page there; empty without one.")

    def get_address(self, view: LinkView) -> str:
        """URL from the current row, or empty."""
        return view.listing.address if view.listing else ""


class OutsidesOut(serializers.Serializer[Any]):
    """One row per system, even for systems that do not know the station."""

    results = OutsideOut(many=True)


def _row(view: SystemView, viewer: Viewer) -> dict[str, Any]:
    fields = ("state", "started_at", "finished_at", "records", "changes", "sentence", "doubted_rows")
    last = view.last and {
        **{name: getattr(view.last, name) for name in fields},
        # Say only whether the caller started it, not who did: all organizations share these systems.
        "is_yours": bool(viewer.name) and view.last.started_by_name == viewer.name,
    }
    good = view.succeeded and view.succeeded.finished_at
    return {"system": view.system, "label": view.label, "last": last, "last_good_at": good}


class Outside(APIView):
    """The outside systems."""

    @extend_schema(operation_id="outside_list", responses=answers({200: SystemsOut}, *READ_PROBLEMS))
    def get(self, request: Request) -> Response:
        """List outside systems, each with its last check."""
        viewer = viewer_of(request)
        return Response(SystemsOut({"results": [_row(view, viewer) for view in systems()]}).data)


class OutsideCheck(APIView):
    """Starting a check."""

    @extend_schema(
        operation_id="outside_check",
        request=OutsideCheckIn,
        responses=answers({202: None}, *WRITE_PROBLEMS, HTTPStatus.TOO_MANY_REQUESTS),
    )
    def post(self, request: Request, system: str) -> Response:
        """Start a check in the background. Requires the owner role in any organization; 429 right after another."""
        asked = body_read(request, OutsideCheckIn)
        is_taken = asked["take_short_list"]
        sync_ask(viewer=viewer_of(request), system=system, is_short_list_taken=is_taken)
        return Response(status=HTTPStatus.ACCEPTED)


class StationOutside(APIView):
    """A station in outside systems."""

    @extend_schema(operation_id="stations_outside", responses=answers({200: OutsidesOut}, *READ_PROBLEMS))
    def get(self, request: Request, serial: str) -> Response:
        """Show what each outside system says about a station."""
        station = station_get(viewer=viewer_of(request), serial=serial)
        with translation.override("en"):
            return Response(OutsidesOut({"results": links_of(station=station)}).data)


urlpatterns = [
    path("stations/<str:serial>/outside", StationOutside.as_view(), name="station-outside"),
    path("outside", Outside.as_view(), name="outside"),
    path("outside/<slug:system>/check", OutsideCheck.as_view(), name="outside-check"),
]
