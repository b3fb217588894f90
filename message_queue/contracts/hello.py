"""`hello`: a station agent has started, or has reconnected after its configuration changed."""

from typing import Annotated

from msgspec import Meta

from message_queue.contracts.base import Body, Contract, Interval, Lane, Name, Scalar, Seconds, ShortText


class Hello(Body, frozen=True, kw_only=True):
    """The station's hardware, software and abilities. Times are by the station's clock."""

    at: Seconds
    agent_version: ShortText = ""
    boot_count: Annotated[int, Meta(ge=0, le=2_147_483_647)] | None = None
    boot_id: ShortText = ""
    #: Random key on the SD card. With the serial it distinguishes a swapped board from a swapped card.
    card_key: ShortText = ""
    started_at: Seconds | None = None
    #: Seconds by which the station's clock is behind the server's, if far off. The agent adds them to its own times.
    clock_offset_s: float | None = None
    profile: ShortText = ""
    #: Short hash of the hardware. It differs for the same agent on another board.
    machine: ShortText = ""
    #: Data that the station records but does not send because of its settings, such as `detections/pulse`; not a gap.
    kept: Annotated[list[Name], Meta(max_length=32)] = []
    #: Seconds within which the station will report again.
    next_in: Interval | None = None
    sources: Annotated[list[Name], Meta(max_length=64)] = []
    commands: Annotated[list[Name], Meta(max_length=128)] = []
    hardware: Annotated[dict[Name, Scalar], Meta(max_length=64)] = {}


CONTRACT = Contract(
    kind="hello",
    version=1,
    body=Hello,
    lane=Lane.URGENT,
    summary="The station agent has started: what it is, what it runs, and when it will report next.",
    keeps_unknown=True,
    only_by_station=True,
)
