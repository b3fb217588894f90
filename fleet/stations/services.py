"""Registering, changing and retiring stations."""

from collections.abc import Iterable
from datetime import datetime
from typing import TypedDict, Unpack

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit
from fleet.core.errors import InvalidInput
from fleet.core.outbox import job_ask
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.organizations.services import paragraphs_check, text_check
from fleet.stations.contact.hours import planned_quiet_note
from fleet.stations.life.succession import generation_last, station_succeed
from fleet.stations.logins.enrolment import RECONCILE_JOB, enrolment_token_create, station_enrol, station_revoke
from fleet.stations.models import Station, StationContact, StationModel
from fleet.stations.parents import station_parent_set
from fleet.stations.quotas import StationQuota, station_quota_set
from fleet.stations.serials import serial_warning
from fleet.stations.sorting.device_models import station_model_set
from fleet.stations.sorting.tags import station_tags_set
from message_queue import routing
from message_queue.errors import SerialNotAllowed

__all__ = [
    "enrolment_token_create",
    "serial_read",
    "serial_warning",
    "station_change",
    "station_enrol",
    "station_register",
    "station_retire",
    "station_revoke",
]

_NAME_MOST = 120
_NOTES_MOST = 10_000
#: Page names that would collide with a serial in a URL.
_RESERVED = frozenset({"accept", "add", "arrivals", "claim", "claims", "import", "imports", "waiting"})
#: Bounds of the interval an operator may expect, in seconds: one minute to 31 days.
_INTERVAL_LEAST_S, _INTERVAL_MOST_S = 60.0, 31 * 86_400.0


class _OwnFields(TypedDict, total=False):
    name: str
    notes: str
    operator_interval_s: float | None
    data_plan_bytes: int | None
    is_in_maintenance: bool
    maintenance_until: datetime | None
    asleep_until: datetime | None


class StationChanges(_OwnFields, total=False):
    """Fields of a station that people can change; absent ones stay as they are. Only administrators set quotas."""

    model: StationModel | None
    parent: Station | None
    tags: Iterable[str]
    quota_messages_per_s: float | None
    quota_bytes_per_hour: float | None


def serial_read(serial: str) -> str:
    """Validate a serial for registration: the broker accepts it and no page has its name. Raises `InvalidInput`."""
    serial = serial.strip()
    try:
        routing.serial_check(serial)
    except SerialNotAllowed as error:
        raise InvalidInput(str(error), field="serial") from error
    if serial.lower() in _RESERVED:
        raise InvalidInput(
            _("%(serial)s is the name of a page here, so no station can have it as its serial.") % {"serial": serial},
            field="serial",
        )
    return serial


@transaction.atomic
def station_register(*, actor: Viewer, organization: Organization, serial: str, name: str = "") -> Station:
    """Register a station. Raises `InvalidInput` if the broker does not allow the serial or it is taken."""
    actor.require(Role.OPERATOR, organization=organization, to=_("add a station to %(name)s"))
    serial = serial_read(serial)
    name = text_check(name, field="name", most=_NAME_MOST, may_be_empty=True)
    # Serials that differ only in case mean the same receiver everywhere else, including Motus.
    holder = Station.objects.select_for_update(no_key=True).filter(serial__iexact=serial).first()
    if holder is not None and holder.retired_at is None:
        raise _taken_refusal(serial)
    try:
        with transaction.atomic():
            station = _make_station(organization, serial, name, holder)
    except IntegrityError as error:
        raise _taken_refusal(serial) from error
    audit(actor, station, "station.register")
    return station


def _make_station(organization: Organization, serial: str, name: str, holder: Station | None) -> Station:
    """Make the station that has the serial from now on; a retired one that had it keeps its data under another name."""
    moment = clock.now()
    if holder is not None and holder.retired_at is not None:
        station = station_succeed(
            station=holder, organization=organization, moment=moment, since=holder.retired_at, serial=serial
        )
        Station.objects.filter(pk=station.pk).update(name=name)
        station.name = name
        return station
    station = Station.objects.create(
        organization=organization,
        serial=serial,
        name=name,
        registered_at=moment,
        generation=generation_last(serial),
    )
    StationContact.objects.create(station=station)
    return station


