"""`/deployments`: which station was where and when, with which antennas, and which part of that is public."""

from http import HTTPStatus
from typing import Any

from django.db import transaction
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from fleet.core import clock
from fleet.deployments.antennas import AntennaSaid, antennas_set
from fleet.deployments.models import Antenna, Deployment
from fleet.deployments.places import place_shown
from fleet.deployments.publishing import deployment_publish
from fleet.deployments.selectors import deployment_get, deployments_visible, room_get, site_get
from fleet.deployments.services import deployment_begin, deployment_delete, deployment_update
from fleet.organizations.access import Viewer
from fleet.stations.selectors import station_get
from rest_api.authentication import viewer_of
from rest_api.lists import ID_MOST, ListQuery, SortColumn, page_read
from rest_api.paging import page_of
from rest_api.questions import READ_PROBLEMS, WRITE_PROBLEMS, StrictSerializer, answers, body_read, query_read

_ID = SortColumn("id", int)
PUBLICATION_FIELDS = ("is_public", "location", "blur_radius_m", "withheld_until", "is_serial_public")


class AntennaData(StrictSerializer):
    """An antenna."""

    port = serializers.IntegerField(min_value=0, max_value=99)
    type = serializers.CharField(max_length=60, allow_blank=True, default="")
    bearing_deg = serializers.FloatField(allow_null=True, default=None, help_text="From true north, 0 to 360.")
    height_m = serializers.FloatField(allow_null=True, default=None)
    frequency_mhz = serializers.FloatField(allow_null=True, default=None)
    cable = serializers.CharField(
        max_length=60, allow_blank=True, default="", help_text="Type and length, such as LMR-400 8 m."
    )
    beam_width_deg = serializers.FloatField(
        allow_null=True, default=None, help_text="Above 0, up to 360, which hears all around."
    )
    polarization = serializers.ChoiceField(
        choices=Antenna.Polarization.choices, allow_blank=True, default="", help_text="Empty: not recorded."
    )


class DeploymentChangesIn(StrictSerializer):
    """Corrections to a deployment. Omitted fields stay as they are."""

    start = serializers.DateTimeField(required=False)
    end = serializers.DateTimeField(required=False, allow_null=True, help_text="null: the station is still there.")
    room = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=ID_MOST)
    latitude = serializers.FloatField(required=False, allow_null=True, help_text="null: use the site's.")
    longitude = serializers.FloatField(required=False, allow_null=True)
    description = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    antennas = AntennaData(many=True, required=False)


class DeploymentIn(StrictSerializer):
    """A new deployment. It ends the station's current one."""

    station = serializers.CharField(max_length=80)
    site = serializers.IntegerField(min_value=1, max_value=ID_MOST)
    at = serializers.DateTimeField(required=False, allow_null=True, default=None, help_text="Default: now.")
    room = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=ID_MOST)
    description = serializers.CharField(required=False, allow_blank=True, default="", max_length=10_000)


class PublicationData(StrictSerializer):
    """The public part of a deployment."""

    is_public = serializers.BooleanField()
    location = serializers.ChoiceField(choices=Deployment.Location.choices, default=Deployment.Location.EXACT)
    blur_radius_m = serializers.FloatField(allow_null=True, default=None)
    withheld_until = serializers.DateTimeField(allow_null=True, default=None)
    is_serial_public = serializers.BooleanField(default=False)


class DeploymentOut(serializers.Serializer[Any]):
    """A station at a site during a period."""

    id = serializers.IntegerField()
    station = serializers.CharField()
    site = serializers.IntegerField()
    site_name = serializers.CharField()
    room = serializers.IntegerField(allow_null=True)
    start = serializers.DateTimeField()
    end = serializers.DateTimeField(allow_null=True)
    latitude = serializers.FloatField(allow_null=True, help_text="The deployment's own, or the site's.")
    longitude = serializers.FloatField(allow_null=True)
    description = serializers.CharField()
    placed_by = serializers.CharField()
    antennas = AntennaData(many=True)
    publication = PublicationData()
    public_id = serializers.UUIDField()


class DeploymentsQuery(ListQuery):
    """Filters of the deployment list."""

    station = serializers.CharField(required=False, max_length=80)
    site = serializers.IntegerField(required=False, min_value=1, max_value=ID_MOST)
    at = serializers.DateTimeField(required=False, help_text="Only deployments at this moment.")


DeploymentsOut = page_of("DeploymentsOut", DeploymentOut, "A page of deployments.")


def antenna_rows(deployment: Deployment) -> list[dict[str, Any]]:
    """The antennas of a deployment, by port."""
    found = sorted(deployment.antennas.all(), key=lambda antenna: antenna.port)
    return [{name: getattr(antenna, name) for name in AntennaSaid._fields} for antenna in found]


