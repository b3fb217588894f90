"""Withdrawing cancelled commands from Roost's outbox, from the station's queue, and by a message to the station.

1. A copy that has not left is deleted. One that the relay is working on counts as sent.
2. A withdrawal is queued for the station behind the command. The station's journal refuses a command that it knows to
   be withdrawn, whichever of the two arrives first.
3. Copies on the broker are taken back: at once, and then repeatedly, because a copy held by a half-open connection
   returns to the queue only when the broker notices that the connection is dead.
4. The search ends when the station reports on the command, or when the command expires.
"""

import logging
from collections import Counter, defaultdict
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet

from fleet.commands.models import Command
from fleet.commands.orders import withdrawal_queue_up
from fleet.core.models import OutboxMessage
from fleet.core.outbox import job_ask
from fleet.stations.models import StationContact
from message_queue.contracts.command_status import CommandStatus
from message_queue.contracts.commands.base import WITHDRAW
from message_queue.contracts.commands.base import Withdrawal as WithdrawalMessage
from message_queue.errors import SerialNotAllowed
from message_queue.routing import command_queue
from message_queue.take_back import TakeBack

_log = logging.getLogger(__name__)

Withdrawal = Command.Withdrawal
SEEK_JOB = "commands.seek_withdrawn"
#: Maximum commands that one run looks for on the broker; those not looked for longest come first.
SEEK_MOST = 500
_RAN = frozenset({"running", "succeeded", "failed"})
_NOT_RUN = frozenset({"refused", "expired"})


def withdrawal_ask(*, command_id: UUID, serial: str) -> None:
    """Withdraw a command that was cancelled in this transaction. `serial` names the queue that holds it."""
    waiting = OutboxMessage.objects.filter(
        target=OutboxMessage.Target.COMMAND, message_id=str(command_id), published_at=None
    )
    # Skip a locked row: the relay that holds it waits for our lock on the command after publishing.
    unlocked = waiting.select_for_update(skip_locked=True).values_list("id", flat=True)
    kept, _ = OutboxMessage.objects.filter(id__in=list(unlocked)).delete()
    command = Command.objects.get(id=command_id)
    never_left = kept > 0 and command.copies == 0
    state = Withdrawal.UNSENT if never_left else Withdrawal.SOUGHT
    Command.objects.filter(id=command_id).update(withdrawal=state)
    if never_left:
        return
    if _knows_withdrawals(command.station_id):
        message = WithdrawalMessage(withdraw=command_id, station=serial, expires_at=command.expires_at.timestamp())
        withdrawal_queue_up(message, expires_at=command.expires_at)
    job_ask(SEEK_JOB, station_id=command.station_id)


def withdrawal_settle(*, command: Command, status: CommandStatus, occurred_at: datetime) -> None:
    """Apply a station's report on a cancelled command: it ran anyway, or it will not run."""
    found = Command.objects.filter(id=command.id)
    if status.state in _RAN:
        found.exclude(withdrawal=Withdrawal.RAN).update(withdrawal=Withdrawal.RAN, ran_at=occurred_at)
        # Reports may arrive out of order: the earliest says when the command began.
        found.filter(ran_at__gt=occurred_at).update(ran_at=occurred_at)
        if status.state != "running":
            found.update(result=status.result, output=status.output)
    elif status.state in _NOT_RUN:
        found.filter(withdrawal__in=(Withdrawal.SOUGHT, Withdrawal.LAPSED)).update(withdrawal=Withdrawal.STOPPED)


def withdrawals_seek(*, moment: datetime, station_id: int | None = None) -> int:
    """Remove copies of cancelled commands from the broker; return how many. Raises `BrokerAway`."""
    sought = Command.objects.filter(withdrawal=Withdrawal.SOUGHT)
    with transaction.atomic():
        lapsed = _lock_in_order(sought.filter(expires_at__lt=moment))
        Command.objects.filter(id__in=lapsed, withdrawal=Withdrawal.SOUGHT).update(withdrawal=Withdrawal.LAPSED)
    if station_id is not None:
        sought = sought.filter(station_id=station_id)
    by_serial: dict[str, set[str]] = defaultdict(set)
    found = sought.order_by(F("sought_at").asc(nulls_first=True), "id").values_list("id", "station__serial")
    for command_id, serial in found[:SEEK_MOST]:
        by_serial[serial].add(str(command_id))
    if not by_serial:
        return 0
    count = 0
    with TakeBack(settings.ROOST_COMMAND_BROKER_URL) as broker:
        for serial, wanted in by_serial.items():
            try:
                taken = broker.take(command_queue(serial), wanted)
            except SerialNotAllowed:
                # A station that passed on its serial has no queue.
                taken = Counter()
            _record_taken_back(wanted, taken, moment)
            count += sum(taken.values())
    return count


def _lock_in_order(commands: QuerySet[Command]) -> list[UUID]:
    """Lock commands in the order of their ids, as reports and the relay do; return the ids."""
    return list(commands.select_for_update().order_by("id").values_list("id", flat=True))


@transaction.atomic
def _record_taken_back(wanted: set[str], taken: Counter[str], moment: datetime) -> None:
    _lock_in_order(Command.objects.filter(id__in=wanted))
    Command.objects.filter(id__in=wanted).update(sought_at=moment)
    for command_id, copies in taken.items():
        of_it = Command.objects.filter(id=command_id)
        of_it.update(copies=F("copies") - copies)
        of_it.filter(withdrawal=Withdrawal.SOUGHT, copies__lte=0).update(withdrawal=Withdrawal.TAKEN_BACK)
        _log.info("Command %s was cancelled and taken back from its station's queue.", command_id)


def _knows_withdrawals(station_id: int) -> bool:
    """Whether the agent knows withdrawals or has not listed its commands. Older agents cannot read withdrawals."""
    hello = StationContact.objects.filter(station_id=station_id).values_list("hello", flat=True).first() or {}
    named = hello.get("commands")
    return not isinstance(named, list) or not named or WITHDRAW in named
