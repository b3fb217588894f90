"""`command_status`: progress and outcome of a command on the station."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from message_queue.contracts.base import Body, Contract, Lane, LongText, Name, Scalar, Seconds, ShortText

CommandState = Literal["received", "running", "succeeded", "failed", "refused", "expired"]


class CommandStatus(Body, frozen=True, kw_only=True):
    """One step of one command. `note` is a sentence, `result` holds values, `output` is longer text, with a limit."""

    command: UUID
    state: CommandState
    at: Seconds
    note: ShortText = ""
    result: Annotated[dict[Name, Scalar], Meta(max_length=64)] = {}
    output: LongText = ""


CONTRACT = Contract(
    kind="command_status",
    version=1,
    body=CommandStatus,
    lane=Lane.URGENT,
    summary="State of a command: received, running, succeeded, failed, refused or expired.",
    keeps_unknown=True,
    only_by_station=True,
    is_awaited=True,
)
