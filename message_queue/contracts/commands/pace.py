"""`pace`: the station slows down, pauses sending or spreads its connections for a while."""

from typing import Annotated

from msgspec import Meta

from message_queue.contracts.commands.base import CommandContract, CommandParameters

_Wait = Annotated[int, Meta(ge=0, le=86_400)]


class Pace(CommandParameters, frozen=True, kw_only=True):
    """What to do for `for_s` seconds. A later `pace` replaces an earlier one; `slowdown` 1 alone ends it.

    `slowdown` multiplies the reporting interval; above 1, at most 60 / `slowdown` messages a second are published. For
    `hold_for` seconds only command results are published. New connections wait a random 0 to `spread` seconds.
    """

    slowdown: Annotated[int, Meta(ge=1, le=60, title="Slow down by this factor")] = 1
    hold_for: Annotated[_Wait, Meta(title="Seconds to send only command results")] = 0
    spread: Annotated[_Wait, Meta(title="Seconds over which to spread new connections")] = 0
    for_s: Annotated[int, Meta(ge=1, le=604_800, title="Seconds until normal pace")] = 3_600


COMMAND = CommandContract(
    name="pace",
    label="Ask for a different pace",
    explanation="For a while the station sends less often or not at all. It keeps its data and sends it later.",
    parameters=Pace,
    default_expiry=3_600,
)
