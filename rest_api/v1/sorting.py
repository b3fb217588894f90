"""`/models`, `/tags`, `/groups` and `/filters`: how people sort their stations."""

from http import HTTPStatus
from typing import Any

from django.contrib.auth.models import User
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.core.errors import NotFound
from fleet.organizations.selectors import organization_find
from fleet.stations.catalogue import Quantity, model_create, model_delete, model_get, models_counted
from fleet.stations.filters import filter_delete, filter_list, filter_save
from fleet.stations.groups import (
    group_create,
    group_delete,
    group_get,
    group_list,
    group_member_set,
    group_update,
)
from fleet.stations.models import SavedFilter, StationGroup, StationModel, Tag
from fleet.stations.selectors import station_get
from fleet.stations.tags import tag_list
from rest_api.authentication import viewer_of
from rest_api.v1.lists import Column, ListQuery, page_read
from rest_api.v1.questions import READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, query_read

_NAME, _ID = Column("name"), Column("id", int)


class QuantityData(StrictSerializer):
    """Something that devices measure."""

    name = serializers.CharField(max_length=128, help_text="Name of the series.")
    unit = serializers.CharField(max_length=32, allow_blank=True, default="", help_text="As SenML writes it.")
    least = serializers.FloatField(
        required=False, allow_null=True, default=None, help_text="A value below is kept, marked, and left out of means."
    )
    most = serializers.FloatField(
        required=False, allow_null=True, default=None, help_text="A value above is kept, marked, and left out of means."
    )


class ModelIn(StrictSerializer):
    """A new model of an organization's own."""

    organization = serializers.SlugField()
    name = serializers.CharField(max_length=80)
    manufacturer = serializers.CharField(max_length=80, allow_blank=True, default="")
    kind = serializers.ChoiceField(choices=StationModel.Kind.choices, default=StationModel.Kind.OTHER)
    quantities = QuantityData(many=True, required=False)


class ModelOut(serializers.Serializer[Any]):
    """A model; without an organization it is everybody's."""

    id = serializers.IntegerField()
    organization = serializers.CharField(allow_null=True)
    manufacturer = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=StationModel.Kind.choices)
    quantities = QuantityData(many=True)
    stations = serializers.IntegerField(help_text="Of yours, in service.")


class ModelsOut(serializers.Serializer[Any]):
    """A page of models."""

    results = ModelOut(many=True)
    next = serializers.URLField(allow_null=True)


def model_row(model: StationModel) -> dict[str, Any]:
    """A model of `models_counted` as the API shows it."""
    return {
        "id": model.pk,
        "organization": model.organization.slug if model.organization else None,
        "manufacturer": model.manufacturer,
        "name": model.name,
        "kind": model.kind,
        "quantities": [
            {"name": each.name, "unit": each.unit, "least": each.least, "most": each.most}
            for each in model.quantities.all()
        ],
        "stations": getattr(model, "stations_here", 0),
    }


class Models(APIView):
    """The catalogue of devices."""

    @extend_schema(
        operation_id="models_list", parameters=[ListQuery], responses=answers({200: ModelsOut}, *READ_PROBLEMS)
    )
    def get(self, request: Request) -> Response:
        """Everybody's and your own."""
        columns = {"name": _NAME, "manufacturer": Column("manufacturer"), "kind": Column("kind")}
        page = page_read(
            request,
            query_read(request, ListQuery),
            models_counted(viewer=viewer_of(request)),
            columns=columns,
            usual="manufacturer,name",
            last=_ID,
        )
        return Response(ModelsOut({"results": [model_row(row) for row in page.rows], "next": page.next}).data)

    @extend_schema(operation_id="models_create", request=ModelIn, responses=answers({201: ModelOut}, *WRITE_PROBLEMS))
    def post(self, request: Request) -> Response:
        """Add one."""
        viewer, asked = viewer_of(request), ModelIn(data=request.data)
        asked.is_valid(raise_exception=True)
        told = asked.validated_data
        organization = organization_find(viewer=viewer, slug=told.pop("organization"))
        quantities = [Quantity(**each) for each in told.pop("quantities", [])]
        made = model_create(actor=viewer, organization=organization, quantities=quantities, **told)
        return Response(ModelOut(model_row(made)).data, status=HTTPStatus.CREATED)


