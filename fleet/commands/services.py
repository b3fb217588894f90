"""Issuing, cancelling and expiring commands; `fleet.commands.reports` handles what stations report about them.

Every state change is a conditional UPDATE on an open state.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from fleet.commands.announcing import steps_announce
from fleet.commands.models import Command, CommandStep
from fleet.commands.orders import command_queue_up
from fleet.commands.withdrawal import withdrawal_ask
from fleet.core import clock
from fleet.core.audit import audit
from fleet.core.errors import Conflict, InvalidInput, TooMany
from fleet.organizations.access import Viewer
from fleet.organizations.models import Membership
from fleet.stations.models import Station
from message_queue.contracts.commands import command_contracts
from message_queue.contracts.commands.base import CommandMessage
from message_queue.errors import CommandRefused
from message_queue.topology import COMMANDS_WAITING_MOST

State = Command.State
#: Longest lifetime of a command in seconds: after a month nobody remembers why it was sent.
EXPIRY_MOST_S = 31 * 86_400
#: How many dangerous commands of one name can be sent to a station, and within which time.
DANGER_MOST, DANGER_WITHIN = 3, timedelta(hours=1)
#: A sent command without an answer for this long is published again; the station's journal runs it only once.
RESEND_AFTER = timedelta(minutes=15)


@transaction.atomic
def command_issue(
    *, viewer: Viewer, station: Station, name: str, parameters: dict[str, Any], expires_in: int | None = None
) -> Command:
    """Create a command and queue it for the relay. `expires_in` in seconds; None: the command's default.

    Raises `InvalidInput`, `Forbidden`, `Conflict` if the station is retired, or `TooMany`.
    """
    contract = command_contracts().get(name)
    if contract is None:
        known = ", ".join(sorted(command_contracts()))
        raise InvalidInput(f"There is no command {name!r}. Available commands: {known}.", field="name")
    viewer.require(
        Membership.Role(contract.role), station=station, to=_("send %(command)s to %(serial)s"), command=name
    )
    if station.retired_at is not None:
        raise Conflict(f"{station.serial} is retired and receives no commands.")
    try:
        contract.parameters_check(parameters)
    except CommandRefused as error:
        raise InvalidInput(str(error), field="parameters") from error
    life = contract.default_expiry if expires_in is None else expires_in
    if not 1 <= life <= EXPIRY_MOST_S:
        raise InvalidInput(f"A command can wait for 1 to {EXPIRY_MOST_S} seconds, not for {life}.", field="expires_in")
    waiting = Q(state__in=Command.OPEN) | Q(withdrawal=Command.Withdrawal.SOUGHT)
    if Command.objects.filter(waiting, station=station).count() >= COMMANDS_WAITING_MOST:
        raise TooMany(
            f"{COMMANDS_WAITING_MOST} commands are already waiting for {station.serial}. "
            "Cancel some, or wait for its next contact."
        )
    moment = clock.now()
    if contract.danger:
        _danger_check(station, name, moment)
    command = Command.objects.create(
        station=station,
        name=name,
        parameters=parameters,
        issued_by=viewer.user,
        issued_by_name=viewer.name,
        issued_at=moment,
        expires_at=moment + timedelta(seconds=life),
    )
    _record_step(command.id, State.QUEUED, moment, moment)
    _queue_for_relay(command, station.serial)
    audit(viewer, command, "command.issue", command=str(command.id), parameters=parameters)
    return command


@transaction.atomic
def command_cancel(*, viewer: Viewer, command: Command) -> Command:
    """Close an open command and withdraw it from Roost's outbox, from the broker and from the station.

    If the station runs it all the same, its report later marks the command as run.
    """
    contract = command_contracts().get(command.name)
    role = Membership.Role(contract.role) if contract else Membership.Role.OPERATOR
    viewer.require(role, station=command.station, to=_("cancel this command"))
    moment = clock.now()
    if not _close_command(command.id, State.CANCELLED, moment, f"Cancelled by {viewer.name}."):
        command.refresh_from_db()
        raise Conflict(f"This command is already closed ({command.state}); there is nothing to cancel.")
    withdrawal_ask(command_id=command.id, serial=command.station.serial)
    audit(viewer, command, "command.cancel", command=str(command.id))
    command.refresh_from_db()
    return command


@transaction.atomic
def commands_withdraw(*, station: Station, moment: datetime, note: str) -> int:
    """Cancel all open commands of a station; return how many had left for the broker. Running commands keep running.

    The withdrawals go to the queue of the station's current serial.
    """
    sent = 0
    for number, state in list(
        Command.objects.filter(station=station, state__in=Command.OPEN).order_by("id").values_list("id", "state")
    ):
        sent += state != State.QUEUED
        if _close_command(number, State.CANCELLED, moment, note[:256]):
            withdrawal_ask(command_id=number, serial=station.serial)
    return sent


def command_sent(*, command_id: UUID, moment: datetime) -> None:
    """Record that the broker confirmed the command into the station's queue."""
    with transaction.atomic():
        # Even if it was cancelled just now: its withdrawal needs the number of copies.
        Command.objects.filter(id=command_id).update(sent_at=moment, copies=F("copies") + 1)
        if Command.objects.filter(id=command_id, state=State.QUEUED).update(state=State.SENT):
            _record_step(command_id, State.SENT, moment, moment)


