"""The first stage: the sender of each message, and the message itself or the reason why it cannot be read."""

from fleet.ingest.delivery import Arrival, Refusal
from fleet.ingest.reading import unread
from fleet.ingest.round import Round
from message_queue.routing import serial_of_exchange


def read_messages(work: Round) -> None:
    """Identify each sender by its exchange and decode; unreadable messages become refusals."""
    serials = [serial_of_exchange(delivery.exchange) for delivery in work.deliveries]
    known = work.memory.stations.look_up({serial for serial in serials if serial is not None})
    for delivery, serial in zip(work.deliveries, serials, strict=True):
        station = known.get(serial) if serial is not None else None
        if station is None:
            sentence = f"No registered station sends through {delivery.exchange[:80]!r}."
            work.refusals.append(Refusal(delivery, None, "unknown-station", sentence))
            continue
        read = unread(delivery, station) if work.is_unread else work.reader.message(delivery, station)
        if isinstance(read, Arrival):
            work.arrivals.append(read)
        else:
            work.refusals.append(read)
    work.heard = {arrival.station.id: arrival.station for arrival in work.arrivals}
    work.heard |= {refusal.station.id: refusal.station for refusal in work.refusals if refusal.station is not None}
