"""`/organizations/<slug>/pace`: asking all connected stations of an organization for another pace."""

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
from rest_api.questions import WRITE_PROBLEMS, StrictSerializer, answers

_DAY_S, _WEEK_S = 86_400, 604_800


class PaceIn(StrictSerializer):
    """What is asked of them, as the command `pace` has it."""

    slowdown = serializers.IntegerField(
        default=1, min_value=1, max_value=60, help_text="Report so many times more seldom."
    )
    hold_for = serializers.IntegerField(
        default=0, min_value=0, max_value=_DAY_S, help_text="Seconds to send nothing but command results."
    )
    spread = serializers.IntegerField(
        default=0, min_value=0, max_value=_DAY_S, help_text="Seconds over which new connections are spread."
    )
    for_s = serializers.IntegerField(
        default=3_600, min_value=1, max_value=_WEEK_S, help_text="Seconds for which it holds."
    )


class PaceOut(serializers.Serializer[Any]):
    """How many were asked."""

    asked = serializers.IntegerField(help_text="What they answer stands under their commands.")
    left = serializers.IntegerField(
        help_text=f"Connected, and not asked: beyond the first {ASKED_MOST}, or they cannot take it."
    )


class OrganizationPace(APIView):
    """The pace of an organization's stations."""

    @extend_schema(
        operation_id="organizations_pace",
        request=PaceIn,
        responses=answers({HTTPStatus.OK.value: PaceOut}, *WRITE_PROBLEMS),
    )
    def post(self, request: Request, slug: str) -> Response:
        """Send `pace` to those that are connected now and know it; for operators. `slowdown` 1 alone ends it."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        # Check the role first: a caller without permission gets 403, not validation errors.
        pace_operator_require(viewer, organization)
        asked = PaceIn(data=request.data)
        asked.is_valid(raise_exception=True)
        done = organization_pace_ask(viewer=viewer, organization=organization, parameters=dict(asked.validated_data))
        return Response(PaceOut(done).data)


urlpatterns = [
    path("organizations/<slug:slug>/pace", OrganizationPace.as_view(), name="organization-pace"),
]
