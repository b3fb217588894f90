"""Station events: one row each."""

import msgspec

from fleet.ingest.batch import Batch
from fleet.ingest.delivery import Arrival
from fleet.ingest.series import SeriesBook
from fleet.ingest.tables import event_row, pg_time, source_of
from message_queue.contracts.event import Event

KIND = "event"

_json = msgspec.json.Encoder().encode


def handle(arrival: Arrival, batch: Batch, series: SeriesBook) -> None:  # noqa: ARG001 - the signature of handlers
    """Add one row per event."""
    body: Event = arrival.message.body
    source = source_of(body.file)
    for happening in body.events:
        flags = batch.suspicion(happening.t, body.clock, damaged=body.damaged)
        row = event_row(
            arrival.station.id,
            pg_time(happening.t),
            happening.name,
            happening.line,
            batch.received,
            happening.port,
            _json(happening.data),
            flags,
            source,
        )
        batch.events.rows.append(row)
    batch.file_lines(batch.file_of(arrival.station, body.file), len(body.events))
