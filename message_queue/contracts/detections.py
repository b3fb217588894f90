"""`detections`: radio pulses and coded tags that a receiver heard, in columns."""

from itertools import repeat
from operator import attrgetter
from typing import Annotated, Literal

from msgspec import Meta

from message_queue.columns import columns_check, first_time_of, rows_of
from message_queue.contracts.base import (
    MAX_ROWS,
    Body,
    Contract,
    Lane,
    LineNumber,
    Name,
    Port,
    Seconds,
    Shape,
    ShortText,
)
from message_queue.errors import MessageRefused

HOUR_S = 3_600.0
_Numbers = Annotated[list[float | None], Meta(max_length=MAX_ROWS)]


class Detections(Body, frozen=True, kw_only=True):
    """`t[i]` (seconds, added to `bt`) and every other non-empty column at `i` describe one detection.

    Units: `freq` is the offset from the tuned frequency in kHz; `sig`, `noise` and `snr` are in dB, `rssi` in dBm as
    the radio reports it. `line` is the line number in the station's own file; with station, time and port it identifies
    a row however often it is sent. A single number is the first of consecutive lines.
    """

    what: Literal["pulse", "tag"]
    port: Port | Annotated[list[Port], Meta(max_length=MAX_ROWS)]
    t: Annotated[list[Seconds], Meta(min_length=1, max_length=MAX_ROWS)]
    bt: Seconds = 0.0
    line: Annotated[list[LineNumber], Meta(max_length=MAX_ROWS)] = []
    freq: _Numbers = []
    sig: _Numbers = []
    noise: _Numbers = []
    snr: _Numbers = []
    #: False if the station's own filter assigned the pulse to no burst. Empty: all were used.
    used: Annotated[list[bool], Meta(max_length=MAX_ROWS)] = []
    tag: Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(max_length=MAX_ROWS)] = []
    rssi: _Numbers = []
    #: The node of a CTT SensorStation that heard the tag; null for the station itself.
    node: Annotated[list[Annotated[str, Meta(max_length=16)] | None], Meta(max_length=MAX_ROWS)] = []
    #: Whether the radio checked the tag's own checksum; null if it does not say.
    valid: Annotated[list[bool | None], Meta(max_length=MAX_ROWS)] = []
    #: The other columns of the row in the station's file, as written there, under the names of its columns.
    also: Annotated[list[Annotated[dict[Name, ShortText], Meta(max_length=64)] | None], Meta(max_length=MAX_ROWS)] = []
    #: Clock code of the file (from P, not synchronised, to T, 1 µs), and the file's name.
    clock: Annotated[str, Meta(max_length=1)] = ""
    file: ShortText = ""
    #: The file is damaged, so data read from it is doubtful.
    damaged: bool = False


class _KnownDetections(Detections, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same without unknown fields, as nearly all are."""


def _check(body: Detections) -> None:
    columns_check(body)
    if body.what == "tag" and not body.tag:
        raise MessageRefused("uneven-columns", "A message with tags needs the column 'tag'.")


def _rows_left(body: Detections) -> int:
    """The number of rows: one per detection, and one per hourly count of a tag, or of pulses, at a port."""
    rows = rows_of(body)
    if body.what == "pulse":
        hours = int((max(body.t) - min(body.t)) // HOUR_S) + 1
        return rows + min(rows, hours * (len(set(body.port)) if isinstance(body.port, list) else 1))
    ports = body.port if isinstance(body.port, list) else repeat(body.port)
    return rows + len(
        {(tag, port, (body.bt + t) // HOUR_S) for tag, port, t in zip(body.tag, ports, body.t, strict=False)}
    )


CONTRACT = Contract(
    kind="detections",
    version=1,
    body=Detections,
    lane=Lane.TELEMETRY,
    summary="Radio pulses or coded tags heard by a receiver, one column per quantity.",
    shape=Shape.COLUMNS,
    usual=_KnownDetections,
    keeps_unknown=True,
    check=_check,
    first_time=first_time_of,
    rows=_rows_left,
    file=attrgetter("file"),
)
