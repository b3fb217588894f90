"""`/public/deployments`: deployments that their organizations have made public; no login needed."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.core import clock
from fleet.deployments.models import Deployment
from fleet.deployments.places import place_shown
from fleet.deployments.selectors import deployment_public_get, deployments_public
from fleet.organizations.access import Viewer
from rest_api.lists import ListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import answers, query_read
from rest_api.v1.deployments import AntennaData, antenna_rows

_ID = SortColumn("id", int)
#: Viewer for every caller: members get the public view, too.
_NOBODY = Viewer(user=None, name="", roles={})


class PublicDeploymentOut(serializers.Serializer[Any]):
    """A deployment as the public sees it."""

    public_id = serializers.UUIDField()
    organization = serializers.CharField(help_text="The organization's name.")
    site = serializers.CharField(help_text="The site's name.")
    room = serializers.CharField(allow_null=True)
    station = serializers.CharField(help_text="The station's name; may be empty.")
    serial = serializers.CharField(allow_null=True, help_text="null unless the organization shows it.")
    start = serializers.DateTimeField()
    end = serializers.DateTimeField(allow_null=True)
    latitude = serializers.FloatField(allow_null=True)
    longitude = serializers.FloatField(allow_null=True)
    radius_m = serializers.FloatField(
        allow_null=True, help_text="The true place is within this distance of the point; null: the point is exact."
    )
    antennas = AntennaData(many=True)


PublicDeploymentsOut = page_of("PublicDeploymentsOut", PublicDeploymentOut, "A page of public deployments.")


def public_row(deployment: Deployment) -> dict[str, Any]:
    """A deployment of `deployments_public` as everybody sees it, members included."""
    place = place_shown(viewer=_NOBODY, deployment=deployment, moment=clock.now())
    return {
        "public_id": deployment.public_id,
        "organization": deployment.site.organization.name,
        "site": deployment.site.name,
        "room": deployment.room.name if deployment.room else None,
        "station": deployment.station.name,
        "serial": deployment.station.serial.partition("~")[0] if deployment.is_serial_public else None,
        "start": deployment.period.lower,
        "end": deployment.period.upper,
        "latitude": place.latitude,
        "longitude": place.longitude,
        "radius_m": place.radius_m,
        "antennas": antenna_rows(deployment),
    }


class PublicDeployments(APIView):
    """Public deployments, without a login."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="public_deployments_list",
        auth=[],
        parameters=[ListQuery],
        responses=answers({200: PublicDeploymentsOut}, HTTPStatus.BAD_REQUEST, HTTPStatus.TOO_MANY_REQUESTS),
    )
    def get(self, request: Request) -> Response:
        """List public deployments, newest first."""
        query = query_read(request, ListQuery)
        page = page_read(request, query, deployments_public(), columns={"id": _ID}, usual="-id", last=_ID)
        return page.response(PublicDeploymentsOut, public_row)


class PublicDeploymentDetail(APIView):
    """One public deployment."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="public_deployments_retrieve",
        auth=[],
        responses=answers(
            {200: PublicDeploymentOut}, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.TOO_MANY_REQUESTS
        ),
    )
    def get(self, request: Request, public_id: UUID) -> Response:  # noqa: ARG002 - the library's signature
        """Show a public deployment, with its place as published."""
        return Response(PublicDeploymentOut(public_row(deployment_public_get(public_id=public_id))).data)


urlpatterns = [
    path("public/deployments", PublicDeployments.as_view(), name="public-deployments"),
    path("public/deployments/<uuid:public_id>", PublicDeploymentDetail.as_view(), name="public-deployment"),
]
