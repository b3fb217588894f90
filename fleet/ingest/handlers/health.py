"""Health: the newest goes to the contact row, its figures become series of their own."""

from fleet.ingest.batch import NOT_NEWEST, Batch
from fleet.ingest.delivery import Arrival
from fleet.ingest.noted import HOUR
from fleet.ingest.series import SeriesBook
from fleet.ingest.tables import pg_time, reading_row
from message_queue.contracts.health import Health

KIND = "health"

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
    newest = batch.health.get(station.id)
    if newest is None or body.at >= newest.at:
        batch.health[station.id] = body
    if body.next_in is not None:
        batch.announced[station.id] = body.next_in
