"""`/filters`: saved views of the fleet page."""

from http import HTTPStatus

from django.contrib.auth.models import User
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.core.errors import NotFound
from fleet.stations.models import SavedFilter
from fleet.stations.sorting.saved_filters import filter_delete, filter_list, filter_save
from rest_api.authentication import viewer_of
from rest_api.lists import ListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, body_read, query_read

_NAME, _ID = SortColumn("name"), SortColumn("id", int)


class FilterIn(StrictSerializer):
    """A view of the fleet page to save."""

    name = serializers.CharField(max_length=60)
    query = serializers.CharField(max_length=500, help_text="As in the page's URL: `state=silent&tag=north`.")


class FilterOut(FilterIn):
    """A saved view."""

    id = serializers.IntegerField()


FiltersOut = page_of("FiltersOut", FilterOut, "A page of saved views.")


class Filters(APIView):
    """A person's saved views. Keys have none."""

    @extend_schema(
        operation_id="filters_list", parameters=[ListQuery], responses=answers({200: FiltersOut}, *READ_PROBLEMS)
    )
    def get(self, request: Request) -> Response:
        """List your saved views by name."""
        user = viewer_of(request).user
        rows = filter_list(user=user) if user else SavedFilter.objects.none()
        page = page_read(request, query_read(request, ListQuery), rows, columns={"name": _NAME}, usual="name", last=_ID)
        return page.response(FiltersOut)

    @extend_schema(operation_id="filters_keep", request=FilterIn, responses=answers({201: FilterOut}, *WRITE_PROBLEMS))
    def post(self, request: Request) -> Response:
        """Save a view. It replaces your view of the same name."""
        user = _person(request)
        asked = body_read(request, FilterIn)
        return Response(FilterOut(filter_save(user=user, **asked)).data, status=HTTPStatus.CREATED)


class FilterDetail(APIView):
    """One saved view."""

    @extend_schema(operation_id="filters_forget", responses=answers({204: None}, *WRITE_PROBLEMS))
    def delete(self, request: Request, filter_id: int) -> Response:
        """Delete a saved view."""
        filter_delete(user=_person(request), filter_id=filter_id)
        return Response(status=HTTPStatus.NO_CONTENT)


def _person(request: Request) -> User:
    user = viewer_of(request).user
    if user is None:
        raise NotFound("Only people can save views, not keys.")
    return user


urlpatterns = [
    path("filters", Filters.as_view(), name="filters"),
    path("filters/<int:filter_id>", FilterDetail.as_view(), name="filter"),
]
