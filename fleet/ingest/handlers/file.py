"""Handler of accounts of a station's own files: the newest of each is kept until the batch is written."""

from fleet.ingest.batch import Batch, Said
from fleet.ingest.delivery import Arrival
from fleet.telemetry.ledger import FILE_STREAM_PREFIXES
from message_queue.contracts.file import File
from message_queue.routing import is_upload

KIND = "file"


def handle(arrival: Arrival, batch: Batch) -> None:
    """Keep the newest account of each file."""
    body: File = arrival.message.body
    envelope, from_desk = arrival.message.envelope, is_upload(arrival.delivery.exchange)
    for account in body.files:
        # A replayed folder may be from a card, whatever login it came with.
        is_by_desk = from_desk or account.stream.startswith(FILE_STREAM_PREFIXES)
        said = Said(account, body.at, envelope.stream or "", envelope.seq or 0, is_by_desk)
        key = (arrival.station.id, account.name)
        before = batch.accounts.get(key)
        if before is None or said.follows(before, batch.received_at):
            batch.accounts[key] = said
