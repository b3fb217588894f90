"""Shared by all message kinds: limits, lanes to the server, fields that any body may have, and what a contract says."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

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


class Shape(StrEnum):
    """How a body is built. If it does not fit, this decides which parts can be saved; see `message_queue.salvage`."""

    #: Fields, each good or bad on its own.
    FIELDS = "fields"
    #: Columns; see `message_queue.columns`.
    COLUMNS = "columns"
    #: A list of SenML records, in which base values apply to the records after them.
    PACK = "pack"


class Sender(NamedTuple):
    """A body's statements about its sender: the stations that it names, and its own stream and number."""

    stations: Collection[str] = ()
    stream: str | None = None
    seq: int | None = None


def sender_said(body: Body, raw: bytes) -> Sender:  # noqa: ARG001 - the signature of `Contract.sender`
    """The sender according to the fields that any JSON object may have."""
    return Sender(() if body.station is None else (body.station,), body.stream, body.seq)


def time_said(body: Any) -> float | None:
    """The time in the field `at`."""
    return float(body.at)


def _nothing(_given: Any) -> None:
    """Find nothing wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """Everything about a message kind that server and agent have to know. The functions take a decoded body.

    The server decides by the contract, never by the kind's name.
    """

    kind: str
    version: int
    body: Any
    lane: Lane
    summary: str
    content_type: str = "application/json"
    shape: Shape = Shape.FIELDS
    #: A narrower type without unknown fields that nearly all bodies fit. It is tried first, because it decodes faster.
    usual: Any = None
    #: Raises `MessageRefused` for a body that fits its type but makes no sense.
    check: Callable[[Any], None] = _nothing
    #: Like `check`, but for the undecoded body, with the fields that decoding by `body` ignores.
    raw_check: Callable[[bytes], None] = _nothing
    #: Unknown fields are kept, for people to read.
    keeps_unknown: bool = False
    #: The sender according to the body. The undecoded bytes are for a quick first look.
    sender: Callable[[Any, bytes], Sender] = sender_said
    #: The first time in the body in seconds since 1970, or None. It decides who owns the message if its station moved.
    first_time: Callable[[Any], float | None] = time_said
    #: The number of rows that the body adds to the database. They count against its station's quota.
    rows: Callable[[Any], int] = lambda _body: 1
    #: The name of the station's own file that the rows come from, or empty.
    file: Callable[[Any], str] = lambda _body: ""
    #: Only the device in the field can send it, not a desk with the station's card.
    only_by_station: bool = False
    #: A person waits for it, so it has a quota of its own, whatever else the station sends.
    is_awaited: bool = False

    def __post_init__(self) -> None:
        """Refuse, at startup, a contract that could not tell when a message was made."""
        if self.first_time is time_said and "at" not in getattr(self.body, "__struct_fields__", ()):
            raise TypeError(f"Bodies of {self.kind!r} have no field `at`: give their contract a `first_time`.")
