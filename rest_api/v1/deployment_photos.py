"""`/deployments/{id}/photos`: photos of a deployment for members; public photos of public deployments for everybody."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.http import FileResponse
from django.http.response import HttpResponseBase
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.core import clock
from fleet.core.errors import NotFound
from fleet.deployments.selectors import deployment_get, deployment_public_get
from fleet.files.photos import photo_add, photo_change_check, photo_file, photo_list
from fleet.files.photos_public import photo_public_find, photos_public
from rest_api.authentication import viewer_of
from rest_api.lists import ListQuery, page_read
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, answers, body_read, query_read
from rest_api.v1.photos import COLUMNS, LAST, PhotoIn, PhotoOut, PhotosOut, photo_row

_PUBLIC_PROBLEMS = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.TOO_MANY_REQUESTS)


class DeploymentPhotos(APIView):
    """Photos of a deployment. To change or delete one, use `/stations/{serial}/photos`."""

    parser_classes = (MultiPartParser,)

    @extend_schema(
        operation_id="deployments_photos_list",
        parameters=[ListQuery],
        responses=answers({200: PhotosOut}, *READ_PROBLEMS),
    )
    def get(self, request: Request, deployment_id: int) -> Response:
        """List the photos of a deployment, newest first."""
        found = deployment_get(viewer=viewer_of(request), deployment_id=deployment_id)
        query, photos = query_read(request, ListQuery), photo_list(station=found.station, deployment=found)
        page = page_read(request, query, photos, columns=COLUMNS, usual="-added_at", last=LAST)
        return page.response(PhotosOut, photo_row)

    @extend_schema(
        operation_id="deployments_photos_create",
        request={"multipart/form-data": PhotoIn},
        responses=answers({201: PhotoOut}, *WRITE_PROBLEMS, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    )
    def post(self, request: Request, deployment_id: int) -> Response:
        """Add a photo. Only members see it until it is made public. Only the picture is stored, no camera metadata."""
        viewer = viewer_of(request)
        found = deployment_get(viewer=viewer, deployment_id=deployment_id)
        # Check the role before the body is read and parsed.
        photo_change_check(actor=viewer, station=found.station)
        told = body_read(request, PhotoIn)
        photo = photo_add(
            actor=viewer, station=found.station, upload=told["photo"], caption=told["caption"], deployment=found
        )
        return Response(PhotoOut(photo_row(photo)).data, status=HTTPStatus.CREATED)


class PublicPhotoOut(serializers.Serializer[Any]):
    """A public photo."""

    name = serializers.CharField()
    caption = serializers.CharField(allow_blank=True)
    width = serializers.IntegerField()
    height = serializers.IntegerField()


class PublicPhotosOut(serializers.Serializer[Any]):
    """All public photos of a deployment. There are few, so they are not paged."""

    results = PublicPhotoOut(many=True)


class PublicPhotos(APIView):
    """Photos of a public deployment, without a login."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="public_photos_list", auth=[], responses=answers({200: PublicPhotosOut}, *_PUBLIC_PROBLEMS)
    )
    def get(self, request: Request, public_id: UUID) -> Response:  # noqa: ARG002 - the library's signature
        """List public photos, newest first; none while the deployment's place is blurred or withheld."""
        found = deployment_public_get(public_id=public_id)
        photos = photos_public(deployments=[found], moment=clock.now())[found.pk]
        return Response(PublicPhotosOut({"results": photos}).data)


class PublicPhotoDetail(APIView):
    """One public photo."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="public_photos_retrieve",
        auth=[],
        parameters=[OpenApiParameter("name", OpenApiTypes.STR, OpenApiParameter.PATH)],
        responses=answers({(200, "image/jpeg"): OpenApiTypes.BINARY}, *_PUBLIC_PROBLEMS),
    )
    def get(self, request: Request, public_id: UUID, name: str) -> HttpResponseBase:  # noqa: ARG002 - as above
        """Download a public photo."""
        photo = photo_public_find(public_id=public_id, name=name, moment=clock.now())
        try:
            opened = photo_file(photo, "whole").open("rb")
        except FileNotFoundError as error:
            raise NotFound("The file of this photo is missing on the server.") from error
        return FileResponse(opened, content_type="image/jpeg", headers={"X-Content-Type-Options": "nosniff"})


urlpatterns = [
    path("deployments/<int:deployment_id>/photos", DeploymentPhotos.as_view(), name="deployment-photos"),
    path("public/deployments/<uuid:public_id>/photos", PublicPhotos.as_view(), name="public-photos"),
    path("public/deployments/<uuid:public_id>/photos/<str:name>", PublicPhotoDetail.as_view(), name="public-photo"),
]
