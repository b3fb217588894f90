"""Deploying stations to sites, moving them, and correcting the records."""

from datetime import datetime
from typing import TypedDict, Unpack

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from psycopg.types.range import TimestamptzRange

from fleet.core import clock
from fleet.core.audit import audit
from fleet.core.errors import InvalidInput
from fleet.core.spoken import moment_words
from fleet.deployments.antennas import antennas_copy
from fleet.deployments.models import Deployment, Room, Site
from fleet.deployments.selectors import deployment_current
from fleet.deployments.sites import coordinates_check
from fleet.organizations.access import Role, Viewer
from fleet.organizations.services import paragraphs_check
from fleet.stations.models import Station

_DESCRIPTION_MOST = 10_000


class DeploymentChanges(TypedDict, total=False):
    """The fields that can be corrected afterwards; absent ones stay. Coordinates in degrees, None to use the site's."""

    start: datetime
    end: datetime | None
    room: Room | None
    description: str
    latitude: float | None
    longitude: float | None


@transaction.atomic
def deployment_begin(
    *,
    station: Station,
    site: Site,
    actor: Viewer,
    at: datetime | None = None,
    room: Room | None = None,
    description: str = "",
) -> Deployment:
    """Put a station at a site from a moment on; its deployment until then ends there. Raises `InvalidInput`.

    Its antennas are copied from the deployment before.
    """
    _operator_check(station, actor)
    if site.organization_id != station.organization_id:
        raise InvalidInput(_("This site belongs to a different organization than the station."), field="site")
    if room is not None and room.site_id != site.pk:
        raise InvalidInput(_("This room is at another site."), field="room")
    at = at or clock.now()
    # One move of a station at a time; the exclusion constraint backs up this lock.
    Station.objects.select_for_update().get(pk=station.pk)
    before = deployment_current(station=station, moment=at)
    if before is not None and before.period.upper is not None:
        raise _moved_later_refusal()
    if before is not None:
        _end(before, at)
    made = Deployment(
        station=station,
        site=site,
        room=room,
        period=TimestamptzRange(at, None),
        description=_check_description(description),
        placed_by=actor.user,
        placed_by_name=actor.name[:150],
        created_at=clock.now(),
    )
    try:
        with transaction.atomic():
            made.save()
    except IntegrityError as error:
        raise _moved_later_refusal() from error
    made.refresh_from_db(fields=["public_id"])
    antennas_copy(of=before, to=made)
    audit(actor, made, "deployment.begin")
    return made


@transaction.atomic
def deployment_end(*, deployment: Deployment, actor: Viewer, at: datetime | None = None) -> Deployment:
    """End a deployment at a moment. Raises `InvalidInput` if the station was not there then."""
    _operator_check(deployment.station, actor)
    Station.objects.select_for_update().get(pk=deployment.station_id)
    deployment.refresh_from_db(fields=["period"])
    _end(deployment, at or clock.now())
    audit(actor, deployment, "deployment.end")
    return deployment


@transaction.atomic
def deployment_update(*, deployment: Deployment, actor: Viewer, **changes: Unpack[DeploymentChanges]) -> Deployment:
    """Correct its period, room, description and exact position. Raises `InvalidInput` naming the field."""
    _operator_check(deployment.station, actor)
    Station.objects.select_for_update().get(pk=deployment.station_id)
    start = changes.get("start", deployment.period.lower)
    end = changes.get("end", deployment.period.upper)
    if end is not None and start is not None and end <= start:
        raise InvalidInput(_("It cannot end before it began."), field="end")
    deployment.period = TimestamptzRange(start, end)
    if "room" in changes:
        room = changes["room"]
        if room is not None and room.site_id != deployment.site_id:
            raise InvalidInput(_("This room is at another site."), field="room")
        deployment.room = room
    if "description" in changes:
        deployment.description = _check_description(changes["description"])
    if "latitude" in changes or "longitude" in changes:
        deployment.latitude = changes.get("latitude", deployment.latitude)
        deployment.longitude = changes.get("longitude", deployment.longitude)
        coordinates_check(deployment.latitude, deployment.longitude)
    try:
        with transaction.atomic():
            deployment.save(update_fields=["period", "room", "description", "latitude", "longitude"])
    except IntegrityError as error:
        raise InvalidInput(_overlap_sentence(deployment), field="start") from error
    audit(actor, deployment, "deployment.update")
    return deployment


@transaction.atomic
def deployment_delete(*, deployment: Deployment, actor: Viewer) -> None:
    """Delete a deployment that was entered by mistake."""
    _operator_check(deployment.station, actor)
    audit(actor, deployment, "deployment.delete")
    deployment.delete()


def _end(deployment: Deployment, at: datetime) -> None:
    begin = deployment.period.lower
    if deployment.period.upper is not None or (begin is not None and at <= begin):
        raise InvalidInput(_("The station was not yet there at that moment, or has already left."), field="at")
    deployment.period = TimestamptzRange(begin, at)
    deployment.save(update_fields=["period"])


def _moved_later_refusal() -> InvalidInput:
    return InvalidInput(_("The station was moved after that moment: end that deployment first."), field="at")


def _overlap_sentence(deployment: Deployment) -> str:
    others = Deployment.objects.filter(station=deployment.station_id, period__overlap=deployment.period)
    other = others.exclude(pk=deployment.pk).select_related("site").first()
    if other is None:
        return _("The station was somewhere else at that time.")
    lower, upper, now = other.period.lower, other.period.upper, clock.now()
    return _("From %(start)s to %(end)s the station was at %(site)s: correct that first.") % {
        "start": moment_words(lower, now) if lower else "…",
        "end": moment_words(upper, now) if upper else _("now"),
        "site": other.site.name,
    }


def _check_description(text: str) -> str:
    return paragraphs_check(text, field="description", most=_DESCRIPTION_MOST)


def _operator_check(station: Station, actor: Viewer) -> None:
    actor.require(Role.OPERATOR, organization=station.organization_id, to=_("move %(serial)s"), serial=station.serial)