def deployment_row(deployment: Deployment, viewer: Viewer) -> dict[str, Any]:
    """A deployment of `deployments_visible` as the API shows it to this viewer."""
    place = place_shown(viewer=viewer, deployment=deployment, moment=clock.now())
    return {
        "id": deployment.pk,
        "station": deployment.station.serial,
        "site": deployment.site_id,
        "site_name": deployment.site.name,
        "room": deployment.room_id,
        "start": deployment.period.lower,
        "end": deployment.period.upper,
        "latitude": place.latitude,
        "longitude": place.longitude,
        "description": deployment.description,
        "placed_by": deployment.placed_by_name,
        "antennas": antenna_rows(deployment),
        "publication": {name: getattr(deployment, name) for name in PUBLICATION_FIELDS},
        "public_id": deployment.public_id,
    }


class Deployments(APIView):
    """Which station was where, and when."""

    @extend_schema(
        operation_id="deployments_list",
        parameters=[DeploymentsQuery],
        responses=answers({200: DeploymentsOut}, *READ_PROBLEMS),
    )
    def get(self, request: Request) -> Response:
        """List deployments, newest first."""
        query, viewer = query_read(request, DeploymentsQuery), viewer_of(request)
        station = station_get(viewer=viewer, serial=query["station"]) if "station" in query else None
        rows = deployments_visible(viewer=viewer, station=station, site_id=query.get("site"), moment=query.get("at"))
        page = page_read(request, query, rows.prefetch_related("antennas"), columns={"id": _ID}, usual="-id", last=_ID)
        return page.response(DeploymentsOut, lambda row: deployment_row(row, viewer))

    @extend_schema(
        operation_id="deployments_create",
        request=DeploymentIn,
        responses=answers({201: DeploymentOut}, *WRITE_PROBLEMS),
    )
    def post(self, request: Request) -> Response:
        """Place a station at a site, or move it there."""
        viewer = viewer_of(request)
        told = body_read(request, DeploymentIn)
        room = told.get("room")
        made = deployment_begin(
            station=station_get(viewer=viewer, serial=told["station"]),
            site=site_get(viewer=viewer, site_id=told["site"]),
            actor=viewer,
            at=told["at"],
            room=None if room is None else room_get(viewer=viewer, room_id=room),
            description=told["description"],
        )
        found = deployment_get(viewer=viewer, deployment_id=made.pk)
        return Response(DeploymentOut(deployment_row(found, viewer)).data, status=HTTPStatus.CREATED)


class DeploymentDetail(APIView):
    """One deployment."""

    @extend_schema(operation_id="deployments_retrieve", responses=answers({200: DeploymentOut}, *READ_PROBLEMS))
    def get(self, request: Request, deployment_id: int) -> Response:
        """Show a deployment with its antennas."""
        viewer = viewer_of(request)
        found = deployment_get(viewer=viewer, deployment_id=deployment_id)
        return Response(DeploymentOut(deployment_row(found, viewer)).data)

    @extend_schema(
        operation_id="deployments_update",
        request=DeploymentChangesIn,
        responses=answers({200: DeploymentOut}, *WRITE_PROBLEMS),
    )
    def patch(self, request: Request, deployment_id: int) -> Response:
        """Correct the given fields. Setting `end` ends the deployment."""
        viewer = viewer_of(request)
        found = deployment_get(viewer=viewer, deployment_id=deployment_id)
        told = body_read(request, DeploymentChangesIn, partial=True)
        antennas = told.pop("antennas", None)
        if told.get("room") is not None:
            told["room"] = room_get(viewer=viewer, room_id=told["room"])
        with transaction.atomic():
            deployment_update(deployment=found, actor=viewer, **told)
            if antennas is not None:
                antennas_set(deployment=found, actor=viewer, antennas=[AntennaSaid(**each) for each in antennas])
        found = deployment_get(viewer=viewer, deployment_id=deployment_id)
        return Response(DeploymentOut(deployment_row(found, viewer)).data)

    @extend_schema(operation_id="deployments_delete", responses=answers({204: None}, *WRITE_PROBLEMS))
    def delete(self, request: Request, deployment_id: int) -> Response:
        """Delete a deployment that was recorded by mistake."""
        viewer = viewer_of(request)
        deployment_delete(deployment=deployment_get(viewer=viewer, deployment_id=deployment_id), actor=viewer)
        return Response(status=HTTPStatus.NO_CONTENT)


class DeploymentPublication(APIView):
    """The public part of a deployment."""

    @extend_schema(
        operation_id="deployments_publish",
        request=PublicationData,
        responses=answers({200: DeploymentOut}, *WRITE_PROBLEMS),
    )
    def put(self, request: Request, deployment_id: int) -> Response:
        """Make a deployment public, or visible to members only."""
        viewer = viewer_of(request)
        found = deployment_get(viewer=viewer, deployment_id=deployment_id)
        asked = body_read(request, PublicationData)
        deployment_publish(deployment=found, actor=viewer, **asked)
        return Response(DeploymentOut(deployment_row(found, viewer)).data)


urlpatterns = [
    path("deployments", Deployments.as_view(), name="deployments"),
    path("deployments/<int:deployment_id>", DeploymentDetail.as_view(), name="deployment"),
    path("deployments/<int:deployment_id>/publication", DeploymentPublication.as_view(), name="deployment-publication"),
]
