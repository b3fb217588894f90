"""Handler of station events: one row each."""

import re
from typing import Any

import msgspec

from fleet.ingest.batch import Batch
from fleet.ingest.delivery import Arrival
from fleet.ingest.rows.tables import event_row, pg_time, source_of
from message_queue.contracts.event import Event

KIND = "event"

#: Key in an event's data for fields that the contract does not know.
ALSO = "also"
_OF_EVENT = re.compile(r"events\[(\d+)\]\.(.+)\Z", re.DOTALL)
_json = msgspec.json.Encoder().encode


def handle(arrival: Arrival, batch: Batch) -> None:
    """Add one row per event."""
    body: Event = arrival.message.body
    source = source_of(body.file)
    also = _by_event(arrival.message.also_said)
    for number, happening in enumerate(body.events):
        flags = batch.suspicion(happening.t, body.clock, damaged=body.damaged)
        row = event_row(
            arrival.station.id,
            pg_time(happening.t),
            happening.name,
            happening.line,
            batch.received,
            happening.port,
            _json({**happening.data, ALSO: also[number]} if number in also else happening.data),
            flags,
            source,
        )
        batch.events.rows.append(row)
    batch.file_words(arrival, batch.file_of(arrival.station, body.file), len(body.events))


def _by_event(said: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """Unknown fields of single events, by the event's index in the message."""
    found: dict[int, dict[str, Any]] = {}
    for place, value in said.items():
        if named := _OF_EVENT.match(place):
            found.setdefault(int(named[1]), {})[named[2]] = value
    return found
