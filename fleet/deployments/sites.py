"""Creating and changing sites and their rooms."""

from typing import TypedDict, Unpack
from zoneinfo import available_timezones

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext as _

from fleet.core.audit import audit
from fleet.core.errors import Conflict, InvalidInput
from fleet.deployments.models import Room, Site
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.organizations.services import paragraphs_check, text_check
from message_queue.contracts.gps import is_no_fix

_MOST = {"name": 120, "street": 200, "postal_code": 20, "city": 120, "country": 80}
_NOTES_MOST = 10_000
LATITUDE_MOST, LONGITUDE_MOST = 90.0, 180.0
#: From the bottom of the Dead Sea to the highest mountain, in metres.
_ELEVATION_LEAST_M, _ELEVATION_MOST_M = -500.0, 9_000.0
_ROOM_MOST = {"size_sqm": 1_000_000.0, "height_m": 1_000.0}
_OCCUPANCY_MOST = 1_000_000


class SiteFields(TypedDict, total=False):
    """The details of a site. Coordinates are degrees WGS 84, elevation is in metres."""

    latitude: float | None
    longitude: float | None
    elevation_m: float | None
    timezone: str
    street: str
    postal_code: str
    city: str
    country: str
    notes: str


class SiteChanges(SiteFields, total=False):
    """The fields of a site that can change; absent fields stay as they are."""

    name: str


class RoomFields(TypedDict, total=False):
    """The details of a room: square metres, metres, people."""

    size_sqm: float | None
    height_m: float | None
    occupancy: int | None


class RoomChanges(RoomFields, total=False):
    """The fields of a room that can change; absent fields stay as they are."""

    name: str


@transaction.atomic
def site_create(*, organization: Organization, actor: Viewer, name: str, **fields: Unpack[SiteFields]) -> Site:
    """Create a site. Coordinates must be both given or both absent. Raises `InvalidInput` naming the field."""
    actor.require(Role.OPERATOR, organization=organization, to=_("add a site to %(name)s"))
    site = Site(organization=organization, timezone=organization.timezone)
    _fill(site, {**fields, "name": name})
    _save(site)
    audit(actor, site, "site.create")
    return site


@transaction.atomic
def site_update(*, site: Site, actor: Viewer, **fields: Unpack[SiteChanges]) -> Site:
    """Change the given fields; deployments with their own coordinates do not move. Raises `InvalidInput`."""
    _operator_check(actor, site)
    _fill(site, fields)
    _save(site)
    audit(actor, site, "site.update")
    return site


@transaction.atomic
def site_delete(*, site: Site, actor: Viewer) -> None:
    """Delete a site that never had a station. Raises `Conflict`."""
    _operator_check(actor, site)
    try:
        with transaction.atomic():
            audit(actor, site, "site.delete")
            site.delete()
    except ProtectedError as error:
        raise Conflict(
            _("%(name)s cannot be deleted: stations were there, and their history would be lost.") % {"name": site.name}
        ) from error


@transaction.atomic
def room_create(*, site: Site, actor: Viewer, name: str, **fields: Unpack[RoomFields]) -> Room:
    """Add a room to a site. Raises `InvalidInput` naming the field."""
    _operator_check(actor, site)
    room = Room(site=site)
    _room_fill(room, {**fields, "name": name})
    _room_save(room)
    audit(actor, site, "room.create", room=room.name)
    return room


@transaction.atomic
def room_update(*, room: Room, actor: Viewer, **fields: Unpack[RoomChanges]) -> Room:
    """Change the given fields. Raises `InvalidInput` naming the field."""
    _operator_check(actor, room.site)
    _room_fill(room, fields)
    _room_save(room)
    audit(actor, room.site, "room.update", room=room.name)
    return room


@transaction.atomic
def room_delete(*, room: Room, actor: Viewer) -> None:
    """Delete a room; its deployments stay at the site."""
    _operator_check(actor, room.site)
    audit(actor, room.site, "room.delete", room=room.name)
    room.delete()


def coordinates_check(latitude: float | None, longitude: float | None) -> None:
    """Check coordinates: both or neither, in range, and not 0, 0. Raises `InvalidInput`."""
    if (latitude is None) != (longitude is None):
        raise InvalidInput(_("Enter both latitude and longitude, or neither."), field="latitude")
    if is_no_fix(latitude, longitude):
        raise InvalidInput(
            _("0° N 0° E is what a receiver without a position reports: leave both empty until you know the place."),
            field="latitude",
        )
    if latitude is not None and not -LATITUDE_MOST <= latitude <= LATITUDE_MOST:
        raise InvalidInput(_("The latitude must be from -90 to 90 degrees."), field="latitude")
    if longitude is not None and not -LONGITUDE_MOST <= longitude <= LONGITUDE_MOST:
        raise InvalidInput(_("The longitude must be from -180 to 180 degrees."), field="longitude")


def _fill(site: Site, fields: SiteChanges) -> None:
    for field, value in fields.items():
        is_line = field in _MOST and isinstance(value, str)
        setattr(site, field, _line(value, field) if is_line else value)
    coordinates_check(site.latitude, site.longitude)
    if site.elevation_m is not None and not _ELEVATION_LEAST_M <= site.elevation_m <= _ELEVATION_MOST_M:
        raise InvalidInput(_("The elevation must be from -500 to 9000 metres."), field="elevation_m")
    if site.timezone not in available_timezones():
        raise InvalidInput(_("There is no such timezone: enter one like Europe/Berlin or UTC."), field="timezone")
    site.notes = paragraphs_check(site.notes, field="notes", most=_NOTES_MOST)


def _line(value: object, field: str) -> str:
    return text_check(str(value), field=field, most=_MOST[field], may_be_empty=field != "name")


def _save(site: Site) -> None:
    try:
        with transaction.atomic():
            site.save()
    except IntegrityError as error:
        raise InvalidInput(
            _("There is already a site %(name)s: choose another name.") % {"name": repr(site.name)}, field="name"
        ) from error


def _room_fill(room: Room, fields: RoomChanges) -> None:
    for field, value in fields.items():
        setattr(room, field, _line(value, field) if field == "name" else value)
    for field, most in _ROOM_MOST.items():
        value = getattr(room, field)
        if value is not None and not 0 < value <= most:
            raise InvalidInput(_("This must be more than 0 and at most %(most)d.") % {"most": most}, field=field)
    if room.occupancy is not None and not 0 <= room.occupancy <= _OCCUPANCY_MOST:
        raise InvalidInput(_("A room can hold 0 to %(most)d people.") % {"most": _OCCUPANCY_MOST}, field="occupancy")


def _room_save(room: Room) -> None:
    try:
        with transaction.atomic():
            room.save()
    except IntegrityError as error:
        raise InvalidInput(
            _("There is already a room %(name)s: choose another name.") % {"name": repr(room.name)}, field="name"
        ) from error


def _operator_check(actor: Viewer, site: Site) -> None:
    actor.require(Role.OPERATOR, organization=site.organization_id, to=_("change %(name)s"), name=site.name)
