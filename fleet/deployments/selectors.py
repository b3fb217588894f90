"""Asking for sites and deployments."""

from datetime import datetime

from django.db.models import QuerySet

from fleet.core import clock
from fleet.deployments.models import Deployment, Site
from fleet.organizations.access import Viewer
from fleet.stations.models import Station


def site_list(*, viewer: Viewer) -> QuerySet[Site]:
    """The sites of the viewer's organizations, by name."""
    sites = Site.objects.select_related("organization").order_by("name", "id")
    return sites if viewer.sees_all else sites.filter(organization__in=list(viewer.roles))


def deployment_list(*, station: Station) -> QuerySet[Deployment]:
    """Where a station has been, newest first."""
    return Deployment.objects.filter(station=station).select_related("site").order_by("-period")


def deployment_current(*, station: Station, moment: datetime | None = None) -> Deployment | None:
    """Where a station is now, or was at a moment."""
    return (
        Deployment.objects.filter(station=station, period__contains=moment or clock.now())
        .select_related("site")
        .first()
    )
