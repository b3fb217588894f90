"""Self-registration: devices that have an organization's code wait in a queue until people accept or refuse them."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Value, When
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit
from fleet.core.errors import Conflict, DomainError, Forbidden, InvalidInput, NotFound, TooMany
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.stations.joining.newcomers import newcomer_accept, newcomer_make
from fleet.stations.logins.enrolment import token_hash
from fleet.stations.models import Newcomer, RegistrationCode, Station

#: Maximum devices in an organization's queue, in total and per serial.
QUEUE_MOST, SERIAL_MOST = 500, 3
LIFE = timedelta(days=30)
DECISIONS = ("accept", "refuse", "block")
State = Newcomer.State


@transaction.atomic
def registration_turn_on(*, organization: Organization, actor: Viewer) -> str:
    """Let devices with a new code join the queue; return the code, shown only once. An earlier code stops working."""
    actor.require(Role.OWNER, organization=organization, to=_("decide whether devices may ask to join %(name)s"))
    code = secrets.token_hex(16)
    RegistrationCode.objects.update_or_create(
        organization=organization,
        defaults={"code_hash": token_hash(code), "created_at": clock.now(), "created_by": actor.user},
    )
    audit(actor, organization, "registration.on")
    return code


@transaction.atomic
def registration_turn_off(*, organization: Organization, actor: Viewer) -> None:
    """Let no more devices join the queue; those already in it stay."""
    actor.require(Role.OWNER, organization=organization, to=_("decide whether devices may ask to join %(name)s"))
    if RegistrationCode.objects.filter(organization=organization).delete()[0]:
        audit(actor, organization, "registration.off")


def registration_of(*, organization: Organization) -> RegistrationCode | None:
    """The organization's code, with the time it was made; None if devices cannot ask to join."""
    return RegistrationCode.objects.filter(organization=organization).first()


@dataclass(frozen=True, slots=True)
class OpenRegistration:
    """Whether and since when devices can ask to join an organization."""

    organization: Organization
    since: datetime | None
    may_own: bool


def door_list(*, viewer: Viewer) -> list[OpenRegistration]:
    """Whether devices can ask to join, for each organization in which the viewer is an operator, by name."""
    found = Organization.objects.filter(id__in=viewer.organization_ids(Role.OPERATOR)).order_by("name")
    return [
        OpenRegistration(one, _open_since(one), viewer.may(Role.OWNER, one.id))
        for one in found.select_related("registration_code")
    ]


@transaction.atomic
def arrival_take(*, code: str, serial: str, hardware: dict[str, Any]) -> tuple[Newcomer, str]:
    """Put a device into the queue; return it with the secret it uses to ask again.

    Raises `Forbidden`, with the same sentence whatever the reason, and `TooMany`.
    """
    newcomer, secret = newcomer_make(
        way=Newcomer.Way.ARRIVAL, organization=None, serial=serial, hardware=hardware, life=LIFE
    )
    # The lock enforces the limits when many devices arrive at once.
    known = (
        RegistrationCode.objects.select_for_update()
        .filter(code_hash=token_hash(code), organization__deleted_at=None)
        .first()
    )
    if known is None or _in_state(known.organization_id, State.BLOCKED).filter(serial__iexact=serial).exists():
        raise Forbidden(_("No device can join with this code. Ask the people who will own the station."))
    waiting = _in_state(known.organization_id, State.WAITING).filter(expires_at__gt=newcomer.arrived_at)
    if waiting.filter(serial__iexact=serial).count() >= SERIAL_MOST or waiting.count() >= QUEUE_MOST:
        raise TooMany(
            _("Too many devices are waiting to be accepted. Somebody has to clear the queue first; try again later.")
        )
    newcomer.organization_id = known.organization_id
    newcomer.save(force_insert=True)
    return newcomer, secret


def arrival_list(*, viewer: Viewer, state: str = State.WAITING, organization: str = "") -> QuerySet[Newcomer]:
    """The queues of the organizations in which the viewer is an operator, newest first; `organization`: only this slug.

    Annotated with `is_ours` (the organization has a station with this serial in service) and `is_taken` (another
    organization has one).
    """
    same = Station.objects.filter(serial__iexact=OuterRef("serial"), retired_at=None)
    ours = same.filter(organization=OuterRef("organization"))
    arrivals = Newcomer.objects.filter(way=Newcomer.Way.ARRIVAL, state=state).filter(
        Q(expires_at__gt=clock.now()) | ~Q(state=State.WAITING)
    )
    arrivals = arrivals.filter(organization__in=viewer.organization_ids(Role.OPERATOR))
    if organization:
        arrivals = arrivals.filter(organization__slug=organization)
    return (
        arrivals.annotate(is_ours=Exists(ours))
        .annotate(is_taken=Case(When(is_ours=True, then=Value(False)), default=Exists(same)))
        .select_related("organization")
        .order_by("-id")
    )


