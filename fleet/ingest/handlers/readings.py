"""SenML packs: numbers become readings, texts become events of the series' name."""

import msgspec

from fleet.ingest.batch import NOT_NEWEST, Batch
from fleet.ingest.delivery import Arrival
from fleet.ingest.series import SeriesBook
from fleet.ingest.tables import event_row, pg_time, reading_row
from message_queue.contracts.readings import resolve

KIND = "readings"

#: As a plain number: an enum's `&` costs more than the row.
_NOT_NEWEST = int(NOT_NEWEST)
_json = msgspec.json.Encoder().encode


def handle(arrival: Arrival, batch: Batch, series: SeriesBook) -> None:
    """One reading per record; the newest believable one of each series becomes its newest value."""
    station = arrival.station
    resolved = resolve(arrival.message.body, batch.receipt())
    # Ids first: a refusal for too many series must leave nothing behind.
    ids = [0 if text is not None else series.id_of(station, name, unit) for name, _, _, unit, text in resolved]
    received, newest, add = batch.received, batch.newest, batch.readings.rows.append
    earliest, latest = batch.believable
    for series_id, (name, seconds, value, _, text) in zip(ids, resolved, strict=True):
        at = pg_time(seconds)
        flags = 0 if earliest <= seconds <= latest else batch.suspicion(seconds)
        if text is not None:
            data = _json({"text": text})
            batch.events.rows.append(event_row(station.id, at, name, 0, received, None, data, flags))
            continue
        add(reading_row(series_id, at, received, value, flags))
        if not flags & _NOT_NEWEST and (series_id not in newest or at >= newest[series_id][0]):
            newest[series_id] = (at, value)
