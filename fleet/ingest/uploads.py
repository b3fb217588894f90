"""What comes from a desk that read a station's card, and what comes from the station: only the latter is contact.

A desk has a login of its own, which may write to `up.<serial>` and nowhere else, as the station may write to
`in.<serial>` only. So the exchange says who spoke, and neither can leave it out or write another one.
"""

from collections.abc import Iterable

from fleet.ingest.delivery import Arrival, Refusal
from fleet.telemetry.ledger import FILE_STREAM_PREFIXES
from message_queue.codec import Decoded
from message_queue.errors import MessageRefused
from message_queue.routing import is_upload

#: What only the device in the field can say: who it is, how it does, what became of its commands.
_STATION_ONLY = frozenset({"hello", "health", "command_status"})


def upload_check(exchange: str, message: Decoded) -> None:
    """Raise `MessageRefused` when a desk says what only the station can say."""
    kind = message.envelope.kind
    if kind in _STATION_ONLY and is_upload(exchange):
        raise MessageRefused(
            "not-by-upload",
            f"A desk's login brings what a station's files hold; {kind!r} is for the station itself to say.",
        )


def present_stations(arrivals: Iterable[Arrival], refusals: Iterable[Refusal]) -> set[int]:
    """The stations that spoke themselves. A file sent whole may come from a card, whatever login it came with."""
    present = {a.station.id for a in arrivals if not _is_from_files(a) and not is_upload(a.delivery.exchange)}
    present |= {r.station.id for r in refusals if r.station is not None and not is_upload(r.delivery.exchange)}
    return present


def _is_from_files(arrival: Arrival) -> bool:
    stream = arrival.message.envelope.stream
    return stream is not None and stream.startswith(FILE_STREAM_PREFIXES)
