"""Handler of hellos: how the station describes itself, kept on its contact row and as an event."""

import msgspec

from fleet.ingest.batch import Batch
from fleet.ingest.delivery import Arrival
from fleet.ingest.rows.tables import event_row, pg_time
from message_queue.contracts.hello import Hello

KIND = "hello"

_json = msgspec.json.Encoder().encode


def handle(arrival: Arrival, batch: Batch) -> None:
    """Keep the newest hello, and record the start as an event."""
    body: Hello = arrival.message.body
    station_id, place = arrival.station.id, batch.place_of(arrival, body.at)
    if batch.is_news(place, batch.hello.get(station_id)):
        batch.hello[station_id] = place, body
        batch.also_said[station_id, KIND] = arrival.message.also_said
    if body.next_in is not None and batch.is_news(place, batch.announced.get(station_id)):
        batch.announced[station_id] = place, body.next_in
    said = ("agent_version", "boot_count", "boot_id", "card_key", "machine", "profile")
    data = _json({name: value for name in said if (value := getattr(body, name)) not in (None, "")})
    flags = batch.suspicion(body.at)
    row = event_row(station_id, pg_time(body.at), "hello", 0, batch.received, None, data, flags)
    batch.events.rows.append(row)