@transaction.atomic
def station_change(*, station: Station, actor: Viewer, **changes: Unpack[StationChanges]) -> Station:
    """Make all of these changes or none. Raises `Forbidden`, or `InvalidInput` naming the field."""
    actor.require(Role.OPERATOR, station=station, to=_("change %(serial)s"))
    if "model" in changes:
        station_model_set(actor=actor, station=station, model=changes.pop("model"))
    if "parent" in changes:
        station_parent_set(actor=actor, station=station, parent=changes.pop("parent"))
    if "tags" in changes:
        station_tags_set(actor=actor, station=station, names=changes.pop("tags"))
    if "quota_messages_per_s" in changes or "quota_bytes_per_hour" in changes:
        quota = StationQuota(
            changes.pop("quota_messages_per_s", station.quota_messages_per_s),
            changes.pop("quota_bytes_per_hour", station.quota_bytes_per_hour),
        )
        station_quota_set(actor=actor, station=station, quota=quota)
    _own_fields_change(actor, station, changes)
    return station


def _own_fields_change(actor: Viewer, station: Station, changes: _OwnFields) -> None:
    if "name" in changes:
        changes["name"] = text_check(changes["name"], field="name", most=_NAME_MOST, may_be_empty=True)
    if "notes" in changes:
        changes["notes"] = paragraphs_check(changes["notes"], field="notes", most=_NOTES_MOST)
    interval = changes.get("operator_interval_s")
    if interval is not None and not _INTERVAL_LEAST_S <= interval <= _INTERVAL_MOST_S:
        raise InvalidInput(
            _("The expected interval must be between 60 seconds and 31 days."), field="operator_interval_s"
        )
    plan = changes.get("data_plan_bytes")
    if plan is not None and plan < 1:
        raise InvalidInput(_("A data plan must be at least one byte per month."), field="data_plan_bytes")
    moment = clock.now()
    _maintenance_complete(changes, moment)
    was_planned = station.asleep_until is not None or station.maintenance_until is not None
    for field, value in changes.items():
        setattr(station, field, value)
    if changes:
        station.save(update_fields=list(changes))
        if "asleep_until" in changes or "maintenance_until" in changes:
            planned_quiet_note(station=station, moment=moment, was_planned=was_planned)
        told = {
            field: value if isinstance(value, bool | float | int) else str(value)[:200]
            for field, value in changes.items()
        }
        audit(actor, station, "station.update", **told)


def _maintenance_complete(changes: _OwnFields, moment: datetime) -> None:
    """Complete the changes: an end begins a maintenance; without an end, beginning or ending one clears the old end."""
    until = changes.get("maintenance_until")
    if until is not None and until <= moment:
        raise InvalidInput(_("The maintenance must end in the future."), field="maintenance_until")
    if until is not None:
        changes["is_in_maintenance"] = True
    elif "is_in_maintenance" in changes:
        changes["maintenance_until"] = None


def station_retire(*, station: Station, actor: Viewer) -> Station:
    """Take a station out of service: its logins end, its data stays. Retiring it twice is no error."""
    actor.require(Role.OPERATOR, station=station, to=_("change %(serial)s"))
    moment = clock.now()
    with transaction.atomic():
        if Station.objects.filter(pk=station.pk, retired_at=None).update(retired_at=moment):
            audit(actor, station, "station.retire")
    station.refresh_from_db(fields=["retired_at"])
    # A job removes its exchange and queue; whatever the broker has confirmed to it is already in the inbound queues.
    job_ask(RECONCILE_JOB)
    station_revoke(station=station, actor=actor)
    return station


def _taken_refusal(serial: str) -> InvalidInput:
    # The message does not say whose it is, because the owner may be another organization.
    return InvalidInput(
        _("The serial %(serial)s is already registered. If it is your device, ask an administrator of this server.")
        % {"serial": serial},
        field="serial",
    )
