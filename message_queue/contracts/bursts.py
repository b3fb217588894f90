"""`bursts`: coded tags as the station's own burst finder decoded them from their pulses, in columns."""

from typing import Annotated

from msgspec import Meta

from message_queue.contracts.base import MAX_ROWS, Body, Contract, Lane, LineNumber, Port, Seconds, ShortText
from message_queue.errors import MessageRefused

#: Name of the events that bursts become: thousands an hour, listed only where they are asked for.
BURST_EVENT = "burst"
_Numbers = Annotated[list[float | None], Meta(max_length=MAX_ROWS)]
#: The columns of figures.
FIGURES = (
    *("freq", "freq_sd", "freq_range", "sig", "sig_sd", "sig_range"),
    *("noise", "slop", "snr", "reused", "pulses", "poor"),
)


class Bursts(Body, frozen=True, kw_only=True):
    """`t[i]` (seconds, added to `bt`) and every other non-empty column at `i` describe one burst.

    Units: `freq` kHz offset from the tuned frequency, `sig` and `noise` dB, `snr` dB (the smallest of its pulses),
    `slop` seconds. `_sd` is a standard deviation, `_range` largest less smallest. `reused` pulses belong to other
    bursts as well, `pulses` stand in the window, `poor` is 1 where the match is a weak one.
    """

    t: Annotated[list[Seconds], Meta(min_length=1, max_length=MAX_ROWS)]
    port: Port | Annotated[list[Port], Meta(max_length=MAX_ROWS)]
    #: The number of the code within its set: several tags may share one.
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
    #: The file is damaged, so that what was read from it is in doubt.
    damaged: bool = False


def columns_check(body: Bursts) -> None:
    """Raise `MessageRefused` when a column is neither empty nor as long as `t`."""
    rows = len(body.t)
    for name in FIGURES:
        length = len(getattr(body, name))
        if length and length != rows:
            raise MessageRefused("uneven-columns", f"Column {name!r} has {length} values but 't' has {rows}.")
    if len(body.code) != rows:
        raise MessageRefused("uneven-columns", f"Column 'code' has {len(body.code)} values but 't' has {rows}.")
    if isinstance(body.port, list) and len(body.port) != rows:
        raise MessageRefused("uneven-columns", f"Column 'port' has {len(body.port)} values but 't' has {rows}.")
    if len(body.line) not in (0, 1, rows):
        raise MessageRefused("uneven-columns", f"Column 'line' has {len(body.line)} values but 't' has {rows}.")


CONTRACT = Contract(
    kind="bursts",
    version=1,
    body=Bursts,
    lane=Lane.TELEMETRY,
    summary="Bursts of coded tags, decoded by the station itself, one column per figure.",
)
