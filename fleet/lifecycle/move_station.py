"""Moving a station to another organization while it keeps publishing.

The device notices nothing: serial, login, exchange and queue stay. `history` says what happens to the data sent so far:

- `stays`: the old row keeps it under an archived name, retired. A new row in the new organization gets the serial and
  takes over login, contact and ledger. Data from before the move that arrives later goes to the old row.
- `goes`: the row itself changes hands with all that belongs to it. Its sites are copied by name.

Either way, open commands are cancelled and open incidents close without notification. Ingest notices the move when it
locks the contact row, so that no message is stored for the wrong organization.
"""

from contextlib import nullcontext
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from fleet.alerts.models import Incident
from fleet.alerts.services import incident_close
from fleet.commands.models import Command
from fleet.commands.services import commands_withdraw
from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.errors import Conflict, InvalidInput
from fleet.core.live import live_announce
from fleet.core.outbox import event_announce
from fleet.core.requests.origin import origin_begin
from fleet.deployments.handover import deployments_end, deployments_go_along
from fleet.files.photos import photos_hide
from fleet.holdings.handover import holdings_hand_over
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import ApiKey, Organization
from fleet.stations.life.succession import station_succeed
from fleet.stations.life.transfers import transfer_find
from fleet.stations.logins.broker import BrokerAccess
from fleet.stations.logins.enrolment import tokens_end, upload_logins_end
from fleet.stations.models import History, Station, StationContact, StationTransfer
from fleet.stations.parents import parents_part
from fleet.status_pages.services import station_unshow
from fleet.sync.models import MotusDifference
from message_queue.events.kinds import MoveEvent


class _Side(NamedTuple):
    """One organization involved in a move, and who acts for it."""

    organization: Organization
    actor: Viewer
    #: Name of the person who moved it, for this side's audit log; empty if the person belongs to the other side.
    name: str


def move_away_check(*, actor: Viewer, station: Station) -> None:
    """Raise `Forbidden` if the actor may not give the station away."""
    actor.require(
        Role.OPERATOR, organization=station.organization_id, to=_("give %(serial)s away"), serial=station.serial
    )


def station_move(*, actor: Viewer, station: Station, organization: Organization, history: History) -> Station:
    """Move a station between two organizations in which the actor is an operator. Returns the row with the serial."""
    move_away_check(actor=actor, station=station)
    actor.require(Role.OPERATOR, organization=organization, to=_("add a station to %(name)s"))
    sides = _Side(station.organization, actor, actor.name), _Side(organization, actor, actor.name)
    return _move(station, *sides, history)


@transaction.atomic
def station_take(*, actor: Viewer, code: str, organization: Organization) -> Station:
    """Accept an offered station by its code. Raises `NotFound`, `Forbidden`, `InvalidInput`."""
    actor.require(Role.OPERATOR, organization=organization, to=_("add a station to %(name)s"))
    offer = transfer_find(code=code)
    station, moment = offer.station, clock.now()
    if station.organization_id == organization.pk:
        raise InvalidInput(_("%(name)s already has this station.") % {"name": organization.name}, field="organization")
    taken = StationTransfer.objects.filter(pk=offer.pk, accepted_at=None, withdrawn_at=None)
    if not taken.update(accepted_at=moment, accepted_by_name=actor.name[:150], organization=organization):
        # Somebody was faster: raise `NotFound`.
        transfer_find(code="")
    giver = _Side(station.organization, Viewer(user=offer.offered_by, name=offer.offered_by_name, roles={}), "")
    return _move(station, giver, _Side(organization, actor, actor.name), History(offer.history))


