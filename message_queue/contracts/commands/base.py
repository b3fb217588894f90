"""Shared by all commands: the envelope on the wire, and validation of parameters on both sides."""

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from message_queue.contracts.base import Name, Seconds
from message_queue.errors import CommandRefused

#: Agents that support withdrawals add this word to the commands in their `hello`.
WITHDRAW = "withdraw"
WITHDRAWAL_MARK = b'"withdraw"'
#: Marks a parameter as a duration, so that a form asks for it in minutes or hours.
IN_SECONDS: dict[str, Any] = {"x-unit": "s"}


class CommandParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of command parameters. Unknown fields are refused, so that no half-understood command is run."""


class NoParameters(CommandParameters, frozen=True):
    """The parameters of a command that has none."""


class CommandMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command to one station. Times are seconds since 1970 UTC by the server's clock."""

    id: UUID
    name: Name
    station: Annotated[str, Meta(min_length=1, max_length=64)]
    issued_at: Seconds
    expires_at: Seconds
    parameters: dict[str, Any] = {}


class Withdrawal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tells a station that a command was cancelled. It follows the command in the station's queue.

    `withdraw` is the command's id. After `expires_at` the command would not be run anyway.
    """

    station: Annotated[str, Meta(min_length=1, max_length=64)]
    withdraw: UUID
    expires_at: Seconds


@dataclass(frozen=True, slots=True)
class CommandContract:
    """A command: its name, parameters, dangers and expiry."""

    name: str
    #: Verb and object, as on a button.
    label: str
    #: Its effect, in words for an operator who is about to send it.
    explanation: str
    parameters: type[CommandParameters] = NoParameters
    #: Seconds after which a command that was not run expires.
    default_expiry: int = 86_400
    #: Lowest role that can send it: operator or owner.
    role: str = "operator"
    #: For dangerous commands, which need confirmation: the possible consequence.
    danger: str = ""
    #: Not dangerous, but not to be pressed by accident: its button stands apart and asks for confirmation.
    needs_care: bool = False
    #: False if no form offers it, because Roost derives its parameters from choices that people make elsewhere.
    is_by_hand: bool = True

    def parameters_check(self, parameters: dict[str, Any]) -> CommandParameters:
        """Return the typed parameters; raise `CommandRefused`, which names the invalid field."""
        try:
            return msgspec.convert(parameters, self.parameters, strict=False)
        except msgspec.ValidationError as error:
            raise CommandRefused(f"Invalid parameters for {self.name}: {error}.") from error


def command_encode(message: CommandMessage) -> bytes:
    """The command as JSON for the station."""
    return msgspec.json.encode(message)


def withdrawal_encode(message: Withdrawal) -> bytes:
    """The withdrawal as JSON for the station."""
    return msgspec.json.encode(message)


def order_decode(body: bytes) -> CommandMessage | Withdrawal:
    """Decode a message of a command queue: a command or a withdrawal. Raises `CommandRefused`."""
    if WITHDRAWAL_MARK not in body:
        return command_decode(body)
    try:
        return msgspec.json.decode(body, type=Withdrawal)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # A command may contain the word in its parameters.
        return command_decode(body)


def command_decode(body: bytes) -> CommandMessage:
    """Decode a command. Raises `CommandRefused` if the body is not a command."""
    try:
        return msgspec.json.decode(body, type=CommandMessage)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CommandRefused(f"This is not a command: {error}.") from error
