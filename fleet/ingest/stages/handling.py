"""The handlers at work: each message becomes rows and facts of the batch, as its kind demands."""

from fleet.ingest.delivery import LEFT_OUT, Refusal
from fleet.ingest.handlers import handlers
from fleet.ingest.round import Round
from fleet.ingest.stages.latest_words import OF_ITSELF
from message_queue.errors import MessageRefused


def run_handlers(work: Round) -> None:
    """Let the handlers fill the batch."""
    by_kind, outcome = handlers(), work.outcome
    for arrival in work.fresh:
        try:
            by_kind[arrival.message.envelope.kind](arrival, work.batch)
        except MessageRefused as error:
            # Its number is already recorded: the message has arrived, only not as rows.
            work.refusals.append(Refusal(arrival.delivery, arrival.station, error.reason, str(error), is_counted=True))
        else:
            if (said := arrival.message.also_said) and arrival.message.envelope.kind not in OF_ITSELF:
                work.batch.also_said[arrival.station.id, arrival.message.envelope.kind] = said
            # One under a known number counts as a repeat, but no longer if it comes from quarantine.
            outcome.stored += not arrival.delivery.is_reused or arrival.delivery.number_held is not None
            if arrival.left_out:
                outcome.partial += 1
                sentence = arrival.left_out.sentence()
                work.refusals.append(Refusal(arrival.delivery, arrival.station, LEFT_OUT, sentence, is_counted=True))
