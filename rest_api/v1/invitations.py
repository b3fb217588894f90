"""`/organizations/<slug>/invitations`: invite people by mail; `/invitations/accept`: join with the mailed code."""

from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.core import clock
from fleet.organizations.access import Role
from fleet.organizations.invitations import (
    STATES,
    invitation_accept,
    invitation_create,
    invitation_get,
    invitation_list,
    invitation_resend,
    invitation_revoke,
    state_of,
)
from fleet.organizations.members import owner_require
from fleet.organizations.models import Invitation
from fleet.organizations.selectors import organization_find
from rest_api.authentication import viewer_of
from rest_api.lists import ListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import OWNER_READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, body_read, query_read
from rest_api.v1.organizations import OrganizationOut, organization_row

_COLUMNS = {
    "created_at": SortColumn("created_at", datetime, is_filled=True),
    "expires_at": SortColumn("expires_at", datetime, is_filled=True),
    "email": SortColumn("email", is_filled=True),
}


class InvitationsQuery(ListQuery):
    """Filters of the invitation list."""

    state = serializers.ChoiceField(
        required=False, choices=STATES, default="", help_text="Default: open and expired ones."
    )
    role = serializers.ChoiceField(required=False, choices=Role.choices)
    search = serializers.CharField(required=False, max_length=254, help_text="Part of the email address.")


class InvitationIn(StrictSerializer):
    """An email address and a role."""

    email = serializers.EmailField(max_length=254)
    role = serializers.ChoiceField(choices=Role.choices, default=Role.VIEWER)


class InvitationOut(serializers.Serializer[Any]):
    """An invitation. Its code appears only in the mail."""

    id = serializers.IntegerField()
    email = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.choices)
    state = serializers.ChoiceField(choices=STATES)
    invited_by = serializers.CharField(source="invited_by_name", allow_blank=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


InvitationsOut = page_of("InvitationsOut", InvitationOut, "A page of invitations.")


class CodeIn(StrictSerializer):
    """The code from the mail."""

    code = serializers.CharField(max_length=200)


def _row(held: Invitation, moment: datetime) -> dict[str, Any]:
    fields = ("id", "email", "role", "invited_by_name", "created_at", "expires_at")
    return {**{name: getattr(held, name) for name in fields}, "state": state_of(held, moment)}


class Invitations(APIView):
    """The invitations of an organization."""

    @extend_schema(
        operation_id="invitations_list",
        parameters=[InvitationsQuery],
        responses=answers({200: InvitationsOut}, *OWNER_READ_PROBLEMS),
    )
    def get(self, request: Request, slug: str) -> Response:
        """List invitations, newest first. Requires the owner role."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        # Check the role first: a caller without permission gets 403, not validation errors.
        owner_require(viewer, organization)
        query, moment = query_read(request, InvitationsQuery), clock.now()
        found = invitation_list(
            organization=organization,
            actor=viewer,
            state=query["state"],
            role=query.get("role", ""),
            search=query.get("search", ""),
        )
        page = page_read(request, query, found, columns=_COLUMNS, usual="-created_at", last=SortColumn("id", int))
        return page.response(InvitationsOut, lambda held: _row(held, moment))

    @extend_schema(
        operation_id="invitations_create",
        request=InvitationIn,
        responses=answers({201: InvitationOut}, *WRITE_PROBLEMS, HTTPStatus.TOO_MANY_REQUESTS),
    )
    def post(self, request: Request, slug: str) -> Response:
        """Invite an email address. The code works once, within seven days. Requires the owner role."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        # Check the role first: a caller without permission gets 403, not validation errors.
        owner_require(viewer, organization)
        told = body_read(request, InvitationIn)
        held = invitation_create(organization=organization, email=told["email"], role=Role(told["role"]), actor=viewer)
        return Response(InvitationOut(_row(held, clock.now())).data, status=status.HTTP_201_CREATED)


class InvitationDetail(APIView):
    """One invitation."""

    @extend_schema(operation_id="invitations_retrieve", responses=answers({200: InvitationOut}, *OWNER_READ_PROBLEMS))
    def get(self, request: Request, slug: str, invitation_id: int) -> Response:
        """Show an invitation and its state. Requires the owner role."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        held = invitation_get(organization=organization, invitation_id=invitation_id, actor=viewer)
        return Response(InvitationOut(_row(held, clock.now())).data)

    @extend_schema(operation_id="invitations_revoke", responses=answers({204: None}, *WRITE_PROBLEMS))
    def delete(self, request: Request, slug: str, invitation_id: int) -> Response:
        """Revoke an invitation. 409 if it was already accepted."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        invitation_revoke(organization=organization, invitation_id=invitation_id, actor=viewer)
        return Response(status=status.HTTP_204_NO_CONTENT)


class InvitationResend(APIView):
    """Sending an invitation again."""

    @extend_schema(
        operation_id="invitations_resend",
        request=None,
        responses=answers({201: InvitationOut}, *WRITE_PROBLEMS, HTTPStatus.TOO_MANY_REQUESTS),
    )
    def post(self, request: Request, slug: str, invitation_id: int) -> Response:
        """Send a new invitation with a new code. The old one stops working."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        held = invitation_resend(organization=organization, invitation_id=invitation_id, actor=viewer)
        return Response(InvitationOut(_row(held, clock.now())).data, status=status.HTTP_201_CREATED)


class InvitationAccept(APIView):
    """Accepting an invitation."""

    @extend_schema(
        operation_id="invitations_accept",
        request=CodeIn,
        responses=answers({200: OrganizationOut}, *WRITE_PROBLEMS),
    )
    def post(self, request: Request) -> Response:
        """Join with the mailed code. Your account must have confirmed the invited address; keys cannot join."""
        asked = body_read(request, CodeIn)
        viewer = viewer_of(request)
        member = invitation_accept(code=asked["code"], user=viewer.user)
        return Response(OrganizationOut({**organization_row(member.organization, viewer), "role": member.role}).data)


urlpatterns = [
    path("organizations/<slug:slug>/invitations", Invitations.as_view(), name="invitations"),
    path("organizations/<slug:slug>/invitations/<int:invitation_id>", InvitationDetail.as_view(), name="invitation"),
    path(
        "organizations/<slug:slug>/invitations/<int:invitation_id>/resend",
        InvitationResend.as_view(),
        name="invitation-resend",
    ),
    path("invitations/accept", InvitationAccept.as_view(), name="invitation-accept"),
]
