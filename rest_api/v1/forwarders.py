"""`/organizations/<slug>/forwarders`: receivers to which an organization's rows are sent, and the progress of each."""

from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.core.errors import InvalidInput
from fleet.forward.models import Forwarder
from fleet.forward.selectors import (
    STATES,
    ForwarderState,
    forwarder_find,
    forwarder_query,
    forwarder_state,
    forwarder_states,
    serials_of,
)
from fleet.forward.services import (
    NAMES_MOST,
    SERIES_MOST,
    STATIONS_MOST,
    RowChoice,
    forwarder_add,
    forwarder_backfill,
    forwarder_change,
    forwarder_owner_require,
    forwarder_pause,
    forwarder_remove,
    forwarder_resume,
    forwarder_steer_require,
    forwarder_test,
)
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.organizations.selectors import organization_find
from rest_api.authentication import viewer_of
from rest_api.lists import ListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, body_read, query_read

_COLUMNS = {"name": SortColumn("name", is_filled=True), "added_at": SortColumn("added_at", datetime, is_filled=True)}
_LAST = SortColumn("id", int, is_filled=True)


class ForwarderNameIn(StrictSerializer):
    """Another name or unit for a series at the receiver."""

    series = serializers.CharField(
        max_length=128, help_text="A name, or with an empty `name` a pattern such as `volt*`."
    )
    name = serializers.CharField(max_length=128, allow_blank=True, default="")
    unit = serializers.CharField(max_length=128, allow_blank=True, default="", help_text="Values are converted to it.")


class ForwarderChange(StrictSerializer):
    """The fields of a forwarder that can change."""

    name = serializers.CharField(max_length=80)
    settings = serializers.DictField(
        child=serializers.CharField(max_length=1_000, allow_blank=True),
        help_text="The settings of the kind by name. Secrets that are left out stay, unless the address changes.",
    )
    readings = serializers.BooleanField(default=True)
    detections = serializers.ChoiceField(
        choices=Forwarder.Detections.choices,
        default=Forwarder.Detections.NONE.value,
        help_text="Webhooks, InfluxDB and MQTT can take them.",
    )
    reach = serializers.ChoiceField(choices=Forwarder.Reach.choices, default=Forwarder.Reach.ALL.value)
    stations = serializers.ListField(
        child=serializers.CharField(max_length=80),
        default=list,
        max_length=STATIONS_MOST,
        help_text="Serials, with the reach `stations`.",
    )
    series = serializers.ListField(
        child=serializers.CharField(max_length=128),
        default=list,
        max_length=SERIES_MOST,
        help_text="Names of series of readings, or patterns such as `health/*`. Default: all.",
    )
    names = serializers.ListField(child=ForwarderNameIn(), default=list, max_length=NAMES_MOST)
    is_clean = serializers.BooleanField(default=True, help_text="Keeps back rows that have a mark of doubt.")


class ForwarderIn(ForwarderChange):
    """A forwarder to add."""

    kind = serializers.CharField(max_length=32, help_text="Such as `webhook`, `influxdb` or `mqtt`.")


class ForwarderBackfillIn(StrictSerializer):
    """The moment at which a back-fill begins."""

    def get_fields(self) -> dict[str, Any]:
        """Declare `from` here, because it is a Python keyword and cannot be a class attribute."""
        return {"from": serializers.DateTimeField(help_text="By the stations' clocks."), **super().get_fields()}