def arrival_get(*, viewer: Viewer, arrival_id: int) -> Newcomer:
    """One device of a queue. Raises `NotFound`, also for another organization's device."""
    organizations = viewer.organization_ids(Role.VIEWER)
    found = (
        Newcomer.objects.select_related("organization")
        .filter(way=Newcomer.Way.ARRIVAL, organization__in=organizations, pk=arrival_id)
        .first()
    )
    if found is None or found.organization is None:
        raise NotFound(_("There is no such device in a queue that you may see."))
    viewer.require(Role.OPERATOR, organization=found.organization, to=_("accept devices into %(name)s"))
    return found


def arrival_accept(*, arrival: Newcomer, actor: Viewer, name: str = "") -> Station:
    """Make the device a station of the organization whose code it had."""
    if arrival.organization is None:
        raise NotFound(_("There is no such device in a queue that you may see."))
    return newcomer_accept(newcomer=arrival, actor=actor, organization=arrival.organization, name=name)


@transaction.atomic
def arrival_refuse(*, arrival: Newcomer, actor: Viewer, is_for_good: bool) -> None:
    """Reject a device. With `is_for_good`, its serial is blocked until somebody unblocks it."""
    organization_id = arrival.organization_id or 0
    actor.require(Role.OPERATOR, organization=organization_id, to=_("refuse %(serial)s"), serial=arrival.serial)
    state = State.BLOCKED if is_for_good else State.REFUSED
    waiting = Newcomer.objects.filter(pk=arrival.pk, state=State.WAITING)
    if not waiting.update(state=state, decided_at=clock.now(), decided_by=actor.user):
        raise Conflict(
            _("%(serial)s has already been accepted or refused, or it waited too long.") % {"serial": arrival.serial}
        )
    audit(actor, arrival, "station.arrival_block" if is_for_good else "station.arrival_refuse")


@transaction.atomic
def arrival_unblock(*, arrival: Newcomer, actor: Viewer) -> None:
    """Unblock a serial, so that it can ask again."""
    organization_id = arrival.organization_id or 0
    actor.require(Role.OPERATOR, organization=organization_id, to=_("unblock %(serial)s"), serial=arrival.serial)
    same = _in_state(organization_id, State.BLOCKED).filter(serial__iexact=arrival.serial)
    if same.update(state=State.REFUSED):
        audit(actor, arrival, "station.arrival_unblock")


def arrivals_decide(
    *, viewer: Viewer, decision: str, names: dict[int, str]
) -> tuple[list[Newcomer], list[tuple[int, str]]]:
    """Accept, refuse or block devices by id, each on its own: return those done, and (id, sentence) for the rest."""
    if decision not in DECISIONS:
        raise InvalidInput(_("Choose one of: %(words)s.") % {"words": ", ".join(DECISIONS)}, field="decision")
    viewer.require_somewhere(Role.OPERATOR, to=_("accept or refuse devices"))
    done: list[Newcomer] = []
    left: list[tuple[int, str]] = []
    for arrival_id, name in names.items():
        try:
            with transaction.atomic():
                arrival = arrival_get(viewer=viewer, arrival_id=arrival_id)
                if decision == "accept":
                    arrival_accept(arrival=arrival, actor=viewer, name=name)
                else:
                    arrival_refuse(arrival=arrival, actor=viewer, is_for_good=decision == "block")
        except DomainError as error:
            left.append((arrival_id, str(error)))
        else:
            done.append(arrival)
    return done, left


def _open_since(organization: Organization) -> datetime | None:
    code: RegistrationCode | None = getattr(organization, "registration_code", None)
    return code.created_at if code else None


def _in_state(organization_id: int, state: Newcomer.State) -> QuerySet[Newcomer]:
    return Newcomer.objects.filter(organization=organization_id, way=Newcomer.Way.ARRIVAL, state=state)
