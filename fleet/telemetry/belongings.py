"""What goes with an organization when it is deleted, in figures that cost nothing however much it has."""

from dataclasses import dataclass

from django.db.models import Sum

from fleet.deployments.models import Deployment, Site
from fleet.organizations.access import Viewer
from fleet.organizations.members import owner_require
from fleet.organizations.models import ApiKey, Membership, Organization
from fleet.stations.models import Station
from fleet.telemetry.models import Series, StreamLedger, UnsequencedCount


@dataclass(frozen=True, slots=True)
class Belongings:
    """Numbers of rows. `messages`: what stations sent, each with its readings or detections."""

    stations: int
    sites: int
    deployments: int
    series: int
    messages: int
    keys: int
    members: int


def organization_belongings(*, viewer: Viewer, organization: Organization) -> Belongings:
    """For its owners. Messages are counted by the ledger: readings themselves may be a billion."""
    owner_require(viewer, organization)
    numbered = StreamLedger.objects.filter(station__organization=organization).aggregate(n=Sum("messages"))["n"]
    plain = UnsequencedCount.objects.filter(station__organization=organization).aggregate(n=Sum("messages"))["n"]
    return Belongings(
        stations=Station.objects.filter(organization=organization).count(),
        sites=Site.objects.filter(organization=organization).count(),
        deployments=Deployment.objects.filter(site__organization=organization).count(),
        series=Series.objects.filter(station__organization=organization).count(),
        messages=(numbered or 0) + (plain or 0),
        keys=ApiKey.objects.filter(organization=organization, revoked=False).count(),
        members=Membership.objects.filter(organization=organization).count(),
    )
