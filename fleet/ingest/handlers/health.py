"""Health: the newest goes to the contact row, its figures become series of their own."""

from datetime import UTC, datetime

import msgspec

from fleet.ingest.batch import NOT_NEWEST, Batch
from fleet.ingest.delivery import Arrival
from fleet.ingest.noted import HOUR
from fleet.ingest.series import SeriesBook
from fleet.ingest.tables import event_row, pg_time, reading_row
from message_queue.contracts.health import Health

KIND = "health"
#: Name of the event of a station's clock that moved against ours by more than this many seconds between two reports.
#: Times of sending have whole seconds, and a message may wait a moment in its queue.
CLOCK_JUMP = "clock_jump"
JUMP_S = 5.0
_LATEST_S = 99_999_999_999.0
_json = msgspec.json.Encoder().encode

#: Figures of a health message that are plotted, with their SenML units.
FIGURES = {
    "cpu_percent": "%",
    "load1": "/",
    "memory_percent": "%",
    "disk_percent": "%",
    "temperature_c": "Cel",
    "battery_v": "V",
    "solar_v": "V",
    "power_w": "W",
    "signal_dbm": "dBm",
    "bytes_sent": "B",
    "bytes_received": "B",
}


def handle(arrival: Arrival, batch: Batch, series: SeriesBook) -> None:
    """Keep the newest by the station's clock, and add a reading for each figure that it has."""
    body: Health = arrival.message.body
    station = arrival.station
    figures = [
        (series.id_of(station, f"health/{name}", unit), float(value))
        for name, unit in FIGURES.items()
        if (value := getattr(body, name)) is not None
    ]
    if body.backlog is not None:
        waiting = series.id_of(station, "health/backlog_messages", "count")
        figures.append((waiting, float(body.backlog.messages)))
    at, flags = pg_time(body.at), batch.suspicion(body.at, body.clock.code if body.clock else "")
    batch.dirty.update((series_id, at // HOUR) for series_id, _ in figures)
    for series_id, value in figures:
        batch.readings.rows.append(reading_row(series_id, at, batch.received, value, flags))
        known = batch.newest.get(series_id)
        if not flags & NOT_NEWEST and (known is None or at >= known[0]):
            batch.newest[series_id] = (at, value)
    _clock_compare(arrival, batch, at, flags)
    newest = batch.health.get(station.id)
    if newest is None or body.at >= newest.at:
        batch.health[station.id] = body
        if body.data_use is not None:
            batch.data_use[station.id] = body.data_use
    if body.next_in is not None:
        batch.announced[station.id] = body.next_in


def _clock_compare(arrival: Arrival, batch: Batch, at: int, flags: int) -> None:
    """Note how far the station's clock is from ours, and as an event when it has jumped.

    By the time of sending, not the time of the report: a report may have waited on the station for a week.
    """
    sent = arrival.delivery.properties.get("timestamp")
    if isinstance(sent, datetime):
        sent = sent.replace(tzinfo=UTC).timestamp()
    if not isinstance(sent, int | float) or not 0 <= sent < _LATEST_S:
        return
    station_id, offset = arrival.station.id, float(sent) - batch.received_at
    before = batch.clocks.get(station_id, batch.clocks_before.get(station_id))
    batch.clocks[station_id] = offset
    if before is not None and abs(offset - before) > JUMP_S:
        data = _json({"before_s": round(before, 1), "after_s": round(offset, 1)})
        batch.events.rows.append(event_row(station_id, at, CLOCK_JUMP, 0, batch.received, None, data, flags))
