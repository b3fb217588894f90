"""`event`: things that happened at the station, such as a clock step, a changed setting, a radio added or stalled."""

from operator import attrgetter
from typing import Annotated

import msgspec
from msgspec import Meta

from message_queue.contracts.base import Body, Contract, Lane, LineNumber, Name, Port, Scalar, Seconds, ShortText

#: Maximum events in one message.
MAX_EVENTS = 1_000


class Happening(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event. `name` says what happened (clock, setting, radio_added, unparsed …), `data` holds the details."""

    t: Seconds
    name: Name
    port: Port | None = None
    #: Line number in the station's own file. It distinguishes equal events at the same moment.
    line: LineNumber = 0
    data: Annotated[dict[Name, Scalar], Meta(max_length=32)] = {}


class Event(Body, frozen=True, kw_only=True):
    """One or more events, oldest first."""

    events: Annotated[list[Happening], Meta(min_length=1, max_length=MAX_EVENTS)]
    clock: Annotated[str, Meta(max_length=1)] = ""
    file: ShortText = ""
    #: The file is damaged, so data read from it is doubtful.
    damaged: bool = False


CONTRACT = Contract(
    kind="event",
    version=1,
    body=Event,
    lane=Lane.URGENT,
    summary="Things that happened at the station.",
    keeps_unknown=True,
    first_time=lambda body: float(body.events[0].t),
    rows=lambda body: len(body.events),
    file=attrgetter("file"),
)
