"""`bursts`: coded tags that the station's own burst finder decoded from pulses, in columns."""

from operator import attrgetter
from typing import Annotated

from msgspec import Meta

from message_queue.columns import columns_check, first_time_of, rows_of
from message_queue.contracts.base import MAX_ROWS, Body, Contract, Lane, LineNumber, Port, Seconds, Shape, ShortText

#: Name of the events stored for bursts. There can be thousands an hour, so they are listed only on request.
BURST_EVENT = "burst"
_Numbers = Annotated[list[float | None], Meta(max_length=MAX_ROWS)]
#: Names of the numeric columns.
FIGURES = (
    *("freq", "freq_sd", "freq_range", "sig", "sig_sd", "sig_range"),
    *("noise", "slop", "snr", "reused", "pulses", "poor"),
)


class Bursts(Body, frozen=True, kw_only=True):
    """`t[i]` (seconds, added to `bt`) and every other non-empty column at `i` describe one burst.

    Units: `freq` is the offset from the tuned frequency in kHz, `sig` and `noise` are in dB, `snr` in dB (the lowest of
    its pulses), `slop` in seconds. `_sd` is the standard deviation, `_range` the largest minus the smallest value.
    `reused`: pulses that also belong to other bursts. `pulses`: pulses in the window. `poor`: 1 if the match is weak.
    """

    t: Annotated[list[Seconds], Meta(min_length=1, max_length=MAX_ROWS)]
    port: Port | Annotated[list[Port], Meta(max_length=MAX_ROWS)]
    #: Number of the code within its set. Several tags may share one.
    code: Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(max_length=MAX_ROWS)]
    bt: Seconds = 0.0
    line: Annotated[list[LineNumber], Meta(max_length=MAX_ROWS)] = []
    freq: _Numbers = []
    freq_sd: _Numbers = []
    freq_range: _Numbers = []
    sig: _Numbers = []
    sig_sd: _Numbers = []
    sig_range: _Numbers = []
    noise: _Numbers = []
    slop: _Numbers = []
    snr: _Numbers = []
    reused: _Numbers = []
    pulses: _Numbers = []
    poor: _Numbers = []
    clock: Annotated[str, Meta(max_length=1)] = ""
    file: ShortText = ""
    #: The file is damaged, so data read from it is doubtful.
    damaged: bool = False


class _KnownBursts(Bursts, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same without unknown fields, as nearly all are."""


CONTRACT = Contract(
    kind="bursts",
    version=1,
    body=Bursts,
    lane=Lane.TELEMETRY,
    summary="Bursts of coded tags, decoded by the station itself, one column per quantity.",
    shape=Shape.COLUMNS,
    usual=_KnownBursts,
    keeps_unknown=True,
    check=columns_check,
    first_time=first_time_of,
    rows=rows_of,
    file=attrgetter("file"),
)
