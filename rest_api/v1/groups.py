"""`/groups`: named groups of stations, filled by hand or by a rule."""

from http import HTTPStatus
from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.organizations.selectors import organization_find
from fleet.stations.models import StationGroup
from fleet.stations.selectors import station_get
from fleet.stations.sorting.groups import (
    group_create,
    group_delete,
    group_get,
    group_list,
    group_member_set,
    group_update,
)
from rest_api.authentication import viewer_of
from rest_api.lists import ListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, body_read, query_read

_NAME, _ID = SortColumn("name"), SortColumn("id", int)


class GroupIn(StrictSerializer):
    """A group's name and rule."""

    name = serializers.CharField(max_length=80)
    rule = serializers.ChoiceField(
        choices=StationGroup.Rule.choices, allow_blank=True, default="", help_text="Empty: fill by hand only."
    )
    value = serializers.CharField(
        max_length=120,
        allow_blank=True,
        default="",
        help_text="The rule's value: a serial prefix, a network such as 10.4.0.0/16, a tag, or a model name.",
    )


class GroupNewIn(GroupIn):
    """A new group."""

    organization = serializers.SlugField()


class GroupOut(GroupIn):
    """A group. `GET /stations?group=<id>` lists its stations."""

    id = serializers.IntegerField()
    organization = serializers.CharField()


GroupsOut = page_of("GroupsOut", GroupOut, "A page of groups.")


def group_row(group: StationGroup) -> dict[str, Any]:
    """A group as the API shows it."""
    return {
        "id": group.pk,
        "organization": group.organization.slug,
        "name": group.name,
        "rule": group.rule,
        "value": group.value,
    }


class Groups(APIView):
    """The groups of your organizations."""

    @extend_schema(
        operation_id="groups_list", parameters=[ListQuery], responses=answers({200: GroupsOut}, *READ_PROBLEMS)
    )
    def get(self, request: Request) -> Response:
        """List the groups of your organizations by name."""
        query = query_read(request, ListQuery)
        rows = group_list(viewer=viewer_of(request))
        page = page_read(request, query, rows, columns={"name": _NAME}, usual="name", last=_ID)
        return page.response(GroupsOut, group_row)

    @extend_schema(
        operation_id="groups_create", request=GroupNewIn, responses=answers({201: GroupOut}, *WRITE_PROBLEMS)
    )
    def post(self, request: Request) -> Response:
        """Create a group."""
        viewer = viewer_of(request)
        told = body_read(request, GroupNewIn)
        organization = organization_find(viewer=viewer, slug=told.pop("organization"))
        made = group_create(actor=viewer, organization=organization, **told)
        return Response(GroupOut(group_row(made)).data, status=HTTPStatus.CREATED)


class GroupDetail(APIView):
    """One group."""

    @extend_schema(operation_id="groups_retrieve", responses=answers({200: GroupOut}, *READ_PROBLEMS))
    def get(self, request: Request, group_id: int) -> Response:
        """Show a group."""
        return Response(GroupOut(group_row(group_get(viewer=viewer_of(request), group_id=group_id))).data)

    @extend_schema(operation_id="groups_replace", request=GroupIn, responses=answers({200: GroupOut}, *WRITE_PROBLEMS))
    def put(self, request: Request, group_id: int) -> Response:
        """Replace the name and rule of a group."""
        viewer = viewer_of(request)
        group = group_get(viewer=viewer, group_id=group_id)
        asked = body_read(request, GroupIn)
        return Response(GroupOut(group_row(group_update(actor=viewer, group=group, **asked))).data)

    @extend_schema(operation_id="groups_delete", responses=answers({204: None}, *WRITE_PROBLEMS))
    def delete(self, request: Request, group_id: int) -> Response:
        """Delete a group. Its stations stay."""
        viewer = viewer_of(request)
        group_delete(actor=viewer, group=group_get(viewer=viewer, group_id=group_id))
        return Response(status=HTTPStatus.NO_CONTENT)


class GroupMember(APIView):
    """Putting a station in a group by hand."""

    @extend_schema(operation_id="groups_add", request=None, responses=answers({204: None}, *WRITE_PROBLEMS))
    def put(self, request: Request, group_id: int, serial: str) -> Response:
        """Add a station to a group."""
        return self._set(request, group_id, serial, is_member=True)

    @extend_schema(operation_id="groups_remove", responses=answers({204: None}, *WRITE_PROBLEMS))
    def delete(self, request: Request, group_id: int, serial: str) -> Response:
        """Remove a station that was added by hand."""
        return self._set(request, group_id, serial, is_member=False)

    def _set(self, request: Request, group_id: int, serial: str, *, is_member: bool) -> Response:
        viewer = viewer_of(request)
        group, station = group_get(viewer=viewer, group_id=group_id), station_get(viewer=viewer, serial=serial)
        group_member_set(actor=viewer, group=group, station=station, is_member=is_member)
        return Response(status=HTTPStatus.NO_CONTENT)


urlpatterns = [
    path("groups", Groups.as_view(), name="groups"),
    path("groups/<int:group_id>", GroupDetail.as_view(), name="group"),
    path("groups/<int:group_id>/stations/<str:serial>", GroupMember.as_view(), name="group-member"),
]
