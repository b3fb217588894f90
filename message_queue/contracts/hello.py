"""`hello`: a station agent has started, or has joined again after its set-up changed."""

from typing import Annotated

from msgspec import Meta

from message_queue.contracts.base import Body, Contract, Interval, Lane, Name, Scalar, Seconds, ShortText


class Hello(Body, frozen=True, kw_only=True):
    """Who the station is and what it can do. Times are the station's own."""

    at: Seconds
    agent_version: ShortText = ""
    boot_count: Annotated[int, Meta(ge=0, le=2_147_483_647)] | None = None
    boot_id: ShortText = ""
    #: Random key that lives on the SD card: with the serial it tells a swapped board from a swapped card.
    card_key: ShortText = ""
    started_at: Seconds | None = None
    #: Seconds by which the station's clock is behind the server's, where it is far off: added to the agent's own stamps.
    clock_offset_s: float | None = None
    profile: ShortText = ""
    #: Short hash of the hardware: the same agent on another board says another.
    machine: ShortText = ""
    #: What this station takes and keeps to itself by its settings, as `detections/pulse`: no gap, it was never sent.
    kept: Annotated[list[Name], Meta(max_length=32)] = []
    #: Seconds until the station will be heard from again at the latest.
    next_in: Interval | None = None
    sources: Annotated[list[Name], Meta(max_length=64)] = []
    commands: Annotated[list[Name], Meta(max_length=128)] = []
    hardware: Annotated[dict[Name, Scalar], Meta(max_length=64)] = {}


CONTRACT = Contract(
    kind="hello",
    version=1,
    body=Hello,
    lane=Lane.URGENT,
    summary="The station agent has started: who it is, what it runs, when it will be heard from next.",
)
