"""`health`: the state of the station itself, and when it will report next."""

from typing import Annotated

import msgspec
from msgspec import Meta

from message_queue.contracts.base import Body, Contract, Count, Interval, Lane, Name, Port, Seconds, ShortText
from message_queue.contracts.file import FileTotals

Percent = Annotated[float, Meta(ge=0.0, le=100.0)]


class Clock(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Quality of the station's clock: Sensorgnome clock code, source, estimated error in seconds.

    `offset_s`: seconds by which it is behind the server's clock, given only if it is so far off that the agent adds
    them to its own timestamps.
    """

    code: Annotated[str, Meta(max_length=1)] = ""
    source: ShortText = ""
    error_s: float | None = None
    offset_s: float | None = None


class Radio(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A receiver on a USB port. `state` is init, running, stopped or error."""

    port: Port
    type: ShortText = ""
    state: ShortText = ""
    message: ShortText = ""


class Backlog(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Messages still waiting in the station's outbox."""

    messages: Count = 0
    bytes: Count = 0
    oldest_at: Seconds | None = None


class DataUse(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes of the agent's connections in each direction, including AMQP, TLS, TCP and IP overhead.

    Both only grow while `counter` stays the same; a different `counter` is a new count that started at 0.
    """

    sent: Count
    received: Count
    counter: Annotated[str, Meta(min_length=1, max_length=64)]


class Health(Body, frozen=True, kw_only=True):
    """State of the station. All fields except `at` are optional, because stations differ in what they can measure."""

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
    #: A sentence on how a `pace` command slows the agent down; empty at normal pace.
    pace: ShortText = ""
    clock: Clock | None = None
    gps_state: ShortText = ""
    radios: Annotated[list[Radio], Meta(max_length=32)] = []
    backlog: Backlog | None = None
    #: Messages that the outbox has had to drop since it was created, by kind.
    dropped: Annotated[dict[Name, Count], Meta(max_length=32)] = {}
    #: The account of all of the station's own data files together.
    files: FileTotals | None = None
    warnings: Annotated[list[ShortText], Meta(max_length=32)] = []


CONTRACT = Contract(
    kind="health",
    version=1,
    body=Health,
    lane=Lane.URGENT,
    summary="State of the station itself: power, disk, clock, radios, backlog; and when it will report next.",
    keeps_unknown=True,
    only_by_station=True,
)