class ForwarderOut(serializers.Serializer[Any]):
    """A forwarder and its progress. `read` is the sum of the four counts after it."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    kind = serializers.CharField()
    address = serializers.CharField(help_text="Without secrets, and without the path of a URL.")
    settings = serializers.DictField(
        child=serializers.CharField(),
        allow_null=True,
        help_text="For owners, without the secret ones; others get null.",
    )
    readings = serializers.BooleanField()
    detections = serializers.ChoiceField(choices=Forwarder.Detections.choices)
    reach = serializers.ChoiceField(choices=Forwarder.Reach.choices)
    stations = serializers.ListField(child=serializers.CharField())
    series = serializers.ListField(child=serializers.CharField())
    names = serializers.ListField(child=ForwarderNameIn())
    is_clean = serializers.BooleanField()
    added_at = serializers.DateTimeField()
    added_by = serializers.CharField()
    state = serializers.ChoiceField(
        choices=STATES, help_text="`stopped`: it was too far behind, so what arrives does not wait for it."
    )
    paused_why = serializers.CharField(help_text="Why Roost paused or stopped it; empty if a person did.")
    waiting_since = serializers.DateTimeField(
        allow_null=True, help_text="When the oldest row arrived that still waits."
    )
    failing_since = serializers.DateTimeField(allow_null=True)
    next_try_at = serializers.DateTimeField(allow_null=True)
    answer = serializers.CharField(help_text="The receiver's last answer as a sentence; empty if it took the rows.")
    answered_at = serializers.DateTimeField(allow_null=True)
    last_sent_at = serializers.DateTimeField(allow_null=True)
    read = serializers.IntegerField()
    sent = serializers.IntegerField()
    known = serializers.IntegerField()
    kept_back = serializers.IntegerField()
    refused = serializers.IntegerField()
    kept_back_why = serializers.DictField(child=serializers.IntegerField(), help_text="`kept_back` by reason.")
    backfill_from = serializers.DateTimeField(allow_null=True, help_text="Of a back-fill that runs.")
    test_asked_at = serializers.DateTimeField(allow_null=True, help_text="Of a test that waits.")
    test_answer = serializers.CharField(help_text="The outcome of the last test as a sentence; empty if it worked.")
    tested_at = serializers.DateTimeField(allow_null=True)


class ForwarderMadeOut(ForwarderOut):
    """A new forwarder with the secrets that Roost made for it."""

    secrets = serializers.DictField(child=serializers.CharField(), help_text="By name of the setting. Shown only once.")


ForwardersOut = page_of("ForwardersOut", ForwarderOut, "A page of forwarders.")


def _row(state: ForwarderState, viewer: Viewer, serials: dict[int, str]) -> dict[str, Any]:
    one = state.forwarder
    is_owner = viewer.may(Role.OWNER, one.organization_id)
    return {
        "id": one.pk,
        "name": one.name,
        "kind": one.kind,
        "address": state.address,
        "settings": one.settings if is_owner else None,
        "readings": one.wants_readings,
        "detections": one.detections,
        "reach": one.reach,
        "stations": [serials[number] for number in one.station_ids if number in serials],
        "series": one.series,
        "names": [dict(zip(("series", "name", "unit"), told, strict=True)) for told in one.names],
        "is_clean": one.is_clean,
        "added_at": one.added_at,
        "added_by": one.added_by_name,
        "state": state.state,
        "paused_why": one.paused_why,
        "waiting_since": state.waiting_since,
        "failing_since": one.failing_since,
        "next_try_at": one.next_try_at,
        "answer": one.answer,
        "answered_at": one.answered_at,
        "last_sent_at": one.last_sent_at,
        "read": one.rows,
        "sent": one.rows_sent,
        "known": one.rows_known,
        "kept_back": one.rows_kept_back,
        "refused": one.rows_refused,
        "kept_back_why": one.kept_back_why or {},
        "backfill_from": one.backfill_from,
        "test_asked_at": one.test_asked_at,
        "test_answer": one.test_answer,
        "tested_at": one.tested_at,
    }


def _shown(request: Request, forwarder: Forwarder) -> dict[str, Any]:
    return _row(forwarder_state(forwarder=forwarder), viewer_of(request), serials_of([forwarder]))


class Forwarders(APIView):
    """The forwarders of an organization."""

    @extend_schema(
        operation_id="forwarders_list", parameters=[ListQuery], responses=answers({200: ForwardersOut}, *READ_PROBLEMS)
    )
    def get(self, request: Request, slug: str) -> Response:
        """List the forwarders, by name."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        query = query_read(request, ListQuery)
        found = forwarder_query(organization=organization)
        page = page_read(request, query, found, columns=_COLUMNS, usual="name", last=_LAST)
        states = {state.forwarder.pk: state for state in forwarder_states(page.rows)}
        serials = serials_of(page.rows)
        return page.response(ForwardersOut, lambda one: _row(states[one.pk], viewer, serials))

    @extend_schema(
        operation_id="forwarders_create",
        request=ForwarderIn,
        responses=answers({201: ForwarderMadeOut}, *WRITE_PROBLEMS),
    )
    def post(self, request: Request, slug: str) -> Response:
        """Add a forwarder. It sends rows that arrive from now on. Requires the owner role."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        # Check the role first: a caller without permission gets 403, not validation errors.
        forwarder_owner_require(viewer, organization)
        told = body_read(request, ForwarderIn)
        made, secrets = forwarder_add(
            actor=viewer,
            organization=organization,
            kind=told["kind"],
            name=told["name"],
            settings=told["settings"],
            choice=_choice(told),
        )
        answer = ForwarderMadeOut({**_shown(request, made), "secrets": secrets}).data
        return Response(answer, status=HTTPStatus.CREATED, headers={"Cache-Control": "no-store"})


class ForwarderDetail(APIView):
    """One forwarder."""

    @extend_schema(operation_id="forwarders_retrieve", responses=answers({200: ForwarderOut}, *READ_PROBLEMS))
    def get(self, request: Request, slug: str, forwarder_id: int) -> Response:
        """Show a forwarder and its progress."""
        _organization, one = found_of(request, slug, forwarder_id)
        return Response(ForwarderOut(_shown(request, one)).data)

    @extend_schema(
        operation_id="forwarders_update",
        request=ForwarderChange,
        responses=answers({200: ForwarderOut}, *WRITE_PROBLEMS),
    )
    def patch(self, request: Request, slug: str, forwarder_id: int) -> Response:
        """Change a forwarder. It continues where it was. A new address needs the secrets again. For owners only."""
        organization, one = found_of(request, slug, forwarder_id)
        forwarder_owner_require(viewer_of(request), organization)
        told = body_read(request, ForwarderChange, partial=True)
        changed = forwarder_change(
            actor=viewer_of(request),
            forwarder=one,
            name=told.get("name", one.name),
            settings={**one.settings, **told.get("settings", {})},
            choice=_choice({**_chosen(request, one, told), **told}),
        )
        return Response(ForwarderOut(_shown(request, changed)).data)

    @extend_schema(operation_id="forwarders_delete", responses=answers({204: None}, *WRITE_PROBLEMS))
    def delete(self, request: Request, slug: str, forwarder_id: int) -> Response:
        """Remove a forwarder with its secrets, counts and refused rows. Requires the owner role."""
        _organization, one = found_of(request, slug, forwarder_id)
        forwarder_remove(actor=viewer_of(request), forwarder=one)
        return Response(status=HTTPStatus.NO_CONTENT)


class ForwarderPause(APIView):
    """Pausing a forwarder."""

    @extend_schema(
        operation_id="forwarders_pause", request=None, responses=answers({200: ForwarderOut}, *WRITE_PROBLEMS)
    )
    def post(self, request: Request, slug: str, forwarder_id: int) -> Response:
        """Pause a forwarder. New rows wait until it is started again."""
        _organization, one = found_of(request, slug, forwarder_id)
        forwarder_pause(actor=viewer_of(request), forwarder=one)
        return _again(request, one, HTTPStatus.OK)


class ForwarderResume(APIView):
    """Starting a forwarder again."""

    @extend_schema(
        operation_id="forwarders_resume", request=None, responses=answers({200: ForwarderOut}, *WRITE_PROBLEMS)
    )
    def post(self, request: Request, slug: str, forwarder_id: int) -> Response:
        """Start a paused forwarder where it left off. A stopped one sends only rows that arrive from now on."""
        _organization, one = found_of(request, slug, forwarder_id)
        forwarder_resume(actor=viewer_of(request), forwarder=one)
        return _again(request, one, HTTPStatus.OK)


class ForwarderBackfills(APIView):
    """Back-fills of a forwarder."""

    @extend_schema(
        operation_id="forwarders_backfill",
        request=ForwarderBackfillIn,
        responses=answers({202: ForwarderOut}, *WRITE_PROBLEMS),
    )
    def post(self, request: Request, slug: str, forwarder_id: int) -> Response:
        """Send rows that stations recorded from a moment on. Replaces a running back-fill."""
        organization, one = found_of(request, slug, forwarder_id)
        forwarder_steer_require(viewer_of(request), organization)
        told = body_read(request, ForwarderBackfillIn)
        forwarder_backfill(actor=viewer_of(request), forwarder=one, start=told["from"])
        return _again(request, one, HTTPStatus.ACCEPTED)


class ForwarderTests(APIView):
    """Tests of a forwarder."""

    @extend_schema(
        operation_id="forwarders_test", request=None, responses=answers({202: ForwarderOut}, *WRITE_PROBLEMS)
    )
    def post(self, request: Request, slug: str, forwarder_id: int) -> Response:
        """Test the receiver without sending rows. `tested_at` and `test_answer` soon show the result."""
        _organization, one = found_of(request, slug, forwarder_id)
        forwarder_test(actor=viewer_of(request), forwarder=one)
        return _again(request, one, HTTPStatus.ACCEPTED)


def found_of(request: Request, slug: str, forwarder_id: int) -> tuple[Organization, Forwarder]:
    """The organization and the forwarder named in the URL. Raises `NotFound`."""
    organization = organization_find(viewer=viewer_of(request), slug=slug)
    return organization, forwarder_find(organization=organization, forwarder_id=forwarder_id)


def _again(request: Request, one: Forwarder, status: HTTPStatus) -> Response:
    """Answer with the forwarder's current state."""
    one.refresh_from_db()
    return Response(ForwarderOut(_shown(request, one)).data, status=status)


