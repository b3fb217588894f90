"""`/sites` and `/rooms`: the places where stations are deployed."""

from http import HTTPStatus
from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.deployments.models import Room, Site
from fleet.deployments.selectors import room_get, room_list, site_get, site_list
from fleet.deployments.sites import room_create, room_delete, room_update, site_create, site_delete, site_update
from fleet.organizations.selectors import organization_find
from rest_api.authentication import viewer_of
from rest_api.lists import ID_MOST, ListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, body_read, query_read

_NAME, _ID = SortColumn("name"), SortColumn("id", int)
#: Fields of a site and of a room that are shown as stored.
SITE_FIELDS = (
    *("name", "latitude", "longitude", "elevation_m", "timezone"),
    *("street", "postal_code", "city", "country", "notes"),
)
ROOM_FIELDS = ("name", "size_sqm", "height_m", "occupancy")


class SiteChangesIn(StrictSerializer):
    """Changes to a site. Omitted fields stay as they are."""

    name = serializers.CharField(required=False, max_length=120)
    latitude = serializers.FloatField(required=False, allow_null=True, help_text="Degrees north, WGS 84.")
    longitude = serializers.FloatField(required=False, allow_null=True, help_text="Degrees east, WGS 84.")
    elevation_m = serializers.FloatField(required=False, allow_null=True)
    timezone = serializers.CharField(required=False, max_length=64, help_text="Such as Europe/Berlin.")
    street = serializers.CharField(required=False, allow_blank=True, max_length=200)
    postal_code = serializers.CharField(required=False, allow_blank=True, max_length=20)
    city = serializers.CharField(required=False, allow_blank=True, max_length=120)
    country = serializers.CharField(required=False, allow_blank=True, max_length=80)
    notes = serializers.CharField(required=False, allow_blank=True, max_length=10_000)


class SiteIn(SiteChangesIn):
    """A new site."""

    organization = serializers.SlugField()
    name = serializers.CharField(max_length=120)


class SiteOut(SiteIn):
    """A site."""

    id = serializers.IntegerField()
    stations_now = serializers.IntegerField(help_text="Stations deployed there now.")


class SitesQuery(ListQuery):
    """Filters of the site list."""

    search = serializers.CharField(required=False, allow_blank=True, max_length=120, help_text="Part of name or city.")
    organization = serializers.SlugField(required=False)


SitesOut = page_of("SitesOut", SiteOut, "A page of sites.")


def site_row(site: Site) -> dict[str, Any]:
    """A site of `site_list` as the API shows it."""
    return {
        **{name: getattr(site, name) for name in SITE_FIELDS},
        "id": site.pk,
        "organization": site.organization.slug,
        "stations_now": getattr(site, "stations_now", 0),
    }


class Sites(APIView):
    """The sites of your organizations."""

    @extend_schema(
        operation_id="sites_list", parameters=[SitesQuery], responses=answers({200: SitesOut}, *READ_PROBLEMS)
    )
    def get(self, request: Request) -> Response:
        """List the sites of your organizations by name."""
        query = query_read(request, SitesQuery)
        rows = site_list(
            viewer=viewer_of(request), search=query.get("search", ""), organization=query.get("organization", "")
        )
        page = page_read(
            request, query, rows, columns={"name": _NAME, "city": SortColumn("city")}, usual="name", last=_ID
        )
        return page.response(SitesOut, site_row)

    @extend_schema(operation_id="sites_create", request=SiteIn, responses=answers({201: SiteOut}, *WRITE_PROBLEMS))
    def post(self, request: Request) -> Response:
        """Create a site."""
        viewer = viewer_of(request)
        told = body_read(request, SiteIn)
        organization = organization_find(viewer=viewer, slug=told.pop("organization"))
        made = site_create(organization=organization, actor=viewer, **told)
        return Response(SiteOut(site_row(made)).data, status=HTTPStatus.CREATED)


