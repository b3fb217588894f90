"""Orders to a station, that is commands and their withdrawals: as rows in the outbox, and as bytes on the wire."""

from datetime import datetime

import msgspec

from fleet.core.models import OutboxMessage
from fleet.core.outbox import outbox_add
from message_queue.contracts.commands.base import CommandMessage, Withdrawal, command_encode, withdrawal_encode
from message_queue.errors import PublishFailed

_Target = OutboxMessage.Target
#: Targets of outbox messages that go to the command queues of stations.
ORDERS = frozenset({_Target.COMMAND, _Target.WITHDRAWAL})


def command_queue_up(message: CommandMessage, *, expires_at: datetime) -> None:
    """Queue a command for the relay."""
    _queue_up(_Target.COMMAND, message.station, str(message.id), message, expires_at)


def withdrawal_queue_up(message: Withdrawal, *, expires_at: datetime) -> None:
    """Queue a withdrawal for the relay. `expires_at` is that of its command."""
    _queue_up(_Target.WITHDRAWAL, message.station, str(message.withdraw), message, expires_at)


def order_encode(row: OutboxMessage) -> bytes:
    """An order as its station reads it. Raises `PublishFailed` if the row holds no valid one."""
    try:
        if row.target == _Target.COMMAND:
            return command_encode(msgspec.convert(row.body, CommandMessage))
        return withdrawal_encode(msgspec.convert(row.body, Withdrawal))
    except msgspec.ValidationError as error:
        raise PublishFailed(f"This is no {row.target} that a station could read: {error}.", is_away=False) from error


def _queue_up(
    target: OutboxMessage.Target, serial: str, command_id: str, message: msgspec.Struct, expires_at: datetime
) -> None:
    outbox_add(
        target=target,
        routing_key=serial,
        message_id=command_id,
        expires_at=expires_at,
        body=msgspec.to_builtins(message),
    )
