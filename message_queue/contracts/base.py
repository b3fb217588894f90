"""Shared by all message kinds: limits, the lanes to the server, and the fields that any body may have."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta

#: Largest body on the wire, and after decompression, in bytes. The broker also refuses more than 1 MiB.
MAX_WIRE_BYTES = 1_048_576
MAX_BODY_BYTES = 8 * 1_048_576
#: Maximum rows (readings, detections, positions, bursts) in one message.
MAX_ROWS = 5_000

#: Seconds since 1970-01-01 UTC. The range, 1900 to 5138, keeps even the time of a broken clock storable.
Seconds = Annotated[float, Meta(ge=-2_208_988_800.0, le=99_999_999_999.0)]
Interval = Annotated[float, Meta(ge=1.0, le=31_536_000.0)]
Port = Annotated[int, Meta(ge=-1, le=999)]
LineNumber = Annotated[int, Meta(ge=0, le=2_147_483_647)]
Count = Annotated[int, Meta(ge=0, le=9_000_000_000_000_000_000)]
Sequence = Annotated[int, Meta(ge=1, le=9_000_000_000_000_000_000)]
Name = Annotated[str, Meta(min_length=1, max_length=128)]
ShortText = Annotated[str, Meta(max_length=256)]
LongText = Annotated[str, Meta(max_length=16_384)]
#: A value without a schema of its own: text, number, boolean or null.
Scalar = str | int | float | bool | None


class Lane(StrEnum):
    """The inbound queue of a kind. Urgent messages never wait behind a backlog; bulk comes last."""

    URGENT = "inbound.urgent"
    TELEMETRY = "inbound.telemetry"
    BULK = "inbound.bulk"


class Body(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of bodies that are JSON objects. Unknown fields are ignored: agents can be older or newer than the server.

    `station`, if given, must be the sender's own serial. `stream` and `seq` are only for clients that cannot set
    AMQP headers.
    """

    station: Annotated[str, Meta(max_length=64)] | None = None
    stream: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    seq: Sequence | None = None


@dataclass(frozen=True, slots=True)
class Contract:
    """A message kind: its name, version, body type, lane and content type."""

    kind: str
    version: int
    body: Any
    lane: Lane
    summary: str
    content_type: str = "application/json"