@transaction.atomic
def _move(station: Station, giver: _Side, taker: _Side, history: History) -> Station:
    moment = clock.now()
    # Lock in the same order as enrolment and ingest: tokens, station, contact.
    tokens_end(station.pk)
    station = Station.objects.select_for_update(of=("self",), no_key=True).select_related("model").get(pk=station.pk)
    _movable_check(station, giver, taker)
    StationTransfer.objects.filter(station=station, accepted_at=None, withdrawn_at=None).update(withdrawn_at=moment)
    serial = station.serial
    waits = commands_withdraw(station=station, moment=moment, note=_("The station was moved to another organization."))
    _incidents_end(station, moment)
    deployments_end(station=station, moment=moment)
    station_unshow(station=station)
    if history == History.STAYS:
        moved = station_succeed(station=station, organization=taker.organization, moment=moment, keeps_login=True)
        station.refresh_from_db(fields=["serial"])
    else:
        moved = _hand_over_row(station, taker.organization)
    # The device keeps its login; a desk that reads its cards stays with the old organization.
    upload_logins_end(moved.pk, moment)
    _record_move(giver, "moved_away", serial, history)
    _record_move(taker, "moved_here", serial, history)
    changed = {giver.organization.pk: [serial, station.serial], taker.organization.pk: [serial]}
    live_announce(changed=changed)
    if waits:
        # Last, as it cannot be undone: the commands waiting on the broker are the old organization's.
        with BrokerAccess.open() as broker:
            broker.commands_purge(serial)
    return moved


def _movable_check(station: Station, giver: _Side, taker: _Side) -> None:
    if station.retired_at is not None:
        raise Conflict(_("%(serial)s is retired and cannot be moved.") % {"serial": station.serial})
    if station.organization_id != giver.organization.pk:
        raise InvalidInput(_("Somebody has just moved this station."), field="organization")
    if station.organization_id == taker.organization.pk:
        raise InvalidInput(
            _("%(name)s already has this station.") % {"name": taker.organization.name}, field="organization"
        )
    if Organization.objects.filter(pk=taker.organization.pk).exclude(deleted_at=None).exists():
        raise InvalidInput(_("This organization has been deleted."), field="organization")


def _hand_over_row(station: Station, organization: Organization) -> Station:
    """Hand over the row itself; the old organization's tags, groups, keys and model do not go along."""
    # Ingest either waits here or has already written.
    StationContact.objects.select_for_update().filter(station=station).first()
    StationContact.objects.filter(station=station).update(epoch=F("epoch") + 1)
    station.tags.clear()
    station.groups_by_hand.clear()
    ApiKey.stations.through.objects.filter(station_id=station.pk).delete()
    station.organization = organization
    if station.model is not None and station.model.organization_id is not None:
        station.model = None
    # The old organization's planned maintenance does not go along either: it applies only to its own stations.
    station.window_until, station.window_reason = None, ""
    station.save(update_fields=["organization", "model", "window_until", "window_reason"])
    parents_part(station=station)
    # Its assignees are members of the old organization; what holds it, or is shared with it, concerns stations there.
    Incident.objects.filter(station=station).update(
        organization=organization, assignee=None, reopens_until=None, held_by=None, shared=None
    )
    deployments_go_along(station=station, organization=organization)
    photos_hide(station=station)
    # Neither does what the old organization wanted to fetch, or who asked for it.
    holdings_hand_over(station=station)
    # The new organization must not see differences that were found with the old one's login at Motus.
    MotusDifference.objects.filter(station=station).delete()
    return station


def _incidents_end(station: Station, moment: datetime) -> None:
    """Close open incidents silently: they are over for the old organization, and the new one never knew of them."""
    for rule in list(Incident.objects.filter(station=station, closed_at=None).values_list("rule", flat=True)):
        incident_close(station_id=station.pk, rule=rule, moment=moment, is_told=False)


def _record_move(side: _Side, action: str, serial: str, history: History) -> None:
    """Write one side's audit entry and announce the event. The other side does not see the request's address."""
    with nullcontext() if side.name else origin_begin():
        audit_write(
            actor=side.actor.user,
            organization_id=side.organization.pk,
            action=f"station.{action}",
            subject=serial,
            detail={"history": history, **({"by": side.name} if side.name else {})},
        )
    event_announce(
        organization=side.organization.slug,
        event=MoveEvent(event=f"station_{action}", station=serial, at=clock.now(), history=str(history)),
    )


def commands_waiting(*, station: Station) -> int:
    """Number of commands a move would cancel."""
    return Command.objects.filter(station=station, state__in=Command.OPEN).count()
