"""`/stations/<serial>/fetch-policy`, `/organizations/<slug>/fetch-policy`: which files Roost fetches."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.holdings.models import FetchPolicy
from fleet.holdings.policy import (
    DAYS_MOST,
    NETWORKS,
    OCTETS_MOST,
    FetchRule,
    policy_require,
    policy_set,
    rule_of_organization,
    rule_of_station,
)
from fleet.organizations.models import Organization
from fleet.organizations.selectors import organization_find
from fleet.stations.models import Station
from fleet.stations.selectors import station_get
from rest_api.authentication import viewer_of
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, body_read

_MODE = "`none`: nothing. `demand`: what people choose. `heard`: files with detections. `all`: all files."


class FetchPolicyIn(StrictSerializer):
    """A policy. Omitted fields set no limit."""

    mode = serializers.ChoiceField(choices=FetchPolicy.Mode.choices, help_text=_MODE)
    size_per_day = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        max_value=OCTETS_MOST,
        help_text="Bytes that may be asked for in a UTC day.",
    )
    hour_from = serializers.IntegerField(required=False, allow_null=True, default=None, min_value=0, max_value=23)
    hour_to = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=0,
        max_value=24,
        help_text="In the organization's timezone; past midnight if it is smaller than `hour_from`.",
    )
    days_most = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, max_value=DAYS_MOST, help_text="Age in days."
    )
    is_newest_first = serializers.BooleanField(default=True)
    networks = serializers.ListField(
        child=serializers.ChoiceField(choices=list(NETWORKS)), default=list, max_length=len(NETWORKS)
    )


class FetchPolicyOut(serializers.Serializer[Any]):
    """The policy that applies."""

    mode = serializers.ChoiceField(choices=FetchPolicy.Mode.choices, help_text=_MODE)
    whose = serializers.CharField(allow_blank=True, help_text="`station`, `organization`, or empty if there is none.")
    size_per_day = serializers.IntegerField(source="octets_per_day", allow_null=True)
    hour_from = serializers.IntegerField(allow_null=True)
    hour_to = serializers.IntegerField(allow_null=True)
    days_most = serializers.IntegerField(allow_null=True)
    is_newest_first = serializers.BooleanField()
    networks = serializers.ListField(child=serializers.CharField())


class StationFetchPolicy(APIView):
    """The policy of a station."""

    @extend_schema(
        operation_id="station_fetch_policy_retrieve", responses=answers({200: FetchPolicyOut}, *READ_PROBLEMS)
    )
    def get(self, request: Request, serial: str) -> Response:
        """Show which files are fetched from a station."""
        station = station_get(viewer=viewer_of(request), serial=serial)
        return Response(FetchPolicyOut(rule_of_station(station)).data)

    @extend_schema(
        operation_id="station_fetch_policy_update",
        request=FetchPolicyIn,
        responses=answers({200: FetchPolicyOut}, *WRITE_PROBLEMS),
    )
    def put(self, request: Request, serial: str) -> Response:
        """Give a station its own policy."""
        station = station_get(viewer=viewer_of(request), serial=serial)
        return _put(request, station)

    @extend_schema(
        operation_id="station_fetch_policy_delete", responses=answers({200: FetchPolicyOut}, *WRITE_PROBLEMS)
    )
    def delete(self, request: Request, serial: str) -> Response:
        """Remove a station's own policy. Returns the policy that applies now."""
        viewer = viewer_of(request)
        station = station_get(viewer=viewer, serial=serial)
        return Response(FetchPolicyOut(policy_set(actor=viewer, owner=station, rule=None)).data)


class OrganizationFetchPolicy(APIView):
    """The policy of an organization."""

    @extend_schema(
        operation_id="organization_fetch_policy_retrieve", responses=answers({200: FetchPolicyOut}, *READ_PROBLEMS)
    )
    def get(self, request: Request, slug: str) -> Response:
        """Show which files are fetched from stations that have no policy of their own."""
        organization = organization_find(viewer=viewer_of(request), slug=slug)
        return Response(FetchPolicyOut(rule_of_organization(organization)).data)

    @extend_schema(
        operation_id="organization_fetch_policy_update",
        request=FetchPolicyIn,
        responses=answers({200: FetchPolicyOut}, *WRITE_PROBLEMS),
    )
    def put(self, request: Request, slug: str) -> Response:
        """Set the policy of an organization."""
        return _put(request, organization_find(viewer=viewer_of(request), slug=slug))

    @extend_schema(
        operation_id="organization_fetch_policy_delete", responses=answers({200: FetchPolicyOut}, *WRITE_PROBLEMS)
    )
    def delete(self, request: Request, slug: str) -> Response:
        """Remove an organization's policy. Stations without their own policy are no longer fetched from."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        return Response(FetchPolicyOut(policy_set(actor=viewer, owner=organization, rule=None)).data)


def _put(request: Request, owner: Station | Organization) -> Response:
    viewer = viewer_of(request)
    policy_require(actor=viewer, owner=owner)
    told = body_read(request, FetchPolicyIn)
    rule = FetchRule(
        mode=told["mode"],
        octets_per_day=told["size_per_day"],
        hour_from=told["hour_from"],
        hour_to=told["hour_to"],
        days_most=told["days_most"],
        is_newest_first=told["is_newest_first"],
        networks=tuple(told["networks"]),
    )
    return Response(FetchPolicyOut(policy_set(actor=viewer, owner=owner, rule=rule)).data)


urlpatterns = [
    path("stations/<str:serial>/fetch-policy", StationFetchPolicy.as_view(), name="station-fetch-policy"),
    path("organizations/<slug:slug>/fetch-policy", OrganizationFetchPolicy.as_view(), name="organization-fetch-policy"),
]
