"""Handler of positions: one row each, also for a failed attempt at a fix."""

from fleet.ingest.batch import Batch
from fleet.ingest.delivery import Arrival
from fleet.ingest.handlers.detections import lines_of
from fleet.ingest.rows.tables import file_field, pg_time, position_row, source_of
from message_queue.contracts.gps import Gps, is_no_fix

KIND = "gps"


def handle(arrival: Arrival, batch: Batch) -> None:
    """Add one row per entry of the columns."""
    body: Gps = arrival.message.body
    rows, source = len(body.t), source_of(body.file)
    file_id = batch.file_of(arrival.station, body.file)
    file = file_field(file_id)
    heights = body.alt or [None] * rows
    for t, lat, lon, alt, line in zip(body.t, body.lat, body.lon, heights, lines_of(body.line, rows), strict=True):
        seconds = body.bt + t
        flags = batch.suspicion(seconds, body.clock, damaged=body.damaged)
        place = (None, None, alt) if is_no_fix(lat, lon) else (lat, lon, alt)
        row = position_row(arrival.station.id, pg_time(seconds), line, batch.received, place, flags, source, file)
        batch.positions.rows.append(row)
    batch.file_lines(file_id, rows, body.bt + min(body.t), body.bt + max(body.t))
