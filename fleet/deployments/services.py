"""Making sites, and putting stations there for a time."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from psycopg.types.range import TimestamptzRange

from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.errors import InvalidInput
from fleet.deployments.models import Deployment, Site
from fleet.deployments.selectors import deployment_current
from fleet.organizations.access import Role, Viewer
from fleet.organizations.errors import NotAllowed
from fleet.organizations.models import Organization
from fleet.organizations.services import text_check
from fleet.stations.models import Station

_NAME_MOST = 120
_LATITUDE_MOST, _LONGITUDE_MOST = 90.0, 180.0


@transaction.atomic
def site_create(
    *,
    organization: Organization,
    actor: Viewer,
    name: str,
    latitude: float | None = None,
    longitude: float | None = None,
    elevation_m: float | None = None,
) -> Site:
    """Name a place. Coordinates are degrees WGS 84, both or neither. Raises `InvalidInput` naming the field."""
    if not actor.may(Role.OPERATOR, organization.id):
        raise NotAllowed(_("Adding a site to %(name)s takes the role operator.") % {"name": organization.name})
    name = text_check(name, field="name", most=_NAME_MOST)
    if (latitude is None) != (longitude is None):
        raise InvalidInput(_("Give latitude and longitude, or neither."), field="latitude")
    if latitude is not None and not -_LATITUDE_MOST <= latitude <= _LATITUDE_MOST:
        raise InvalidInput(_("The latitude is -90 to 90 degrees."), field="latitude")
    if longitude is not None and not -_LONGITUDE_MOST <= longitude <= _LONGITUDE_MOST:
        raise InvalidInput(_("The longitude is -180 to 180 degrees."), field="longitude")
    try:
        with transaction.atomic():
            site = Site.objects.create(
                organization=organization,
                name=name,
                latitude=latitude,
                longitude=longitude,
                elevation_m=elevation_m,
                timezone=organization.timezone,
            )
    except IntegrityError as error:
        raise InvalidInput(
            _("There is a site %(name)s already: choose another name.") % {"name": repr(name)}, field="name"
        ) from error
    audit_write(actor=actor.user, organization_id=organization.id, action="site.create", subject=name)
    return site


@transaction.atomic
def deployment_begin(*, station: Station, site: Site, actor: Viewer, at: datetime | None = None) -> Deployment:
    """Put a station at a site from a moment on; where it was until then ends there. Raises `InvalidInput`."""
    _operator_check(station, actor)
    if site.organization_id != station.organization_id:
        raise InvalidInput(_("This site belongs to another organization than the station."), field="site")
    at = at or clock.now()
    # One station moves once at a time; the exclusion constraint is the net under this lock.
    Station.objects.select_for_update().get(pk=station.pk)
    before = deployment_current(station=station, moment=at)
    if before is not None:
        _end(before, at)
    try:
        with transaction.atomic():
            made = Deployment.objects.create(station=station, site=site, period=TimestamptzRange(at, None))
    except IntegrityError as error:
        raise InvalidInput(
            _("The station was put somewhere else later than that: end that first."), field="at"
        ) from error
    audit_write(
        actor=actor.user,
        organization_id=station.organization_id,
        action="deployment.begin",
        subject=f"{station.serial} at {site.name}",
    )
    return made


@transaction.atomic
def deployment_end(*, deployment: Deployment, actor: Viewer, at: datetime | None = None) -> Deployment:
    """Take a station away from its site at a moment. Raises `InvalidInput` when it was not there then."""
    _operator_check(deployment.station, actor)
    _end(deployment, at or clock.now())
    audit_write(
        actor=actor.user,
        organization_id=deployment.station.organization_id,
        action="deployment.end",
        subject=f"{deployment.station.serial} at {deployment.site.name}",
    )
    return deployment


def _end(deployment: Deployment, at: datetime) -> None:
    begin = deployment.period.lower
    if deployment.period.upper is not None or (begin is not None and at <= begin):
        raise InvalidInput(_("The station was not put there before that moment, or has left already."), field="at")
    deployment.period = TimestamptzRange(begin, at)
    deployment.save(update_fields=["period"])


def _operator_check(station: Station, actor: Viewer) -> None:
    if not actor.may(Role.OPERATOR, station.organization_id):
        raise NotAllowed(_("Moving %(serial)s takes the role operator.") % {"serial": station.serial})
