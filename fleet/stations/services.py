"""Registering, changing and retiring stations."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypedDict, Unpack

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.errors import InvalidInput
from fleet.core.outbox import job_ask
from fleet.organizations.access import Role, Viewer
from fleet.organizations.errors import NotAllowed
from fleet.organizations.models import Organization
from fleet.organizations.services import paragraphs_check, text_check
from fleet.stations.life.succession import generation_last, station_succeed
from fleet.stations.logins.enrolment import RECONCILE_JOB, enrolment_token_create, station_enrol, station_revoke
from fleet.stations.models import Station, StationContact
from fleet.stations.serials import serial_warning
from message_queue import routing
from message_queue.errors import SerialNotAllowed

__all__ = [
    "enrolment_token_create",
    "serial_read",
    "serial_warning",
    "station_enrol",
    "station_register",
    "station_retire",
    "station_revoke",
    "station_update",
]

_NAME_MOST = 120
_NOTES_MOST = 10_000
#: Words that stand where a serial does in an address.
_RESERVED = frozenset({"accept", "add", "arrivals", "claim", "claims", "import", "imports", "waiting"})
#: Bounds of the rhythm that an operator may expect, in seconds: one minute to a month.
_INTERVAL_LEAST_S, _INTERVAL_MOST_S = 60.0, 31 * 86_400.0


class StationChanges(TypedDict, total=False):
    """What an operator may change of a station; what is absent stays."""

    name: str
    notes: str
    operator_interval_s: float | None
    data_plan_bytes: int | None
    is_in_maintenance: bool
    asleep_until: datetime | None


def serial_read(serial: str) -> str:
    """A serial as it may be registered: the broker takes it, and no page has its name. Raises `InvalidInput`."""
    serial = serial.strip()
    try:
        routing.serial_check(serial)
    except SerialNotAllowed as error:
        raise InvalidInput(str(error), field="serial") from error
    if serial.lower() in _RESERVED:
        raise InvalidInput(
            _("%(serial)s is the name of a page here: no station can have it.") % {"serial": serial}, field="serial"
        )
    return serial


@transaction.atomic
def station_register(*, actor: Viewer, organization: Organization, serial: str, name: str = "") -> Station:
    """Make a station known. Raises `InvalidInput` for a serial the broker may not see or that is taken."""
    if not actor.may(Role.OPERATOR, organization.id):
        raise NotAllowed(_("Adding a station to %(name)s takes the role operator.") % {"name": organization.name})
    serial = serial_read(serial)
    name = text_check(name, field="name", most=_NAME_MOST, may_be_empty=True)
    # Serials that differ in case only are the same receiver to everybody else, Motus among them.
    holder = Station.objects.select_for_update(no_key=True).filter(serial__iexact=serial).first()
    if holder is not None and holder.retired_at is None:
        raise _taken(serial)
    try:
        with transaction.atomic():
            station = _bearer_make(organization, serial, name, holder)
    except IntegrityError as error:
        raise _taken(serial) from error
    _audit(actor, station, "station.register", {})
    return station


def _bearer_make(organization: Organization, serial: str, name: str, holder: Station | None) -> Station:
    """The station that bears the serial from now on; a retired one that bore it keeps its rows under another name."""
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
def station_update(*, station: Station, actor: Viewer, **changes: Unpack[StationChanges]) -> Station:
    """Change what an operator sets of a station. Raises `InvalidInput` naming the field."""
    _operator_check(station, actor)
    if "name" in changes:
        changes["name"] = text_check(changes["name"], field="name", most=_NAME_MOST, may_be_empty=True)
    if "notes" in changes:
        changes["notes"] = paragraphs_check(changes["notes"], field="notes", most=_NOTES_MOST)
    interval = changes.get("operator_interval_s")
    if interval is not None and not _INTERVAL_LEAST_S <= interval <= _INTERVAL_MOST_S:
        raise InvalidInput(_("The expected interval must be 60 seconds to 31 days."), field="operator_interval_s")
    plan = changes.get("data_plan_bytes")
    if plan is not None and plan < 1:
        raise InvalidInput(_("A data plan has at least one byte a month."), field="data_plan_bytes")
    for field, value in changes.items():
        setattr(station, field, value)
    if changes:
        station.save(update_fields=list(changes))
        told = {
            field: value if isinstance(value, bool | float | int) else str(value)[:200]
            for field, value in changes.items()
        }
        _audit(actor, station, "station.update", told)
    return station


def station_retire(*, station: Station, actor: Viewer) -> Station:
    """Take a station out of service: its logins end, its data stay. A retired station stays retired."""
    _operator_check(station, actor)
    moment = clock.now()
    with transaction.atomic():
        if Station.objects.filter(pk=station.pk, retired_at=None).update(retired_at=moment):
            _audit(actor, station, "station.retire", {})
    station.refresh_from_db(fields=["retired_at"])
    # Its exchange and queue go in the background; what has been confirmed to it is in the inbound queues already.
    job_ask(RECONCILE_JOB)
    station_revoke(station=station, actor=actor)
    return station


def _operator_check(station: Station, actor: Viewer) -> None:
    if not actor.may_station(Role.OPERATOR, station):
        raise NotAllowed(_("Changing %(serial)s takes the role operator.") % {"serial": station.serial})


def _taken(serial: str) -> InvalidInput:
    # Not whose it is: that is nobody's business in another organization.
    return InvalidInput(
        _("The serial %(serial)s is registered already. If it is your device, ask whoever runs this server.")
        % {"serial": serial},
        field="serial",
    )


def _audit(actor: Viewer, station: Station, action: str, detail: Mapping[str, object]) -> None:
    audit_write(
        actor=actor.user,
        organization_id=station.organization_id,
        action=action,
        subject=station.serial,
        detail={**detail, "by": actor.name},
    )
