"""What every command handler has in common."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from message_queue.contracts.base import Scalar
from station_agent.station import Station

#: Characters of output that are sent.
OUTPUT_MOST = 16_000
NOTE_MOST = 250


class Outcome(NamedTuple):
    """How it ended. `note` is a sentence, `result` holds figures, `output` text for a person."""

    state: Literal["succeeded", "failed"]
    note: str = ""
    result: dict[str, Scalar] = {}
    output: str = ""


@dataclass(frozen=True, slots=True)
class Handler:
    """One command's doing. `repeatable` when running it twice does no harm."""

    name: str
    run: Callable[[Station, Any], Outcome]
    repeatable: bool = True


def bounded(text: str, most: int) -> str:
    """Text that fits: the end is cut off and says so."""
    text = text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    return text if len(text) <= most else text[: most - 1] + "…"