def command_is_wanted(*, command_id: UUID) -> bool:
    """Whether the command is still open. One cancelled while the broker was away must not be sent afterwards."""
    return Command.objects.filter(id=command_id, state__in=Command.OPEN).exists()


def commands_expire(*, moment: datetime) -> int:
    """Close open commands that have expired; return how many.

    Commands that the station has received get one more day, as their result may be on the way.
    """
    waiting = Command.objects.filter(state__in=(State.QUEUED, State.SENT), expires_at__lt=moment)
    begun = Command.objects.filter(state__in=(State.RECEIVED, State.RUNNING), expires_at__lt=moment - timedelta(days=1))
    closed = 0
    for command_id in [*waiting.values_list("id", flat=True)[:1000], *begun.values_list("id", flat=True)[:1000]]:
        with transaction.atomic():
            closed += _close_command(
                command_id, State.EXPIRED, moment, "It expired before the station reported a result."
            )
    return closed


def commands_resend(*, moment: datetime) -> int:
    """Publish commands again that a broker may have lost; return how many. The station runs each only once."""
    forgotten = Command.objects.filter(
        state=State.SENT, sent_at__lt=moment - RESEND_AFTER, expires_at__gt=moment
    ).select_related("station")[:500]
    count = 0
    for command in forgotten:
        with transaction.atomic():
            claimed = Command.objects.filter(id=command.id, state=State.SENT, sent_at=command.sent_at).update(
                sent_at=moment
            )
            if claimed:
                _queue_for_relay(command, command.station.serial)
                count += 1
    return count


def _danger_check(station: Station, name: str, moment: datetime) -> None:
    """Refuse a dangerous command that was sent to the station too often lately, most likely by a script in a loop."""
    # The lock makes concurrent requests count one after the other.
    Station.objects.select_for_update().get(pk=station.pk)
    sent = Command.objects.filter(station=station, name=name, issued_at__gt=moment - DANGER_WITHIN)
    harmless = Q(state=State.CANCELLED) & ~Q(withdrawal=Command.Withdrawal.RAN)
    if sent.exclude(harmless).count() >= DANGER_MOST:
        raise TooMany(
            f"{station.serial} was sent {name} {DANGER_MOST} times within {DANGER_WITHIN.total_seconds() / 60:.0f} minutes. "
            "Check how those ended, then try again later."
        )


def _queue_for_relay(command: Command, serial: str) -> None:
    message = CommandMessage(
        id=command.id,
        station=serial,
        name=command.name,
        issued_at=command.issued_at.timestamp(),
        expires_at=command.expires_at.timestamp(),
        parameters=command.parameters,
    )
    command_queue_up(message, expires_at=command.expires_at)


def _close_command(command_id: UUID, state: str, moment: datetime, note: str) -> int:
    moved = Command.objects.filter(id=command_id, state__in=Command.OPEN).update(
        state=state, closed_at=moment, note=note
    )
    if moved:
        _record_step(command_id, state, moment, moment, note=note)
    return moved


def _record_step(
    command_id: UUID,
    state: str,
    occurred_at: datetime,
    received_at: datetime,
    *,
    is_applied: bool = True,
    note: str = "",
) -> None:
    step = CommandStep.objects.create(
        command_id=command_id,
        state=state,
        occurred_at=occurred_at,
        received_at=received_at,
        is_applied=is_applied,
        note=note[:256],
    )
    steps_announce(steps=[step])
