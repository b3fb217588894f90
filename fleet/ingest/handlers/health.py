"""Handler of health reports: the newest goes to the contact row, and its figures become series of their own."""

from datetime import UTC, datetime

import msgspec

from fleet.ingest.batch import Batch
from fleet.ingest.delivery import Arrival
from fleet.ingest.memory.dirty_hours import HOUR
from fleet.ingest.rows.tables import event_row, pg_time, reading_row, unconverted_row
from fleet.telemetry.models import NOT_NEWEST, Suspicion
from fleet.telemetry.quantities import BACKLOG, HEALTH, PREFIX
from message_queue.contracts.health import Health

KIND = "health"
#: Event for a station's clock that moved against ours by more than `JUMP_S` seconds between two reports. Times of
#: sending have whole seconds, and a message may wait a moment in its queue.
CLOCK_JUMP = "clock_jump"
JUMP_S = 5.0
_LATEST_S = 99_999_999_999.0
_json = msgspec.json.Encoder().encode


def handle(arrival: Arrival, batch: Batch) -> None:
    """Keep the newest report in the station's sequence, and add a reading for each of its figures."""
    body: Health = arrival.message.body
    station = arrival.station
    figures = [
        (batch.series.use_of(station, f"{PREFIX}{name}", quantity.unit), float(value))
        for name, quantity in HEALTH.items()
        if name != BACKLOG and (value := getattr(body, name)) is not None
    ]
    if body.backlog is not None:
        waiting = batch.series.use_of(station, f"{PREFIX}{BACKLOG}", HEALTH[BACKLOG].unit)
        figures.append((waiting, float(body.backlog.messages)))
    at, flags = pg_time(body.at), batch.suspicion(body.at, body.clock.code if body.clock else "")
    batch.dirty.update((use.id, at // HOUR) for use, _ in figures)
    for use, value in figures:
        marks = flags if use.least <= value <= use.most else flags | Suspicion.OUTSIDE
        if use.interval_s:
            batch.one_each.add(use.id, use.interval_s, unconverted_row(use.id, at, batch.received, value, marks))
            continue
        batch.readings.rows.append(reading_row(use.id, at, batch.received, value, marks))
        known = batch.newest.get(use.id)
        if not flags & NOT_NEWEST and (known is None or at >= known[0]):
            batch.newest[use.id] = (at, value, marks)
    _clock_compare(arrival, batch, at, flags)
    place = batch.place_of(arrival, body.at)
    if batch.is_news(place, batch.health.get(station.id)):
        batch.health[station.id] = place, body
        batch.also_said[station.id, KIND] = arrival.message.also_said
        if body.data_use is not None:
            batch.data_use[station.id] = body.data_use
    if body.next_in is not None and batch.is_news(place, batch.announced.get(station.id)):
        batch.announced[station.id] = place, body.next_in


def _clock_compare(arrival: Arrival, batch: Batch, at: int, flags: int) -> None:
    """Record how far the station's clock is from ours, and add an event if it jumped.

    Uses the time of sending, not that of the report: a report may have waited on the station for a week.
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
