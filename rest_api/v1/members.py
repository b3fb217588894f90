"""`/organizations/<slug>/members`: the members of an organization and their roles."""

from datetime import datetime
from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.organizations.access import Role, Viewer
from fleet.organizations.members import member_get, member_remove, member_role_set, owner_require, ownership_transfer
from fleet.organizations.models import Membership
from fleet.organizations.selectors import member_list, organization_find
from rest_api.authentication import viewer_of
from rest_api.lists import ListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, body_read, query_read

_COLUMNS = {"created_at": SortColumn("created_at", datetime, is_filled=True), "username": SortColumn("user__username")}


class MembersQuery(ListQuery):
    """Filters of the member list."""

    role = serializers.ChoiceField(required=False, choices=Role.choices)
    search = serializers.CharField(required=False, max_length=150, help_text="Part of the username.")


class MemberIn(StrictSerializer):
    """A member's new role."""

    role = serializers.ChoiceField(choices=Role.choices)


class MemberOut(serializers.Serializer[Any]):
    """One member."""

    username = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.choices)
    created_at = serializers.DateTimeField(help_text="Member since.")
    can_log_in = serializers.BooleanField()
    email = serializers.CharField(allow_null=True, help_text="Only owners see it; null for everybody else.")


MembersOut = page_of("MembersOut", MemberOut, "A page of members.")


def _row(member: Membership, viewer: Viewer) -> dict[str, Any]:
    may_own = viewer.may(Role.OWNER, member.organization_id)
    return {
        "username": member.user.get_username(),
        "role": member.role,
        "created_at": member.created_at,
        "can_log_in": member.user.is_active,
        "email": member.user.email if may_own else None,
    }


class Members(APIView):
    """The members of an organization."""

    @extend_schema(
        operation_id="members_list", parameters=[MembersQuery], responses=answers({200: MembersOut}, *READ_PROBLEMS)
    )
    def get(self, request: Request, slug: str) -> Response:
        """List members, earliest first. Add people with `/organizations/<slug>/invitations`."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        query = query_read(request, MembersQuery)
        role = Role(query["role"]) if "role" in query else None
        found = member_list(organization=organization, role=role, search=query.get("search", ""))
        page = page_read(request, query, found, columns=_COLUMNS, usual="created_at", last=SortColumn("id", int))
        return page.response(MembersOut, lambda row: _row(row, viewer))


class MemberDetail(APIView):
    """One member."""

    @extend_schema(operation_id="members_retrieve", responses=answers({200: MemberOut}, *READ_PROBLEMS))
    def get(self, request: Request, slug: str, username: str) -> Response:
        """Show a member by username."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        return Response(MemberOut(_row(member_get(organization=organization, username=username), viewer)).data)

    @extend_schema(
        operation_id="members_update", request=MemberIn, responses=answers({200: MemberOut}, *WRITE_PROBLEMS)
    )
    def patch(self, request: Request, slug: str, username: str) -> Response:
        """Change a member's role. Requires the owner role. 409 if no owner would be left."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        # Check the role first: a caller without permission gets 403, not validation errors.
        owner_require(viewer, organization)
        asked = body_read(request, MemberIn)
        role = Role(asked["role"])
        member = member_role_set(organization=organization, username=username, role=role, actor=viewer)
        return Response(MemberOut(_row(member, viewer)).data)

    @extend_schema(operation_id="members_delete", responses=answers({204: None}, *WRITE_PROBLEMS))
    def delete(self, request: Request, slug: str, username: str) -> Response:
        """Remove a member. Owners can remove anybody; all members can remove themselves. 409 for the only owner."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        member_remove(organization=organization, username=username, actor=viewer)
        return Response(status=status.HTTP_204_NO_CONTENT)


class MemberTransfer(APIView):
    """Handing over an organization."""

    @extend_schema(operation_id="members_transfer", request=None, responses=answers({200: MemberOut}, *WRITE_PROBLEMS))
    def post(self, request: Request, slug: str, username: str) -> Response:
        """Make this member an owner, and the calling owner an operator."""
        viewer = viewer_of(request)
        organization = organization_find(viewer=viewer, slug=slug)
        member = ownership_transfer(organization=organization, username=username, actor=viewer)
        return Response(MemberOut({**_row(member, viewer), "email": member.user.email}).data)


urlpatterns = [
    path("organizations/<slug:slug>/members", Members.as_view(), name="members"),
    path("organizations/<slug:slug>/members/<str:username>", MemberDetail.as_view(), name="member"),
    path("organizations/<slug:slug>/members/<str:username>/transfer", MemberTransfer.as_view(), name="member-transfer"),
]
