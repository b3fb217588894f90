"""Positions: one row each, also for a fix that was tried and not had."""

from fleet.ingest.batch import Batch
from fleet.ingest.delivery import Arrival
from fleet.ingest.handlers.detections import lines_of
from fleet.ingest.series import SeriesBook
from fleet.ingest.tables import pg_time, position_row, source_of
from message_queue.contracts.gps import Gps

KIND = "gps"


def handle(arrival: Arrival, batch: Batch, series: SeriesBook) -> None:  # noqa: ARG001 - the signature of handlers
    """Add one row per position of the columns."""
    body: Gps = arrival.message.body
    rows, source = len(body.t), source_of(body.file)
    heights = body.alt or [None] * rows
    for t, lat, lon, alt, line in zip(body.t, body.lat, body.lon, heights, lines_of(body.line, rows), strict=True):
        seconds = body.bt + t
        flags = batch.suspicion(seconds, body.clock)
        row = position_row(arrival.station.id, pg_time(seconds), line, batch.received, (lat, lon, alt), flags, source)
        batch.positions.rows.append(row)
    batch.file_lines(arrival.station, body.file, rows)
