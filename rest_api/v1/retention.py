"""`/stations/<serial>/retention`, `/organizations/<slug>/retention`: which readings are kept, and for how long."""

from http import HTTPStatus
from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.organizations.selectors import organization_find
from fleet.stations.selectors import station_get
from fleet.telemetry.clearing.detections import DAYS_LEAST, detection_days, detections_keep, detections_require
from fleet.telemetry.keeping.rules import (
    DAYS_MOST,
    INTERVAL_MOST_S,
    READINGS_MOST,
    Kept,
    Owner,
    rule_get,
    rule_list,
    rule_remove,
    rule_set,
    rules_require,
)
from rest_api.authentication import viewer_of
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, body_read

_INTERVAL = "Seconds: one reading of each series is stored in this time, the others are kept back and counted."
_MOST = "The number of readings of each series that are kept. Older ones are deleted."


def _figure(most: int, words: str) -> serializers.IntegerField:
    return serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, max_value=most, help_text=words
    )


class RetentionRuleIn(StrictSerializer):
    """A rule. Omitted fields set no limit. Readings are kept no longer than hourly figures, these than daily ones."""

    pattern = serializers.CharField(
        max_length=128, help_text="Which series: a name without its unit, or a pattern such as `health/*`."
    )
    interval_s = _figure(INTERVAL_MOST_S, _INTERVAL)
    most = _figure(READINGS_MOST, _MOST)
    raw_days = _figure(DAYS_MOST, "Days for which single readings are kept.")
    hour_days = _figure(DAYS_MOST, "Days for which hourly figures are kept.")
    day_days = _figure(DAYS_MOST, "Days for which daily figures are kept.")


class RetentionRuleOut(serializers.Serializer[Any]):
    """A rule."""

    id = serializers.IntegerField()
    pattern = serializers.CharField()
    interval_s = serializers.IntegerField(allow_null=True, help_text=_INTERVAL)
    interval_since = serializers.DateTimeField(allow_null=True)
    most = serializers.IntegerField(allow_null=True, help_text=_MOST)
    raw_days = serializers.IntegerField(allow_null=True)
    hour_days = serializers.IntegerField(allow_null=True)
    day_days = serializers.IntegerField(allow_null=True)


class DetectionRetention(StrictSerializer):
    """How long single detections are kept. Counts by hour and by tag are kept regardless."""

    days = serializers.IntegerField(
        allow_null=True, min_value=DAYS_LEAST, max_value=DAYS_MOST, help_text="null: forever."
    )


class RetentionRulesOut(serializers.Serializer[Any]):
    """All rules of an organization or a station, at most 100."""

    results = RetentionRuleOut(many=True)


class OrganizationRetention(APIView):
    """The rules of an organization."""

    @extend_schema(
        operation_id="organization_retention_list", responses=answers({200: RetentionRulesOut}, *READ_PROBLEMS)
    )
    def get(self, request: Request, slug: str) -> Response:
        """List the organization's rules. They apply to series that no rule of their station covers."""
        return _listed(organization_find(viewer=viewer_of(request), slug=slug))

    @extend_schema(
        operation_id="organization_retention_update",
        request=RetentionRuleIn,
        responses=answers({200: RetentionRuleOut}, *WRITE_PROBLEMS),
    )
    def put(self, request: Request, slug: str) -> Response:
        """Set the rule for the series of this name or pattern. It may delete readings."""
        return _put(request, organization_find(viewer=viewer_of(request), slug=slug))


class OrganizationRetentionDetail(APIView):
    """One rule of an organization."""

    @extend_schema(operation_id="organization_retention_delete", responses=answers({204: None}, *WRITE_PROBLEMS))
    def delete(self, request: Request, slug: str, rule_id: int) -> Response:
        """Remove a rule. What it removed does not come back."""
        return _delete(request, organization_find(viewer=viewer_of(request), slug=slug), rule_id)


