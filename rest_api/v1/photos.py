"""`/stations/<serial>/photos`: photos of a station and its deployments."""

from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.http import FileResponse
from django.http.response import HttpResponseBase
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.core.errors import NotFound
from fleet.files.models import Photo
from fleet.files.photos import (
    photo_add,
    photo_change_check,
    photo_file,
    photo_find,
    photo_list,
    photo_publish,
    photo_remove,
)
from fleet.stations.selectors import station_get
from rest_api.authentication import viewer_of
from rest_api.lists import ListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, body_read, query_read

COLUMNS = {"added_at": SortColumn("added_at", datetime, is_filled=True)}
LAST = SortColumn("id", int, is_filled=True)


class PhotoIn(StrictSerializer):
    """A new photo: JPEG, PNG or WebP, up to 15 MB."""

    photo = serializers.FileField()
    caption = serializers.CharField(required=False, allow_blank=True, default="", max_length=200)


class PhotoOut(serializers.Serializer[Any]):
    """A photo. Its picture is at `/stations/{serial}/photos/{name}`."""

    name = serializers.CharField()
    caption = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    bytes = serializers.IntegerField()
    added_by = serializers.CharField()
    added_at = serializers.DateTimeField()
    deployment = serializers.IntegerField(
        allow_null=True, help_text="The deployment it shows; null: the device itself."
    )
    is_public = serializers.BooleanField(
        help_text="Everybody sees it while its deployment is public with its exact place."
    )


class PhotoChangesIn(StrictSerializer):
    """Whether a photo of a deployment is public."""

    is_public = serializers.BooleanField()


PhotosOut = page_of("PhotosOut", PhotoOut, "A page of photos.")


def photo_row(photo: Photo) -> dict[str, Any]:
    """A photo as the API shows it to members."""
    return {
        "name": photo.name,
        "caption": photo.caption,
        "width": photo.width,
        "height": photo.height,
        "bytes": photo.octets,
        "added_by": photo.added_by_name,
        "added_at": photo.added_at,
        "deployment": photo.deployment_id,
        "is_public": photo.is_public,
    }


class Photos(APIView):
    """Photos of a station."""

    parser_classes = (MultiPartParser,)

    @extend_schema(
        operation_id="photos_list", parameters=[ListQuery], responses=answers({200: PhotosOut}, *READ_PROBLEMS)
    )
    def get(self, request: Request, serial: str) -> Response:
        """List the photos of a station, newest first."""
        station = station_get(viewer=viewer_of(request), serial=serial)
        query, photos = query_read(request, ListQuery), photo_list(station=station)
        page = page_read(request, query, photos, columns=COLUMNS, usual="-added_at", last=LAST)
        return page.response(PhotosOut, photo_row)

    @extend_schema(
        operation_id="photos_create",
        request={"multipart/form-data": PhotoIn},
        responses=answers({201: PhotoOut}, *WRITE_PROBLEMS, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    )
    def post(self, request: Request, serial: str) -> Response:
        """Add a photo. Only the picture is stored, no camera metadata."""
        viewer = viewer_of(request)
        station = station_get(viewer=viewer, serial=serial)
        # Check the role before the body is read and parsed.
        photo_change_check(actor=viewer, station=station)
        told = body_read(request, PhotoIn)
        photo = photo_add(actor=viewer, station=station, upload=told["photo"], caption=told["caption"])
        return Response(PhotoOut(photo_row(photo)).data, status=HTTPStatus.CREATED)


class PhotoDetail(APIView):
    """One photo."""

    @extend_schema(
        operation_id="photos_retrieve",
        parameters=[OpenApiParameter("name", OpenApiTypes.STR, OpenApiParameter.PATH)],
        responses=answers({(200, "image/jpeg"): OpenApiTypes.BINARY}, *READ_PROBLEMS),
    )
    def get(self, request: Request, serial: str, name: str) -> HttpResponseBase:
        """Download a photo."""
        photo = self._find(request, serial, name)
        try:
            opened = photo_file(photo, "whole").open("rb")
        except FileNotFoundError as error:
            raise NotFound("The file of this photo is missing on the server.") from error
        return FileResponse(opened, content_type="image/jpeg", headers={"X-Content-Type-Options": "nosniff"})

    @extend_schema(
        operation_id="photos_update",
        request=PhotoChangesIn,
        parameters=[OpenApiParameter("name", OpenApiTypes.STR, OpenApiParameter.PATH)],
        responses=answers({200: PhotoOut}, *WRITE_PROBLEMS),
    )
    def patch(self, request: Request, serial: str, name: str) -> Response:
        """Make a photo public, or visible to members only."""
        photo = self._find(request, serial, name)
        photo_change_check(actor=viewer_of(request), station=photo.station)
        asked = body_read(request, PhotoChangesIn)
        photo_publish(actor=viewer_of(request), photo=photo, is_public=asked["is_public"])
        return Response(PhotoOut(photo_row(photo)).data)

    @extend_schema(
        operation_id="photos_delete",
        parameters=[OpenApiParameter("name", OpenApiTypes.STR, OpenApiParameter.PATH)],
        responses=answers({204: None}, *WRITE_PROBLEMS),
    )
    def delete(self, request: Request, serial: str, name: str) -> Response:
        """Delete a photo permanently."""
        photo_remove(actor=viewer_of(request), photo=self._find(request, serial, name))
        return Response(status=HTTPStatus.NO_CONTENT)

    def _find(self, request: Request, serial: str, name: str) -> Photo:
        photo = photo_find(viewer=viewer_of(request), name=name)
        if photo.station.serial != serial:
            raise NotFound("This station has no photo of that name.")
        return photo


urlpatterns = [
    path("stations/<str:serial>/photos", Photos.as_view(), name="photos"),
    path("stations/<str:serial>/photos/<str:name>", PhotoDetail.as_view(), name="photo"),
]
