"""SenML packs: numbers become readings, texts become events of the series' name."""

import msgspec

from fleet.ingest.batch import NOT_NEWEST, Batch
from fleet.ingest.delivery import Arrival
from fleet.ingest.series import SeriesBook
from fleet.ingest.tables import event_row, pg_time, reading_row
from message_queue.contracts.readings import resolve

KIND = "readings"

_json = msgspec.json.Encoder().encode


def handle(arrival: Arrival, batch: Batch, series: SeriesBook) -> None:
    """One reading per record; the newest believable one of each series becomes its newest value."""
    station = arrival.station
    resolved = resolve(arrival.message.body, batch.receipt())
    # Ids first: a refusal for too many series must leave nothing behind.
    ids = [0 if r.text is not None else series.id_of(station, r.name, r.unit) for r in resolved]
    received, newest, add = batch.received, batch.newest, batch.readings.rows.append
    for series_id, record in zip(ids, resolved, strict=True):
        at = pg_time(record.at)
        flags = batch.suspicion(record.at)
        if record.text is not None:
            data = _json({"text": record.text})
            batch.events.rows.append(event_row(station.id, at, record.name, 0, received, None, data, flags))
            continue
        add(reading_row(series_id, at, received, record.value, flags))
        if not flags & NOT_NEWEST:
            known = newest.get(series_id)
            if known is None or at >= known[0]:
                newest[series_id] = (at, record.value)
