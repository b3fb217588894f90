"""A message as the broker delivered it, and as it looks once its station and body are known."""

from datetime import datetime
from typing import Any

import msgspec

from message_queue.codec import Decoded
from message_queue.left_out import LeftOut

#: The reason of messages of which a part was left out and the rest stored.
LEFT_OUT = "left-out"
#: The reason of messages that wait because two lives of an agent claim their numbers.
FORKED = "forked-stream"
#: The reason of messages whose numbers would make a ledger row too long.
TOO_MANY_GAPS = "too-many-gaps"
#: The reason of messages that would begin one stream, or one branch, more than a station may have.
TOO_MANY_STREAMS = "too-many-streams"


class Delivery(msgspec.Struct, gc=False):
    """One raw delivery. `properties` are AMQP's by name, headers under `application_headers`; nothing is trusted.

    The last two are set once its number was looked up in the ledger, see `fleet.ingest.stages.admission`.
    """

    exchange: str
    routing_key: str
    properties: dict[str, Any]
    body: bytes
    #: When it first came, for one that is taken again.
    received_at: datetime | None = None
    #: Its number in quarantine, for one that is taken again.
    number_held: int | None = None
    #: It waited unread: what its body says of its number is in no ledger.
    is_unread: bool = False
    #: Its stream and number, from its headers or its body.
    number: tuple[str, int] | None = None
    #: Its number is known, from a client that names no run: see `fleet.ingest.stages.reused_numbers`.
    is_reused: bool = False


class StationRef(msgspec.Struct, frozen=True, gc=False):
    """What ingest needs to know of a station."""

    id: int
    organization_id: int
    serial: str
    #: As the contact row had it when this was read: another one there says that this no longer holds.
    epoch: int = 0
    #: Who bore the serial before, and until when (seconds since 1970); see `fleet.ingest.stages.predecessors`.
    before: "StationRef | None" = None
    moved_at: float | None = None
    #: By stream the first number that was not given out when the one before was last heard.
    numbers_before: dict[str, int] = {}


class Arrival(msgspec.Struct, gc=False):
    """A delivery whose station is known and whose body was taken."""

    delivery: Delivery
    station: StationRef
    message: Decoded
    #: What it takes from the station's quota, in bytes.
    weight: int = 0
    #: What does not come into rows; its handler adds to it.
    left_out: LeftOut = msgspec.field(default_factory=LeftOut)


class Refusal(msgspec.Struct, gc=False):
    """A delivery that goes to quarantine: one word and one sentence say why."""

    delivery: Delivery
    station: StationRef | None
    reason: str
    sentence: str
    #: Its number stands in the ledger already.
    is_counted: bool = False
    weight: int = 0
    is_unread: bool = False