class OrganizationDetectionRetention(APIView):
    """How long single detections of an organization are kept."""

    @extend_schema(
        operation_id="organization_detection_retention_retrieve",
        responses=answers({200: DetectionRetention}, *READ_PROBLEMS),
    )
    def get(self, request: Request, slug: str) -> Response:
        """Show for how many days single detections are kept."""
        organization = organization_find(viewer=viewer_of(request), slug=slug)
        return Response(DetectionRetention({"days": detection_days(organization)}).data)

    @extend_schema(
        operation_id="organization_detection_retention_update",
        request=DetectionRetention,
        responses=answers({200: DetectionRetention}, *WRITE_PROBLEMS),
    )
    def put(self, request: Request, slug: str) -> Response:
        """Set for how many days single detections are kept. Older ones are deleted within six hours."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        detections_require(actor=viewer, organization=organization)
        told = body_read(request, DetectionRetention)
        detections_keep(actor=viewer, organization=organization, days=told["days"])
        return Response(DetectionRetention(told).data)


class StationRetention(APIView):
    """The rules of a station."""

    @extend_schema(operation_id="station_retention_list", responses=answers({200: RetentionRulesOut}, *READ_PROBLEMS))
    def get(self, request: Request, serial: str) -> Response:
        """List the station's own rules, which take precedence over those of its organization."""
        return _listed(station_get(viewer=viewer_of(request), serial=serial))

    @extend_schema(
        operation_id="station_retention_update",
        request=RetentionRuleIn,
        responses=answers({200: RetentionRuleOut}, *WRITE_PROBLEMS),
    )
    def put(self, request: Request, serial: str) -> Response:
        """Set the rule for the station's series of this name or pattern. It may delete readings."""
        return _put(request, station_get(viewer=viewer_of(request), serial=serial))


class StationRetentionDetail(APIView):
    """One rule of a station."""

    @extend_schema(operation_id="station_retention_delete", responses=answers({204: None}, *WRITE_PROBLEMS))
    def delete(self, request: Request, serial: str, rule_id: int) -> Response:
        """Remove a rule. What it removed does not come back."""
        return _delete(request, station_get(viewer=viewer_of(request), serial=serial), rule_id)


def _listed(owner: Owner) -> Response:
    return Response({"results": RetentionRuleOut(rule_list(owner=owner), many=True).data})


def _put(request: Request, owner: Owner) -> Response:
    viewer = viewer_of(request)
    rules_require(actor=viewer, owner=owner, kept=Kept())
    told = body_read(request, RetentionRuleIn)
    pattern = told.pop("pattern")
    return Response(RetentionRuleOut(rule_set(actor=viewer, owner=owner, pattern=pattern, kept=Kept(**told))).data)


def _delete(request: Request, owner: Owner, rule_id: int) -> Response:
    viewer = viewer_of(request)
    rules_require(actor=viewer, owner=owner, kept=None)
    rule_remove(actor=viewer, owner=owner, pattern=rule_get(owner=owner, pk=rule_id).pattern)
    return Response(status=HTTPStatus.NO_CONTENT)


_OF_STATION, _OF_ORGANIZATION = "stations/<str:serial>/retention", "organizations/<slug:slug>/retention"
urlpatterns = [
    path(_OF_STATION, StationRetention.as_view(), name="station-retention"),
    path(f"{_OF_STATION}/<int:rule_id>", StationRetentionDetail.as_view(), name="station-retention-rule"),
    path(
        f"{_OF_ORGANIZATION}/detections",
        OrganizationDetectionRetention.as_view(),
        name="organization-detection-retention",
    ),
    path(_OF_ORGANIZATION, OrganizationRetention.as_view(), name="organization-retention"),
    path(
        f"{_OF_ORGANIZATION}/<int:rule_id>", OrganizationRetentionDetail.as_view(), name="organization-retention-rule"
    ),
]
