"""What every command shares: the envelope on the wire, and how its parameters are checked on both sides."""

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from message_queue.contracts.base import Name, Seconds
from message_queue.errors import CommandRefused

#: What an agent that understands withdrawals adds to the commands that its `hello` names.
WITHDRAW = "withdraw"
WITHDRAWAL_MARK = b'"withdraw"'


class CommandParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of the parameters of a command. Unknown fields are refused: a half-understood command is not run."""


class NoParameters(CommandParameters, frozen=True):
    """A command that takes no parameters."""


class CommandMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One command on its way to one station. Times are seconds since 1970 UTC by the server's clock."""

    id: UUID
    station: Annotated[str, Meta(min_length=1, max_length=64)]
    name: Name
    issued_at: Seconds
    expires_at: Seconds
    parameters: dict[str, Any] = {}


class Withdrawal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The word to one station that a command was cancelled; it lies behind the command in the station's queue.

    `withdraw` is the command's id. After `expires_at` the command is not run anyway.
    """

    withdraw: UUID
    station: Annotated[str, Meta(min_length=1, max_length=64)]
    expires_at: Seconds


@dataclass(frozen=True, slots=True)
class CommandContract:
    """One command: what it is called, takes, risks, and for how long it is worth running."""

    name: str
    #: Verb with its object, as on the button.
    label: str
    #: What it does, in words an operator understands before pressing.
    explanation: str
    parameters: type[CommandParameters] = NoParameters
    #: Seconds after issue at which an unrun command expires.
    default_expiry: int = 86_400
    #: Lowest role that may send it: operator or owner.
    role: str = "operator"
    #: Dangerous commands want a confirmation; the text names the consequence.
    danger: str = ""

    def parameters_check(self, parameters: dict[str, Any]) -> CommandParameters:
        """Return the typed parameters, or raise `CommandRefused` naming the field that is wrong."""
        try:
            return msgspec.convert(parameters, self.parameters, strict=False)
        except msgspec.ValidationError as error:
            raise CommandRefused(f"The parameters of {self.name} do not fit: {error}.") from error


def command_encode(message: CommandMessage) -> bytes:
    """The command as the JSON that the station gets."""
    return msgspec.json.encode(message)


def withdrawal_encode(message: Withdrawal) -> bytes:
    """The withdrawal as the JSON that the station gets."""
    return msgspec.json.encode(message)


def order_decode(body: bytes) -> CommandMessage | Withdrawal:
    """What lies in a command queue: a command, or the withdrawal of one. Raises `CommandRefused`."""
    if WITHDRAWAL_MARK not in body:
        return command_decode(body)
    try:
        return msgspec.json.decode(body, type=Withdrawal)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # A command may hold the word in its parameters.
        return command_decode(body)


def command_decode(body: bytes) -> CommandMessage:
    """The command in a message body; raises `CommandRefused` when it is none."""
    try:
        return msgspec.json.decode(body, type=CommandMessage)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CommandRefused(f"This is no command: {error}.") from error
