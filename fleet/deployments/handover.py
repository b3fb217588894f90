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
        # Rooms stay with the site they are in, and what one organization published is not another's to show.
        Deployment.objects.filter(station=station, site=site).update(site=there, room=None, is_public=False)


def _copied(site: Site, organization: Organization) -> Site:
    fields = {f.attname: getattr(site, f.attname) for f in Site._meta.concrete_fields if not f.primary_key}  # noqa: SLF001
    return Site.objects.create(**{**fields, "organization_id": organization.pk})