def _chosen(request: Request, one: Forwarder, told: dict[str, Any]) -> dict[str, Any]:
    """The current choice of rows, without its stations if the reach changes."""
    names = ("readings", "detections", "reach", "stations", "series", "names", "is_clean")
    shown = _shown(request, one)
    is_same = told.get("reach", one.reach) == one.reach
    return {name: shown[name] if is_same or name != "stations" else [] for name in names}


def _choice(told: dict[str, Any]) -> RowChoice:
    if told["stations"] and told["reach"] != Forwarder.Reach.STATIONS:
        raise InvalidInput("With `stations`, `reach` must be `stations`.", field="reach")
    return RowChoice(
        reach=told["reach"],
        serials=told["stations"],
        series=told["series"],
        names=[(one["series"], one["name"], one["unit"]) for one in told["names"]],
        is_clean=told["is_clean"],
        wants_readings=told["readings"],
        detections=told["detections"],
    )


BASE = "organizations/<slug:slug>/forwarders"
_ONE = f"{BASE}/<int:forwarder_id>"
urlpatterns = [
    path(BASE, Forwarders.as_view(), name="forwarders"),
    path(_ONE, ForwarderDetail.as_view(), name="forwarder"),
    path(f"{_ONE}/pause", ForwarderPause.as_view(), name="forwarder-pause"),
    path(f"{_ONE}/resume", ForwarderResume.as_view(), name="forwarder-resume"),
    path(f"{_ONE}/backfills", ForwarderBackfills.as_view(), name="forwarder-backfills"),
    path(f"{_ONE}/tests", ForwarderTests.as_view(), name="forwarder-tests"),
]
