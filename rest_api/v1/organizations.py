"""`/organizations`: list, create, change, delete and restore organizations."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import path, reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.organizations.access import Role, Viewer
from fleet.organizations.deletion import organization_delete, organization_restore
from fleet.organizations.members import owner_require
from fleet.organizations.models import Organization
from fleet.organizations.selectors import organization_find, organization_list
from fleet.organizations.services import organization_found, organization_update
from rest_api.authentication import viewer_of
from rest_api.lists import ListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, body_read, query_read

_COLUMNS = {
    "created_at": SortColumn("created_at", datetime, is_filled=True),
    "name": SortColumn("name", is_filled=True),
}


class OrganizationIn(StrictSerializer):
    """Settings of an organization. Omitted fields stay as they are, or get their default."""

    name = serializers.CharField(required=False, max_length=120)
    timezone = serializers.CharField(required=False, max_length=64, help_text="Such as Europe/Berlin.")
    language = serializers.ChoiceField(required=False, choices=[code for code, _name in settings.LANGUAGES])
    contact_email = serializers.EmailField(required=False, allow_blank=True, max_length=254)


class OrganizationMadeIn(OrganizationIn):
    """A new organization. The name is required."""

    name = serializers.CharField(max_length=120)


class OrganizationOut(serializers.Serializer[Any]):
    """An organization, with your role in it."""

    slug = serializers.CharField(help_text="Its name in URLs and routing keys; never changes.")
    name = serializers.CharField()
    timezone = serializers.CharField()
    language = serializers.ChoiceField(choices=[code for code, _name in settings.LANGUAGES])
    contact_email = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    role = serializers.ChoiceField(
        choices=Role.choices, allow_null=True, help_text="Your role; null for administrators who are not members."
    )


OrganizationsOut = page_of("OrganizationsOut", OrganizationOut, "A page of organizations.")


class DeleteQuery(StrictSerializer):
    """The name again, as confirmation."""

    name = serializers.CharField(max_length=120, help_text="The organization's name, exactly.")


def organization_row(organization: Organization, viewer: Viewer) -> dict[str, Any]:
    """An organization as the API shows it."""
    return {
        "slug": organization.slug,
        "name": organization.name,
        "timezone": organization.timezone,
        "language": organization.language,
        "contact_email": organization.contact_email,
        "created_at": organization.created_at,
        "role": viewer.roles.get(organization.id),
    }


class Organizations(APIView):
    """The caller's organizations."""

    @extend_schema(
        operation_id="organizations_list",
        parameters=[ListQuery],
        responses=answers({200: OrganizationsOut}, *READ_PROBLEMS),
    )
    def get(self, request: Request) -> Response:
        """List your organizations, oldest first, without deleted ones."""
        viewer, query = viewer_of(request), query_read(request, ListQuery)
        found = organization_list(viewer=viewer)
        page = page_read(request, query, found, columns=_COLUMNS, usual="created_at", last=SortColumn("id", int))
        return page.response(OrganizationsOut, lambda row: organization_row(row, viewer))

    @extend_schema(
        operation_id="organizations_create",
        request=OrganizationMadeIn,
        responses=answers({201: OrganizationOut}, *WRITE_PROBLEMS),
    )
    def post(self, request: Request) -> Response:
        """Create an organization; you become its owner. Not possible with a key."""
        asked = body_read(request, OrganizationMadeIn)
        viewer = viewer_of(request)
        made = organization_found(actor=viewer, **asked)
        row = {**organization_row(made, viewer), "role": Role.OWNER}
        address = reverse("api:organization", kwargs={"slug": made.slug})
        return Response(OrganizationOut(row).data, status=status.HTTP_201_CREATED, headers={"Location": address})


class OrganizationDetail(APIView):
    """One organization."""

    @extend_schema(operation_id="organizations_retrieve", responses=answers({200: OrganizationOut}, *READ_PROBLEMS))
    def get(self, request: Request, slug: str) -> Response:
        """Show an organization's settings and your role in it."""
        viewer = viewer_of(request)
        return Response(OrganizationOut(organization_row(organization_find(viewer=viewer, slug=slug), viewer)).data)

    @extend_schema(
        operation_id="organizations_update",
        request=OrganizationIn,
        responses=answers({200: OrganizationOut}, *WRITE_PROBLEMS),
    )
    def patch(self, request: Request, slug: str) -> Response:
        """Change the given settings. Requires the owner role."""
        viewer = viewer_of(request)
        found = organization_find(viewer=viewer, slug=slug)
        # Check the role first: a caller without permission gets 403, not validation errors.
        owner_require(viewer, found)
        asked = body_read(request, OrganizationIn)
        changed = organization_update(organization=found, actor=viewer, **asked)
        return Response(OrganizationOut(organization_row(changed, viewer)).data)

    @extend_schema(
        operation_id="organizations_delete",
        parameters=[DeleteQuery],
        responses=answers({204: None}, *WRITE_PROBLEMS),
    )
    def delete(self, request: Request, slug: str) -> Response:
        """Delete an organization. It is hidden at once; any of its owners can restore it for 30 days."""
        viewer = viewer_of(request)
        found = organization_find(viewer=viewer, slug=slug)
        # Check the role first: a caller without permission gets 403, not validation errors.
        owner_require(viewer, found)
        organization_delete(organization=found, typed=query_read(request, DeleteQuery)["name"], actor=viewer)
        return Response(status=status.HTTP_204_NO_CONTENT)


class OrganizationRestore(APIView):
    """Restoring a deleted organization."""

    @extend_schema(
        operation_id="organizations_restore",
        request=None,
        responses=answers({200: OrganizationOut}, *WRITE_PROBLEMS),
    )
    def post(self, request: Request, slug: str) -> Response:
        """Restore a deleted organization with everything in it. Only for its former owners and administrators."""
        viewer = viewer_of(request)
        back = organization_restore(slug=slug, actor=viewer)
        role = None if viewer.sees_all else Role.OWNER
        return Response(OrganizationOut({**organization_row(back, viewer), "role": role}).data)


urlpatterns = [
    path("organizations", Organizations.as_view(), name="organizations"),
    path("organizations/<slug:slug>", OrganizationDetail.as_view(), name="organization"),
    path("organizations/<slug:slug>/restore", OrganizationRestore.as_view(), name="organization-restore"),
]
