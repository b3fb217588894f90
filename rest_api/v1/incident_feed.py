"""`/organizations/<slug>/incident-feed`: the secret address at which programs read an organization's incidents."""

from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.alerts.feeds import feed_get, feed_make, feed_token, feed_withdraw
from fleet.alerts.models.feed import IncidentFeed
from fleet.organizations.selectors import organization_find
from rest_api.authentication import viewer_of
from rest_api.questions import OWNER_READ_PROBLEMS, WRITE_PROBLEMS, answers

_NO_STORE = {"Cache-Control": "no-store"}


class IncidentFeedOut(serializers.Serializer[Any]):
    """The addresses. Whoever knows one can read the incidents."""

    atom = serializers.CharField(allow_blank=True, help_text="A feed (Atom); empty if there is no address.")
    calendar = serializers.CharField(allow_blank=True, help_text="A calendar (iCalendar); empty if there is none.")
    made_at = serializers.DateTimeField(allow_null=True)


class OrganizationIncidentFeed(APIView):
    """The secret address of an organization's incidents."""

    @extend_schema(
        operation_id="organization_incident_feed_retrieve",
        responses=answers({200: IncidentFeedOut}, *OWNER_READ_PROBLEMS),
    )
    def get(self, request: Request, slug: str) -> Response:
        """Show the addresses. Requires the owner role."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        return Response(_shown(feed_get(viewer=viewer, organization=organization)), headers=_NO_STORE)

    @extend_schema(
        operation_id="organization_incident_feed_create",
        request=None,
        responses=answers({201: IncidentFeedOut}, *WRITE_PROBLEMS),
    )
    def post(self, request: Request, slug: str) -> Response:
        """Create the addresses, or replace them: old ones stop working at once. Requires the owner role."""
        viewer = viewer_of(request)
        feed = feed_make(actor=viewer, organization=organization_find(viewer=viewer, slug=slug))
        return Response(_shown(feed), status=HTTPStatus.CREATED, headers=_NO_STORE)

    @extend_schema(operation_id="organization_incident_feed_delete", responses=answers({204: None}, *WRITE_PROBLEMS))
    def delete(self, request: Request, slug: str) -> Response:
        """Withdraw the addresses. Requires the owner role."""
        viewer = viewer_of(request)
        feed_withdraw(actor=viewer, organization=organization_find(viewer=viewer, slug=slug))
        return Response(status=HTTPStatus.NO_CONTENT)


def _shown(feed: IncidentFeed | None) -> Any:
    where = f"{settings.SITE_URL}/feeds/{feed_token(feed)}/incidents" if feed else ""
    return IncidentFeedOut(
        {
            "atom": f"{where}.atom" if feed else "",
            "calendar": f"{where}.ics" if feed else "",
            "made_at": feed.made_at if feed else None,
        }
    ).data


urlpatterns = [
    path(
        "organizations/<slug:slug>/incident-feed", OrganizationIncidentFeed.as_view(), name="organization-incident-feed"
    )
]