class SiteDetail(APIView):
    """One site."""

    @extend_schema(operation_id="sites_retrieve", responses=answers({200: SiteOut}, *READ_PROBLEMS))
    def get(self, request: Request, site_id: int) -> Response:
        """Show a site."""
        return Response(SiteOut(site_row(site_get(viewer=viewer_of(request), site_id=site_id))).data)

    @extend_schema(
        operation_id="sites_update", request=SiteChangesIn, responses=answers({200: SiteOut}, *WRITE_PROBLEMS)
    )
    def patch(self, request: Request, site_id: int) -> Response:
        """Change the given fields of a site."""
        viewer = viewer_of(request)
        site = site_get(viewer=viewer, site_id=site_id)
        asked = body_read(request, SiteChangesIn, partial=True)
        return Response(SiteOut(site_row(site_update(site=site, actor=viewer, **asked))).data)

    @extend_schema(operation_id="sites_delete", responses=answers({204: None}, *WRITE_PROBLEMS))
    def delete(self, request: Request, site_id: int) -> Response:
        """Delete a site. 409 if a station was ever deployed there."""
        viewer = viewer_of(request)
        site_delete(site=site_get(viewer=viewer, site_id=site_id), actor=viewer)
        return Response(status=HTTPStatus.NO_CONTENT)


class RoomChangesIn(StrictSerializer):
    """Changes to a room. Omitted fields stay as they are."""

    name = serializers.CharField(required=False, max_length=120)
    size_sqm = serializers.FloatField(required=False, allow_null=True)
    height_m = serializers.FloatField(required=False, allow_null=True)
    occupancy = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=1_000_000)


class RoomIn(RoomChangesIn):
    """A new room."""

    site = serializers.IntegerField(min_value=1, max_value=ID_MOST)
    name = serializers.CharField(max_length=120)


class RoomOut(RoomIn):
    """A room."""

    id = serializers.IntegerField()


class RoomsQuery(ListQuery):
    """Filters of the room list."""

    site = serializers.IntegerField(required=False, min_value=1, max_value=ID_MOST)


RoomsOut = page_of("RoomsOut", RoomOut, "A page of rooms.")


def room_row(room: Room) -> dict[str, Any]:
    """A room as the API shows it."""
    return {**{name: getattr(room, name) for name in ROOM_FIELDS}, "id": room.pk, "site": room.site_id}


class Rooms(APIView):
    """The rooms at your sites."""

    @extend_schema(
        operation_id="rooms_list", parameters=[RoomsQuery], responses=answers({200: RoomsOut}, *READ_PROBLEMS)
    )
    def get(self, request: Request) -> Response:
        """List the rooms at your sites by name."""
        query = query_read(request, RoomsQuery)
        rows = room_list(viewer=viewer_of(request), site_id=query.get("site"))
        page = page_read(request, query, rows, columns={"name": _NAME}, usual="name", last=_ID)
        return page.response(RoomsOut, room_row)

    @extend_schema(operation_id="rooms_create", request=RoomIn, responses=answers({201: RoomOut}, *WRITE_PROBLEMS))
    def post(self, request: Request) -> Response:
        """Add a room to a site."""
        viewer = viewer_of(request)
        told = body_read(request, RoomIn)
        made = room_create(site=site_get(viewer=viewer, site_id=told.pop("site")), actor=viewer, **told)
        return Response(RoomOut(room_row(made)).data, status=HTTPStatus.CREATED)


class RoomDetail(APIView):
    """One room."""

    @extend_schema(operation_id="rooms_retrieve", responses=answers({200: RoomOut}, *READ_PROBLEMS))
    def get(self, request: Request, room_id: int) -> Response:
        """Show a room."""
        return Response(RoomOut(room_row(room_get(viewer=viewer_of(request), room_id=room_id))).data)

    @extend_schema(
        operation_id="rooms_update", request=RoomChangesIn, responses=answers({200: RoomOut}, *WRITE_PROBLEMS)
    )
    def patch(self, request: Request, room_id: int) -> Response:
        """Change the given fields of a room."""
        viewer = viewer_of(request)
        room = room_get(viewer=viewer, room_id=room_id)
        asked = body_read(request, RoomChangesIn, partial=True)
        return Response(RoomOut(room_row(room_update(room=room, actor=viewer, **asked))).data)

    @extend_schema(operation_id="rooms_delete", responses=answers({204: None}, *WRITE_PROBLEMS))
    def delete(self, request: Request, room_id: int) -> Response:
        """Delete a room. Its deployments keep their site."""
        viewer = viewer_of(request)
        room_delete(room=room_get(viewer=viewer, room_id=room_id), actor=viewer)
        return Response(status=HTTPStatus.NO_CONTENT)


urlpatterns = [
    path("sites", Sites.as_view(), name="sites"),
    path("sites/<int:site_id>", SiteDetail.as_view(), name="site"),
    path("rooms", Rooms.as_view(), name="rooms"),
    path("rooms/<int:room_id>", RoomDetail.as_view(), name="room"),
]
