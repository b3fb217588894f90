"""`pace`: the station slows down, pauses sending or spreads its connections for a while."""

from typing import Annotated

from msgspec import Meta

from message_queue.contracts.commands.base import IN_SECONDS, CommandContract, CommandParameters

_Wait = Annotated[int, Meta(ge=0, le=86_400)]


class Pace(CommandParameters, frozen=True, kw_only=True):
    """A slower pace for `for_s` seconds. A later `pace` replaces an earlier one; `slowdown` 1 alone ends it.

    `slowdown` multiplies the reporting interval; above 1, at most 60 / `slowdown` messages a second are published. For
    `hold_for` seconds only command results are published. New connections wait a random 0 to `spread` seconds.
    """

    slowdown: Annotated[int, Meta(ge=1, le=60, title="Report this many times less often")] = 1
    hold_for: Annotated[_Wait, Meta(title="Pause sending for", extra_json_schema=IN_SECONDS)] = 0
    spread: Annotated[_Wait, Meta(title="Spread new connections over", extra_json_schema=IN_SECONDS)] = 0
    for_s: Annotated[
        int, Meta(ge=1, le=604_800, title="Back to its normal pace after", extra_json_schema=IN_SECONDS)
    ] = 3_600


COMMAND = CommandContract(
    name="pace",
    label="Slow this station down",
    explanation="For a while it sends less often or not at all. It keeps its data and sends it later.",
    parameters=Pace,
    default_expiry=3_600,
)
