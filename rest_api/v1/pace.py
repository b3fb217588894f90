"""`/organizations/<slug>/pace`: ask all connected stations of an organization to slow down or spread out."""

from http import HTTPStatus
from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.commands.pacing import ASKED_MOST, organization_pace_ask, pace_operator_require
from fleet.organizations.selectors import organization_find
from rest_api.authentication import viewer_of
from rest_api.questions import WRITE_PROBLEMS, StrictSerializer, answers, body_read

_DAY_S, _WEEK_S = 86_400, 604_800


class PaceIn(StrictSerializer):
    """Parameters of the `pace` command."""

    slowdown = serializers.IntegerField(
        default=1, min_value=1, max_value=60, help_text="Report this many times less often."
    )
    hold_for = serializers.IntegerField(
        default=0, min_value=0, max_value=_DAY_S, help_text="Seconds during which they send only command results."
    )
    spread = serializers.IntegerField(
        default=0, min_value=0, max_value=_DAY_S, help_text="Seconds over which they spread new connections."
    )
    for_s = serializers.IntegerField(
        default=3_600, min_value=1, max_value=_WEEK_S, help_text="Seconds until they return to normal."
    )


class PaceOut(serializers.Serializer[Any]):
    """How many stations were asked."""

    asked = serializers.IntegerField(help_text="Stations asked. Their answers appear under their commands.")
    left = serializers.IntegerField(
        help_text=f"Connected stations not asked: after the first {ASKED_MOST}, or without support for `pace`."
    )


class OrganizationPace(APIView):
    """The pace of an organization's stations."""

    @extend_schema(
        operation_id="organizations_pace",
        request=PaceIn,
        responses=answers({HTTPStatus.OK.value: PaceOut}, *WRITE_PROBLEMS),
    )
    def post(self, request: Request, slug: str) -> Response:
        """Send `pace` to connected stations that support it. `slowdown` 1 alone ends it. Requires the operator role."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        # Check the role first: a caller without permission gets 403, not validation errors.
        pace_operator_require(viewer, organization)
        asked = body_read(request, PaceIn)
        done = organization_pace_ask(viewer=viewer, organization=organization, parameters=asked)
        return Response(PaceOut(done).data)


urlpatterns = [
    path("organizations/<slug:slug>/pace", OrganizationPace.as_view(), name="organization-pace"),
]
