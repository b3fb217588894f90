"""Owners of messages after a station was moved: messages made before the move belong to its predecessor.

The successor's row keeps ledger, contact and quota, so that repeats are dropped and nothing looks silent; only the rows
of an older message go to the predecessor. A message is older

1. if its number is below the next one that the station was going to use when the predecessor was last heard: certain,
   whatever its clock says;
2. otherwise, if its own time, corrected by what is known of the station's clock, is before the move.

If neither is known, the message belongs to the successor.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from fleet.ingest.delivery import Arrival, Delivery, Refusal, StationRef
from fleet.ingest.ledger import number_of, number_of_refusal
from fleet.ingest.round import Round
from message_queue.codec import Decoded
from message_queue.errors import MessageRefused
from message_queue.intake import message_read

#: The reason of an older message of a station whose history was permanently deleted.
GONE = "deleted-station"
_GONE_SENTENCE = (
    "It was made before the station was moved here, and the station it belonged to was permanently deleted."
)


class StationMoved(Exception):
    """A station is no longer as it was remembered: the batch is taken again."""


def moved_only(stations: Iterable[StationRef]) -> list[StationRef]:
    """The stations among these that took over a serial; nearly always none."""
    return [station for station in stations if station.moved_at is not None]


def line_of(station: StationRef) -> list[StationRef]:
    """Stations that had the serial before, the latest first."""
    found: list[StationRef] = []
    before = station.before
    while before is not None:
        found.append(before)
        before = before.before
    return found


def hand_over(work: Round) -> None:
    """Give each message of a moved station to its owner; refuse messages whose owner is gone."""
    if not moved_only(work.heard.values()):
        return
    work.refusals = refusals_hand_over(work.refusals)
    kept: list[Arrival] = []
    for arrival in work.fresh:
        number = number_of(arrival)
        known = (number.stream, number.seq) if number is not None else None
        made_at = _made_at(arrival.message, arrival.delivery)
        if made_at is not None:
            # An unbelievable time is no evidence.
            offset = work.batch.clocks_before.get(arrival.station.id) or 0.0
            made_at = None if work.batch.suspicion(made_at) else made_at - offset
        if arrival.delivery.is_reused and made_at is not None:
            # The number may belong to another message, but the time is this one's own.
            known = None
        owner = _owner(arrival.station, arrival.delivery, known, made_at)
        if owner is None:
            # A known number counts as a repeat; otherwise permanently deleted data could return.
            if not arrival.delivery.is_reused:
                work.refusals.append(Refusal(arrival.delivery, None, GONE, _GONE_SENTENCE, is_counted=True))
            continue
        arrival.station = owner
        kept.append(arrival)
    work.fresh = kept
    work.heard |= {arrival.station.id: arrival.station for arrival in kept}


def refusals_hand_over(refusals: list[Refusal]) -> list[Refusal]:
    """Give messages that go to quarantine to their owners."""
    return [_hand_over(r) if r.station is not None and r.station.moved_at is not None else r for r in refusals]


def _hand_over(refusal: Refusal) -> Refusal:
    station, delivery = refusal.station, refusal.delivery
    assert station is not None  # noqa: S101 - asked of those only
    # It does not matter here whether its number is already recorded.
    number = number_of_refusal(Refusal(delivery, station, refusal.reason, refusal.sentence))
    made_at = _sent_at(delivery) if refusal.is_unread else _made_at_if_readable(delivery, station.serial)
    owner = _owner(station, delivery, (number.stream, number.seq) if number is not None else None, made_at)
    refusal.station = owner
    return refusal


def _made_at_if_readable(delivery: Delivery, serial: str) -> float | None:
    try:
        return _made_at(message_read(delivery.properties, delivery.routing_key, serial, delivery.body), delivery)
    except (MessageRefused, RecursionError):
        return _sent_at(delivery)


def _owner(
    station: StationRef, delivery: Delivery, number: tuple[str, int] | None, made_at: float | None
) -> StationRef | None:
    """The owner: the station, one of those before it, or None if that is gone."""
    owner: StationRef | None = station
    while owner is not None and owner.moved_at is not None:
        came_before = delivery.received_at is not None and delivery.received_at.timestamp() < owner.moved_at
        is_counted = number is not None and number[1] < owner.numbers_before.get(number[0], 0)
        is_older = made_at is not None and made_at < owner.moved_at
        if not (came_before or is_counted or is_older):
            break
        owner = owner.before
    return owner


def _made_at(message: Decoded, delivery: Delivery) -> float | None:
    """The time a message was made, in seconds since 1970: the first time in it, otherwise when it was sent."""
    at = message.contract.first_time(message.body)
    return _sent_at(delivery) if at is None else at


def _sent_at(delivery: Delivery) -> float | None:
    """The time of sending from its properties, in seconds since 1970."""
    sent = delivery.properties.get("timestamp")
    if isinstance(sent, datetime):
        sent = sent.replace(tzinfo=UTC).timestamp()
    return float(sent) if isinstance(sent, int | float) and not isinstance(sent, bool) else None
