"""A station's deployments when it moves to another organization: they end, and go along if the history does."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from psycopg.types.range import TimestamptzRange

from fleet.deployments.models import Deployment, Site
from fleet.organizations.models import Organization
from fleet.stations.models import Station


@transaction.atomic
def deployments_end(*, station: Station, moment: datetime) -> None:
    """End the current deployment and delete planned ones."""
    planned: QuerySet[Deployment] = Deployment.objects.filter(station=station, period__startswith__gte=moment)
    planned.delete()
    for deployment in Deployment.objects.filter(station=station, period__contains=moment):
        deployment.period = TimestamptzRange(deployment.period.lower, moment)
        deployment.save(update_fields=["period"])


@transaction.atomic
def deployments_go_along(*, station: Station, organization: Organization) -> None:
    """Move the station's deployments to sites of the same names in another organization, creating missing sites."""
    for site in Site.objects.filter(deployments__station=station).exclude(organization=organization).distinct():
        there = Site.objects.filter(organization=organization, name=site.name).first() or _copy_site(site, organization)
        moved = Deployment.objects.filter(station=station, site=site)
        if (there.latitude, there.longitude) != (site.latitude, site.longitude):
            # A site of the same name may be elsewhere: keep the station's real position.
            moved.filter(latitude=None).update(latitude=site.latitude, longitude=site.longitude)
        # Rooms stay with their site, and the new organization must not show what the old one published.
        moved.update(site=there, room=None, is_public=False)


def _copy_site(site: Site, organization: Organization) -> Site:
    """Copy a site's name and position; address and notes stay with the organization that wrote them."""
    return Site.objects.create(
        organization=organization,
        name=site.name,
        latitude=site.latitude,
        longitude=site.longitude,
        elevation_m=site.elevation_m,
        timezone=site.timezone,
    )
