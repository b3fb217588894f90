"""What becomes of a station's deployments when another organization gets the station."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from psycopg.types.range import TimestamptzRange

from fleet.deployments.models import Deployment, Site
from fleet.organizations.models import Organization
from fleet.stations.models import Station


@transaction.atomic
def deployments_end(*, station: Station, moment: datetime) -> None:
    """It leaves where it is; what was planned for later is not to be."""
    planned: QuerySet[Deployment] = Deployment.objects.filter(station=station, period__startswith__gte=moment)
    planned.delete()
    for deployment in Deployment.objects.filter(station=station, period__contains=moment):
        deployment.period = TimestamptzRange(deployment.period.lower, moment)
        deployment.save(update_fields=["period"])


@transaction.atomic
def deployments_go_along(*, station: Station, organization: Organization) -> None:
    """Its deployments go on at places of the same names in another organization, which are made where they lack."""
    for site in Site.objects.filter(deployments__station=station).exclude(organization=organization).distinct():
        there = Site.objects.filter(organization=organization, name=site.name).first() or _copied(site, organization)
        moved = Deployment.objects.filter(station=station, site=site)
        if (there.latitude, there.longitude) != (site.latitude, site.longitude):
            # A site of the same name may lie elsewhere: where the station was stays true.
            moved.filter(latitude=None).update(latitude=site.latitude, longitude=site.longitude)
        # Rooms stay with the site they are in, and what one organization published is not another's to show.
        moved.update(site=there, room=None, is_public=False)


def _copied(site: Site, organization: Organization) -> Site:
    """A site at the same place; what people wrote of it stays with those who wrote it."""
    return Site.objects.create(
        organization=organization,
        name=site.name,
        latitude=site.latitude,
        longitude=site.longitude,
        elevation_m=site.elevation_m,
        timezone=site.timezone,
    )
