"""Telling desk uploads of a station's card from the station itself: only the latter counts as contact.

A desk has a login of its own, which may write only to `up.<serial>`, as the station may write only to `in.<serial>`. So
the exchange tells who sent a message, and neither can omit or fake it.
"""

from collections.abc import Iterable

from fleet.ingest.delivery import Arrival, Refusal
from fleet.telemetry.ledger import FILE_STREAM_PREFIXES
from message_queue.codec import Decoded
from message_queue.errors import MessageRefused
from message_queue.routing import is_upload


def upload_check(exchange: str, message: Decoded) -> None:
    """Raise `MessageRefused` if a desk sends a kind that only the station may send."""
    if message.contract.only_by_station and is_upload(exchange):
        raise MessageRefused(
            "not-by-upload",
            "A desk may only upload what a station's files contain; "
            f"{message.envelope.kind!r} can only come from the station itself.",
        )


def present_stations(arrivals: Iterable[Arrival], refusals: Iterable[Refusal]) -> set[int]:
    """Ids of stations that sent something themselves. A whole file may come from a card, whatever login sent it."""
    present = {a.station.id for a in arrivals if not _is_from_files(a) and not is_upload(a.delivery.exchange)}
    present |= {r.station.id for r in refusals if r.station is not None and not is_upload(r.delivery.exchange)}
    return present


def _is_from_files(arrival: Arrival) -> bool:
    stream = arrival.message.envelope.stream
    return stream is not None and stream.startswith(FILE_STREAM_PREFIXES)
