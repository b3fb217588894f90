"""`/tags`: labels that people put on stations."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.stations.models import Tag
from fleet.stations.sorting.tags import tag_list
from rest_api.authentication import viewer_of
from rest_api.lists import ListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import READ_PROBLEMS, answers, query_read

_NAME, _ID = SortColumn("name"), SortColumn("id", int)


class TagOut(serializers.Serializer[Any]):
    """A tag."""

    name = serializers.CharField()
    organization = serializers.CharField()
    stations = serializers.IntegerField(help_text="Number of stations in service that have it.")


TagsOut = page_of("TagsOut", TagOut, "A page of tags.")


def tag_row(tag: Tag) -> dict[str, Any]:
    """A tag of `tag_list` as the API shows it."""
    return {"name": tag.name, "organization": tag.organization.slug, "stations": getattr(tag, "stations_here", 0)}


class Tags(APIView):
    """The tags of the caller's organizations. `PATCH /stations/<serial>` sets the tags of a station."""

    @extend_schema(operation_id="tags_list", parameters=[ListQuery], responses=answers({200: TagsOut}, *READ_PROBLEMS))
    def get(self, request: Request) -> Response:
        """List the tags of your organizations by name. Set them with `PATCH /stations/<serial>`."""
        query = query_read(request, ListQuery)
        rows = tag_list(viewer=viewer_of(request))
        page = page_read(request, query, rows, columns={"name": _NAME}, usual="name", last=_ID)
        return page.response(TagsOut, tag_row)


urlpatterns = [
    path("tags", Tags.as_view(), name="tags"),
]
