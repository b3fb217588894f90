"""A message that is readable but cannot be stored: it goes to quarantine alone, and its station pays for the search."""

from fleet.ingest.delivery import Refusal
from fleet.ingest.ledger import Streams, Taken, number_of, streams_lock, streams_read, streams_write
from fleet.ingest.reading import weight_said
from fleet.ingest.round import Round
from fleet.ingest.stages.admission import weight_note
from fleet.ingest.stages.predecessors import refusals_hand_over
from fleet.ingest.stages.results import quarantine_refusals
from fleet.ingest.stages.reused_numbers import may_be_reused, settle_refusals

#: Weight of searching for a message that the database refuses: it takes some transactions.
NOT_STORED_WEIGHT = 500_000


def quarantine_unstored(work: Round, error: Exception) -> None:
    """Quarantine the round's only message, which was read, unless it is a repeat."""
    (delivery,) = work.deliveries
    station = next(iter(work.heard.values()), None)
    if station is not None and not work.is_again:
        weight_note(station, delivery.exchange, weight_said(delivery) + NOT_STORED_WEIGHT, work.moment)
    if work.arrivals and not work.is_again and (number := number_of(work.arrivals[0])) is not None:
        key = (work.arrivals[0].station.id, number.stream)
        streams = Streams(streams_read(streams_lock([key]), [key], work.moment), work.moment)
        is_repeat = streams.take(key[0], number) is Taken.REPEAT
        streams_write(streams.states(), work.moment)
        delivery.is_reused = is_repeat and may_be_reused(number)
        work.outcome.repeats += is_repeat
        if is_repeat and not delivery.is_reused:
            return
    sentence = f"The message is readable but could not be stored: {type(error).__name__}: {error}"
    work.refusals = refusals_hand_over([Refusal(delivery, station, "not-stored", sentence)])
    settle_refusals(work)
    quarantine_refusals(work)
