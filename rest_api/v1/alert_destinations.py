"""`/organizations/<slug>/alert-destinations`: where alerts go, for each member and for the organization."""

from datetime import datetime
from typing import Any

from django.urls import path
from django.utils import translation
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.alerts.channels import channels
from fleet.alerts.models import Destination
from fleet.alerts.sending.destinations import (
    destination_add,
    destination_delete,
    destination_get,
    destination_list,
    destination_shown,
    destination_switch,
    destination_test,
    result_words,
)
from fleet.core.sending.public_post import URL_MOST
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.organizations.selectors import organization_find
from rest_api.authentication import viewer_of
from rest_api.lists import ListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import OWNER_READ_PROBLEMS, READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, query_read

_COLUMNS = {"created_at": SortColumn("created_at", datetime, is_filled=True)}


class DestinationIn(StrictSerializer):
    """A destination to add."""

    channel = serializers.ChoiceField(choices=[name for name, channel in channels().items() if channel.check])
    address = serializers.CharField(
        max_length=URL_MOST,
        help_text="For webhooks: the URL that gets the messages. For `apprise`: an address in a chat or push "
        "service, such as `ntfys://ntfy.sh/topic`.",
    )
    is_own = serializers.BooleanField(
        default=False, help_text="true: yours, and it goes when you leave; false: the organization's, for owners only."
    )


class DestinationChange(StrictSerializer):
    """The fields of a destination that can change."""

    is_on = serializers.BooleanField()


class DestinationOut(serializers.Serializer[Any]):
    """A destination of alerts."""

    id = serializers.IntegerField()
    channel = serializers.CharField(help_text="`mail` goes to your current email address; every member has one.")
    address = serializers.CharField(help_text="Without the parts that work as a password.")
    is_own = serializers.BooleanField(help_text="Yours, not the organization's.")
    is_on = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    last_result = serializers.CharField(help_text="What became of the last message, in one sentence; in English.")
    last_result_at = serializers.DateTimeField(allow_null=True)


class DestinationMadeOut(DestinationOut):
    """A new destination with its secret."""

    secret = serializers.CharField(help_text="Signs the messages. Shown only once. Empty for `apprise`.")


DestinationsOut = page_of("DestinationsOut", DestinationOut, "A page of destinations.")


def _row(destination: Destination) -> dict[str, Any]:
    with translation.override("en"):
        result = result_words(destination)
    return {
        "id": destination.pk,
        "channel": destination.channel,
        "address": destination_shown(destination),
        "is_own": destination.membership_id is not None,
        "is_on": destination.is_on,
        "created_at": destination.created_at,
        "last_result": result,
        "last_result_at": destination.last_result_at,
    }


class AlertDestinations(APIView):
    """The destinations of an organization's alerts."""

    @extend_schema(
        operation_id="alert_destinations_list",
        parameters=[ListQuery],
        responses=answers({200: DestinationsOut}, *READ_PROBLEMS),
    )
    def get(self, request: Request, slug: str) -> Response:
        """List your own destinations, newest first; owners also see the organization's. Keys have none of their own."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        query = query_read(request, ListQuery)
        found = destination_list(viewer=viewer, organization=organization)
        page = page_read(request, query, found, columns=_COLUMNS, usual="-created_at", last=SortColumn("id", int))
        return page.response(DestinationsOut, _row)

    @extend_schema(
        operation_id="alert_destinations_create",
        request=DestinationIn,
        responses=answers({201: DestinationMadeOut}, *WRITE_PROBLEMS),
    )
    def post(self, request: Request, slug: str) -> Response:
        """Add a destination. Only owners can add one for the organization. Not possible with a key."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        if not (isinstance(request.data, dict) and request.data.get("is_own") is True):
            # Check the role first: a caller without permission gets 403, not validation errors.
            _owner_require(viewer, organization)
        asked = DestinationIn(data=request.data)
        asked.is_valid(raise_exception=True)
        made, secret = destination_add(actor=viewer, organization=organization, **asked.validated_data)
        answer = DestinationMadeOut({**_row(made), "secret": secret}).data
        return Response(answer, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})


class AlertDestination(APIView):
    """One destination."""

    @extend_schema(
        operation_id="alert_destinations_retrieve", responses=answers({200: DestinationOut}, *OWNER_READ_PROBLEMS)
    )
    def get(self, request: Request, slug: str, destination_id: int) -> Response:
        """Show a destination."""
        return Response(DestinationOut(_row(_find(request, slug, destination_id))).data)

    @extend_schema(
        operation_id="alert_destinations_update",
        request=DestinationChange,
        responses=answers({200: DestinationOut}, *WRITE_PROBLEMS),
    )
    def patch(self, request: Request, slug: str, destination_id: int) -> Response:
        """Switch a destination on or off. Alerts still waiting for a destination that is off are not sent."""
        found = _find(request, slug, destination_id)
        asked = DestinationChange(data=request.data)
        asked.is_valid(raise_exception=True)
        destination_switch(actor=viewer_of(request), destination=found, is_on=asked.validated_data["is_on"])
        return Response(DestinationOut(_row(found)).data)

    @extend_schema(operation_id="alert_destinations_delete", responses=answers({204: None}, *WRITE_PROBLEMS))
    def delete(self, request: Request, slug: str, destination_id: int) -> Response:
        """Delete a destination. Your own mailbox can only be switched off."""
        destination_delete(actor=viewer_of(request), destination=_find(request, slug, destination_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class AlertDestinationTests(APIView):
    """Test messages to a destination."""

    @extend_schema(
        operation_id="alert_destinations_test", request=None, responses=answers({202: DestinationOut}, *WRITE_PROBLEMS)
    )
    def post(self, request: Request, slug: str, destination_id: int) -> Response:
        """Send a test message, the same way as alerts. `last_result` soon shows the outcome."""
        found = _find(request, slug, destination_id)
        destination_test(actor=viewer_of(request), destination=found)
        return Response(DestinationOut(_row(found)).data, status=status.HTTP_202_ACCEPTED)


def _find(request: Request, slug: str, destination_id: int) -> Destination:
    viewer = viewer_of(request)
    organization = organization_find(viewer=viewer, slug=slug)
    return destination_get(viewer=viewer, organization=organization, destination_id=destination_id)


def _owner_require(viewer: Viewer, organization: Organization) -> None:
    viewer.require(Role.OWNER, organization=organization, to=translation.gettext("add destinations for %(name)s"))


urlpatterns = [
    path("organizations/<slug:slug>/alert-destinations", AlertDestinations.as_view(), name="alert-destinations"),
    path(
        "organizations/<slug:slug>/alert-destinations/<int:destination_id>",
        AlertDestination.as_view(),
        name="alert-destination",
    ),
    path(
        "organizations/<slug:slug>/alert-destinations/<int:destination_id>/tests",
        AlertDestinationTests.as_view(),
        name="alert-destination-tests",
    ),
]