class ModelDetail(APIView):
    """One model."""

    @extend_schema(operation_id="models_retrieve", responses=answers({200: ModelOut}, *READ_PROBLEMS))
    def get(self, request: Request, model_id: int) -> Response:
        """What it measures."""
        return Response(ModelOut(model_row(model_get(viewer=viewer_of(request), model_id=model_id))).data)

    @extend_schema(operation_id="models_delete", responses=answers({204: None}, *WRITE_PROBLEMS))
    def delete(self, request: Request, model_id: int) -> Response:
        """Take one of your own away; its stations then have none."""
        viewer = viewer_of(request)
        model_delete(actor=viewer, model=model_get(viewer=viewer, model_id=model_id))
        return Response(status=HTTPStatus.NO_CONTENT)


class TagOut(serializers.Serializer[Any]):
    """A word on stations."""

    name = serializers.CharField()
    organization = serializers.CharField()
    stations = serializers.IntegerField(help_text="In service.")


class TagsOut(serializers.Serializer[Any]):
    """A page of tags."""

    results = TagOut(many=True)
    next = serializers.URLField(allow_null=True)


def tag_row(tag: Tag) -> dict[str, Any]:
    """A tag of `tag_list` as the API shows it."""
    return {"name": tag.name, "organization": tag.organization.slug, "stations": getattr(tag, "stations_here", 0)}


class Tags(APIView):
    """The tags of your organizations; they are put on stations by `PATCH /stations/<serial>`."""

    @extend_schema(operation_id="tags_list", parameters=[ListQuery], responses=answers({200: TagsOut}, *READ_PROBLEMS))
    def get(self, request: Request) -> Response:
        """By name."""
        query = query_read(request, ListQuery)
        rows = tag_list(viewer=viewer_of(request))
        page = page_read(request, query, rows, columns={"name": _NAME}, usual="name", last=_ID)
        return Response(TagsOut({"results": [tag_row(row) for row in page.rows], "next": page.next}).data)


class GroupIn(StrictSerializer):
    """A group's name and rule."""

    name = serializers.CharField(max_length=80)
    rule = serializers.ChoiceField(
        choices=StationGroup.Rule.choices, allow_blank=True, default="", help_text="Empty: only by hand."
    )
    value = serializers.CharField(
        max_length=120,
        allow_blank=True,
        default="",
        help_text="Beginning of serials, a network such as 10.4.0.0/16, a tag, or the name of a model.",
    )


class GroupNewIn(GroupIn):
    """A new group."""

    organization = serializers.SlugField()


class GroupOut(GroupIn):
    """A group; its stations are `GET /stations?group=<id>`."""

    id = serializers.IntegerField()
    organization = serializers.CharField()


class GroupsOut(serializers.Serializer[Any]):
    """A page of groups."""

    results = GroupOut(many=True)
    next = serializers.URLField(allow_null=True)


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
        """By name."""
        query = query_read(request, ListQuery)
        rows = group_list(viewer=viewer_of(request))
        page = page_read(request, query, rows, columns={"name": _NAME}, usual="name", last=_ID)
        return Response(GroupsOut({"results": [group_row(row) for row in page.rows], "next": page.next}).data)

    @extend_schema(
        operation_id="groups_create", request=GroupNewIn, responses=answers({201: GroupOut}, *WRITE_PROBLEMS)
    )
    def post(self, request: Request) -> Response:
        """Make one."""
        viewer, asked = viewer_of(request), GroupNewIn(data=request.data)
        asked.is_valid(raise_exception=True)
        told = asked.validated_data
        organization = organization_find(viewer=viewer, slug=told.pop("organization"))
        made = group_create(actor=viewer, organization=organization, **told)
        return Response(GroupOut(group_row(made)).data, status=HTTPStatus.CREATED)


