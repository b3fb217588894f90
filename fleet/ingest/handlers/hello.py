"""Hello: who the station says it is, kept on its contact row and as an event."""

import msgspec

from fleet.ingest.batch import Batch
from fleet.ingest.delivery import Arrival
from fleet.ingest.series import SeriesBook
from fleet.ingest.tables import event_row, pg_time
from message_queue.contracts.hello import Hello

KIND = "hello"

_json = msgspec.json.Encoder().encode


def handle(arrival: Arrival, batch: Batch, series: SeriesBook) -> None:  # noqa: ARG001 - the signature of handlers
    """Keep the newest, and note the start as an event."""
    body: Hello = arrival.message.body
    batch.hello[arrival.station.id] = body
    if body.next_in is not None:
        batch.announced[arrival.station.id] = body.next_in
    said = ("agent_version", "boot_count", "boot_id", "card_key", "machine", "profile")
    data = _json({name: value for name in said if (value := getattr(body, name)) not in (None, "")})
    flags = batch.suspicion(body.at)
    row = event_row(arrival.station.id, pg_time(body.at), "hello", 0, batch.received, None, data, flags)
    batch.events.rows.append(row)
