"""`health`: how the station itself is doing, and when it will speak next."""

from typing import Annotated

import msgspec
from msgspec import Meta

from message_queue.contracts.base import Body, Contract, Count, Interval, Lane, Name, Port, Seconds, ShortText
from message_queue.contracts.file import FileTotals

Percent = Annotated[float, Meta(ge=0.0, le=100.0)]


class Clock(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How good the station's clock is: Sensorgnome clock code, source, estimated error in seconds.

    `offset_s`: by how much it is behind the server's time, where it is far off and the agent corrects its own stamps by it.
    """

    code: Annotated[str, Meta(max_length=1)] = ""
    source: ShortText = ""
    error_s: float | None = None
    offset_s: float | None = None


class Radio(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One receiver on one USB port: `state` is init, running, stopped or error."""

    port: Port
    type: ShortText = ""
    state: ShortText = ""
    message: ShortText = ""


class Backlog(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What still waits in the station's outbox."""

    messages: Count = 0
    bytes: Count = 0
    oldest_at: Seconds | None = None


class DataUse(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that the agent's connections put on the link in each direction, with AMQP, TLS, TCP and IP.

    Both only grow while `counter` is the same; another `counter` is a new count that began at 0.
    """

    sent: Count
    received: Count
    counter: Annotated[str, Meta(min_length=1, max_length=64)]


class Health(Body, frozen=True, kw_only=True):
    """State of the station. Every field but `at` is optional: stations differ in what they can measure."""

    at: Seconds
    next_in: Interval | None = None
    boot_count: Count | None = None
    uptime_s: float | None = None
    cpu_percent: float | None = None
    load1: float | None = None
    memory_percent: Percent | None = None
    disk_percent: Percent | None = None
    disk_free_bytes: Count | None = None
    temperature_c: float | None = None
    battery_v: float | None = None
    solar_v: float | None = None
    power_w: float | None = None
    signal_dbm: float | None = None
    bytes_sent: Count | None = None
    bytes_received: Count | None = None
    data_use: DataUse | None = None
    #: What the server's wish for pace makes the agent do, as a sentence; empty when it goes at its own.
    pace: ShortText = ""
    clock: Clock | None = None
    gps_state: ShortText = ""
    radios: Annotated[list[Radio], Meta(max_length=32)] = []
    backlog: Backlog | None = None
    #: What the outbox had to drop since its beginning, by kind of message.
    dropped: Annotated[dict[Name, Count], Meta(max_length=32)] = {}
    #: What became of the station's own data files, all of them together.
    files: FileTotals | None = None
    warnings: Annotated[list[ShortText], Meta(max_length=32)] = []


CONTRACT = Contract(
    kind="health",
    version=1,
    body=Health,
    lane=Lane.URGENT,
    summary="State of the station itself: power, disk, clock, radios, backlog; announces the next contact.",
)
