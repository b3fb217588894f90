"""Base of all command handlers: a name, a contract and how they run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from message_queue.contracts.base import Scalar
from station_agent.station import Station

#: Maximum characters of output sent.
OUTPUT_MOST = 16_000
NOTE_MOST = 250


class CommandOutcome(NamedTuple):
    """The outcome of a command. `note` is a sentence, `result` holds figures, `output` text for a person."""

    state: Literal["succeeded", "failed"]
    note: str = ""
    result: dict[str, Scalar] = {}
    output: str = ""


@dataclass(frozen=True, slots=True)
class Handler:
    """A command's handler. `repeatable` if running it twice does no harm."""

    name: str
    run: Callable[[Station, Any], CommandOutcome]
    repeatable: bool = True


def bounded(text: str, most: int) -> str:
    """The text, truncated with a mark if it is too long."""
    text = text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    return text if len(text) <= most else text[: most - 1] + "…"
