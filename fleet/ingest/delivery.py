"""A message as the broker delivered it, and as it is once its station and body are known."""

from datetime import datetime
from typing import Any

import msgspec

from message_queue.codec import Decoded
from message_queue.left_out import LeftOut

#: The reason of messages that were stored with parts left out.
LEFT_OUT = "left-out"
#: The reason of messages that wait because two runs of an agent claim their numbers.
FORKED = "forked-stream"
#: The reason of messages whose numbers would give a ledger row too many ranges.
TOO_MANY_GAPS = "too-many-gaps"
#: The reason of messages that would begin one stream or branch more than a station may have.
TOO_MANY_STREAMS = "too-many-streams"


class Delivery(msgspec.Struct, gc=False):
    """One raw delivery. `properties` are AMQP's by name, with headers under `application_headers`; nothing is trusted.

    The last two are set when its number is looked up in the ledger, see `fleet.ingest.stages.admission`.
    """

    exchange: str
    routing_key: str
    properties: dict[str, Any]
    body: bytes
    #: When it first arrived, if it is taken again.
    received_at: datetime | None = None
    #: Its id in quarantine, if it is taken again.
    number_held: int | None = None
    #: It waited unread: a number in its body is in no ledger.
    is_unread: bool = False
    #: Its stream and number, from its headers or its body.
    number: tuple[str, int] | None = None
    #: Its number is known, and its client names no run: see `fleet.ingest.stages.reused_numbers`.
    is_reused: bool = False


class StationRef(msgspec.Struct, frozen=True, gc=False):
    """The facts about a station that ingest needs."""

    id: int
    organization_id: int
    serial: str
    #: The contact row's epoch when this was read: if it differs there now, this is outdated.
    epoch: int = 0
    #: The station that had the serial before, and until when (seconds since 1970); see
    #: `fleet.ingest.stages.predecessors`.
    before: "StationRef | None" = None
    moved_at: float | None = None
    #: By stream, the first number not yet used when the previous station was last heard.
    numbers_before: dict[str, int] = {}


class Arrival(msgspec.Struct, gc=False):
    """A delivery whose station is known and whose body was decoded."""

    delivery: Delivery
    station: StationRef
    message: Decoded
    #: Bytes that count towards the station's quota.
    weight: int = 0
    #: Parts that do not become rows; its handler adds to it.
    left_out: LeftOut = msgspec.field(default_factory=LeftOut)


class Refusal(msgspec.Struct, gc=False):
    """A delivery that goes to quarantine, with a reason word and a sentence."""

    delivery: Delivery
    station: StationRef | None
    reason: str
    sentence: str
    #: Its number is already in the ledger.
    is_counted: bool = False
    weight: int = 0
    is_unread: bool = False