class GroupDetail(APIView):
    """One group."""

    @extend_schema(operation_id="groups_retrieve", responses=answers({200: GroupOut}, *READ_PROBLEMS))
    def get(self, request: Request, group_id: int) -> Response:
        """Its name and rule."""
        return Response(GroupOut(group_row(group_get(viewer=viewer_of(request), group_id=group_id))).data)

    @extend_schema(operation_id="groups_replace", request=GroupIn, responses=answers({200: GroupOut}, *WRITE_PROBLEMS))
    def put(self, request: Request, group_id: int) -> Response:
        """Give it this name and rule."""
        viewer, asked = viewer_of(request), GroupIn(data=request.data)
        group = group_get(viewer=viewer, group_id=group_id)
        asked.is_valid(raise_exception=True)
        return Response(GroupOut(group_row(group_update(actor=viewer, group=group, **asked.validated_data))).data)

    @extend_schema(operation_id="groups_delete", responses=answers({204: None}, *WRITE_PROBLEMS))
    def delete(self, request: Request, group_id: int) -> Response:
        """Take it away; its stations stay."""
        viewer = viewer_of(request)
        group_delete(actor=viewer, group=group_get(viewer=viewer, group_id=group_id))
        return Response(status=HTTPStatus.NO_CONTENT)


class GroupMember(APIView):
    """A station in a group by hand."""

    @extend_schema(operation_id="groups_add", request=None, responses=answers({204: None}, *WRITE_PROBLEMS))
    def put(self, request: Request, group_id: int, serial: str) -> Response:
        """Put it in."""
        return self._set(request, group_id, serial, is_member=True)

    @extend_schema(operation_id="groups_remove", responses=answers({204: None}, *WRITE_PROBLEMS))
    def delete(self, request: Request, group_id: int, serial: str) -> Response:
        """Take it out."""
        return self._set(request, group_id, serial, is_member=False)

    def _set(self, request: Request, group_id: int, serial: str, *, is_member: bool) -> Response:
        viewer = viewer_of(request)
        group, station = group_get(viewer=viewer, group_id=group_id), station_get(viewer=viewer, serial=serial)
        group_member_set(actor=viewer, group=group, station=station, is_member=is_member)
        return Response(status=HTTPStatus.NO_CONTENT)


class FilterIn(StrictSerializer):
    """A view of the fleet page to be kept."""

    name = serializers.CharField(max_length=60)
    query = serializers.CharField(max_length=500, help_text="As in the page's address: `state=silent&tag=north`.")


class FilterOut(FilterIn):
    """A kept view."""

    id = serializers.IntegerField()


class FiltersOut(serializers.Serializer[Any]):
    """A page of kept views."""

    results = FilterOut(many=True)
    next = serializers.URLField(allow_null=True)


class Filters(APIView):
    """The views that a person keeps; keys keep none."""

    @extend_schema(
        operation_id="filters_list", parameters=[ListQuery], responses=answers({200: FiltersOut}, *READ_PROBLEMS)
    )
    def get(self, request: Request) -> Response:
        """By name."""
        user = viewer_of(request).user
        rows = filter_list(user=user) if user else SavedFilter.objects.none()
        page = page_read(request, query_read(request, ListQuery), rows, columns={"name": _NAME}, usual="name", last=_ID)
        return Response(FiltersOut({"results": page.rows, "next": page.next}).data)

    @extend_schema(operation_id="filters_keep", request=FilterIn, responses=answers({201: FilterOut}, *WRITE_PROBLEMS))
    def post(self, request: Request) -> Response:
        """Keep one; a view that had the name is replaced."""
        user, asked = _person(request), FilterIn(data=request.data)
        asked.is_valid(raise_exception=True)
        return Response(FilterOut(filter_save(user=user, **asked.validated_data)).data, status=HTTPStatus.CREATED)


class FilterDetail(APIView):
    """One kept view."""

    @extend_schema(operation_id="filters_forget", responses=answers({204: None}, *WRITE_PROBLEMS))
    def delete(self, request: Request, filter_id: int) -> Response:
        """Forget it."""
        filter_delete(user=_person(request), filter_id=filter_id)
        return Response(status=HTTPStatus.NO_CONTENT)


def _person(request: Request) -> User:
    user = viewer_of(request).user
    if user is None:
        raise NotFound("Views are kept by people, and this key is none.")
    return user
