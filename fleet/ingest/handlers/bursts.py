"""Handler of bursts that stations decoded themselves: one event each, with all its figures."""

from itertools import repeat

import msgspec

from fleet.ingest.batch import Batch
from fleet.ingest.delivery import Arrival
from fleet.ingest.handlers.detections import lines_of
from fleet.ingest.rows.tables import event_row, pg_time, source_of
from message_queue.contracts.bursts import BURST_EVENT, FIGURES, Bursts

KIND = "bursts"

_json = msgspec.json.Encoder().encode


def handle(arrival: Arrival, batch: Batch) -> None:
    """Add one event per entry of the columns."""
    body: Bursts = arrival.message.body
    rows, source = len(body.t), source_of(body.file)
    ports = body.port if isinstance(body.port, list) else repeat(body.port, rows)
    columns = {name: column for name in FIGURES if (column := getattr(body, name))}
    places = zip(body.t, ports, body.code, lines_of(body.line, rows), strict=True)
    for index, (t, port, code, line) in enumerate(places):
        seconds = body.bt + t
        data = {"code": code} | {name: column[index] for name, column in columns.items() if column[index] is not None}
        at, flags = pg_time(seconds), batch.suspicion(seconds, body.clock, damaged=body.damaged)
        row = event_row(arrival.station.id, at, BURST_EVENT, line, batch.received, port, _json(data), flags, source)
        batch.events.rows.append(row)
    batch.file_words(arrival, batch.file_of(arrival.station, body.file), rows)
