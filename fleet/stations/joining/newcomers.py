"""Devices waiting to join: what they send, how they become stations, and how they fetch their login."""

import secrets
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit, audit_write
from fleet.core.errors import Conflict, InvalidInput
from fleet.core.requests.origin import origin_now
from fleet.organizations.access import Viewer
from fleet.organizations.models import Organization
from fleet.stations.errors import EnrolmentRefused
from fleet.stations.logins.enrolment import Grant, enrolment_token_adopt, station_enrol, token_hash
from fleet.stations.models import Newcomer, Station
from fleet.stations.services import station_register
from message_queue import routing
from message_queue.errors import SerialNotAllowed

#: Seconds a waiting device pauses between two requests, by the way it came.
ASK_AGAIN_S = {Newcomer.Way.ARRIVAL: 300, Newcomer.Way.CLAIM: 5}
#: How long an accepted device has to fetch its login: it may be asleep.
FETCH_WITHIN = timedelta(days=30)
#: How long decided devices are kept for people to look at.
_KEPT = timedelta(days=30)
_TEXT_MOST, _FACTS_MOST = 120, 24
#: Maximum devices that a mail or an audit entry names; all are counted.
NAMED_MOST = 20


def newcomer_make(
    *, way: Newcomer.Way, organization: Organization | None, serial: str, hardware: dict[str, Any], life: timedelta
) -> tuple[Newcomer, str]:
    """Build an unsaved device and its secret, which only it knows. Raises `InvalidInput` for the serial."""
    try:
        routing.serial_check(serial)
    except SerialNotAllowed as error:
        raise InvalidInput(str(error), field="serial") from error
    moment, secret = clock.now(), secrets.token_hex(32)
    made = Newcomer(
        way=way,
        organization=organization,
        serial=serial,
        hardware=_facts(hardware),
        address=origin_now().address,
        secret_hash=token_hash(secret),
        arrived_at=moment,
        asked_at=moment,
        expires_at=moment + life,
    )
    return made, secret


def newcomer_fetch(*, secret: str) -> tuple[Newcomer, Grant | None]:
    """The device with this secret and its login: None while nobody has decided, then the login, once.

    Raises `EnrolmentRefused` with the same sentence whether the secret is wrong, used or expired, or the device was
    refused.
    """
    moment, hashed = clock.now(), token_hash(secret)
    newcomer = Newcomer.objects.select_related("station").filter(secret_hash=hashed, expires_at__gt=moment).first()
    if newcomer is None or newcomer.state not in (Newcomer.State.WAITING, Newcomer.State.ACCEPTED):
        raise EnrolmentRefused(_("This device has not been accepted. Ask again with a new code."))
    if newcomer.state == Newcomer.State.WAITING:
        Newcomer.objects.filter(pk=newcomer.pk).update(asked_at=moment)
        return newcomer, None
    if newcomer.station is None:
        raise EnrolmentRefused(_("This device has not been accepted. Ask again with a new code."))
    try:
        grant = station_enrol(serial=newcomer.station.serial, token=secret, hardware=newcomer.hardware)
    except EnrolmentRefused as error:
        raise EnrolmentRefused(_("This device has not been accepted. Ask again with a new code.")) from error
    return newcomer, grant


@transaction.atomic
def newcomer_accept(*, newcomer: Newcomer, actor: Viewer, organization: Organization, name: str) -> Station:
    """Make the device a station, or give the station with this serial a new login; its secret fetches it.

    Raises `Conflict` for the loser of a race, `InvalidInput` if the serial is taken or the name is invalid.
    """
    moment = clock.now()
    # Update the row first, so that only one of two people at once registers the station.
    taken = Newcomer.objects.filter(pk=newcomer.pk, state=Newcomer.State.WAITING, expires_at__gt=moment).update(
        state=Newcomer.State.ACCEPTED,
        organization=organization,
        decided_at=moment,
        decided_by=actor.user,
        expires_at=moment + FETCH_WITHIN,
    )
    if not taken:
        raise Conflict(
            _("%(serial)s has already been accepted or refused, or it waited too long.") % {"serial": newcomer.serial}
        )
    station = station_known(organization=organization, serial=newcomer.serial)
    if station is None:
        station = station_register(actor=actor, organization=organization, serial=newcomer.serial, name=name)
    enrolment_token_adopt(station=station, actor=actor, secret_hash=newcomer.secret_hash, life=FETCH_WITHIN)
    Newcomer.objects.filter(pk=newcomer.pk).update(station=station)
    audit(actor, station, f"station.{newcomer.way}_accept", address=newcomer.address)
    return station


def station_known(*, organization: Organization, serial: str) -> Station | None:
    """The organization's own station with this serial, if one is in service: it would get a new login."""
    return Station.objects.filter(organization=organization, serial__iexact=serial, retired_at=None).first()


@transaction.atomic
def newcomers_prune(*, moment: datetime) -> int:
    """Delete devices that waited too long or were decided long ago; blocked ones stay. Returns how many.

    Each organization's audit log says which ones nobody answered.
    """
    gone = Newcomer.objects.select_for_update().filter(state=Newcomer.State.WAITING, expires_at__lte=moment)
    unanswered: dict[int, list[str]] = defaultdict(list)
    expired = []
    for pk, organization_id, serial in gone.order_by("pk").values_list("pk", "organization", "serial"):
        expired.append(pk)
        # A code that nobody typed belongs to no organization; the device shows a new one.
        if organization_id is not None:
            unanswered[organization_id].append(serial)
    for organization_id, serials in unanswered.items():
        audit_write(
            actor=None,
            organization_id=organization_id,
            action="station.arrivals_expired",
            subject=str(len(serials)),
            detail={"serials": serials[:NAMED_MOST]},
        )
    old = Q(state__in=(Newcomer.State.ACCEPTED, Newcomer.State.REFUSED), decided_at__lte=moment - _KEPT)
    deleted, _rows = Newcomer.objects.filter(Q(pk__in=expired) | old).delete()
    return deleted


def _facts(hardware: dict[str, Any]) -> dict[str, str]:
    """A device's words about itself, cut to short lines of text: nobody has verified the device."""
    short = {
        str(name)[:_TEXT_MOST]: "".join(char for char in str(value)[:_TEXT_MOST] if char.isprintable())
        for name, value in list(hardware.items())[:_FACTS_MOST]
        if isinstance(value, str | int | float) and str(name).isprintable()
    }
    return {name: value for name, value in short.items() if value}
