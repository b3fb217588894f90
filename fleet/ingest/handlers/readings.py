"""SenML packs: numbers become readings, texts become events of the series' name."""

import msgspec

from fleet.ingest.batch import NOT_NEWEST, Batch
from fleet.ingest.delivery import Arrival, StationRef
from fleet.ingest.noted import HOUR
from fleet.ingest.series import SeriesBook
from fleet.ingest.tables import PG_EPOCH_US, READING_ROW, event_row
from message_queue.contracts.readings import Resolved, resolve

KIND = "readings"

#: As a plain number: an enum's `&` costs more than the row.
_NOT_NEWEST = int(NOT_NEWEST)
_json = msgspec.json.Encoder().encode


def handle(arrival: Arrival, batch: Batch, series: SeriesBook) -> None:
    """One reading per record; the newest believable one of each series becomes its newest value.

    The loop runs hundreds of thousands of times a second: what would be calls elsewhere is written out here.
    """
    station = arrival.station
    resolved = resolve(arrival.message.body, batch.receipt())
    # Ids first: a refusal for too many series must leave nothing behind.
    ids = _series_ids(station, resolved, series)
    received, newest, add, pack = batch.received, batch.newest, batch.readings.rows.append, READING_ROW
    earliest, latest = batch.believable
    hours: list[int] = []
    hour_from = hour_to = 0
    for series_id, (name, seconds, value, _, text) in zip(ids, resolved, strict=True):
        at = round(seconds * 1e6) - PG_EPOCH_US
        flags = 0 if earliest <= seconds <= latest else batch.suspicion(seconds)
        if text is not None:
            data = _json({"text": text})
            batch.events.rows.append(event_row(station.id, at, name, 0, received, None, data, flags))
            continue
        add(pack(5, 8, series_id, 8, at, 8, received, 8, value, 2, flags))
        if not flags & _NOT_NEWEST:
            known = newest.get(series_id)
            if known is None or at >= known[0]:
                newest[series_id] = (at, value)
        if not hour_from <= at < hour_to:
            hours.append(at // HOUR)
            hour_from = hours[-1] * HOUR
            hour_to = hour_from + HOUR
    _dirty_add(batch, ids, resolved, hours)


def _dirty_add(batch: Batch, ids: list[int], resolved: list[Resolved], hours: list[int]) -> None:
    """Tell for which hours of which series there are rows; `hours` are those that the pack's rows went through."""
    if len(hours) == 1:
        # Nearly always: to tell it for each row would cost more than the note.
        batch.dirty.update((series_id, hours[0]) for series_id in set(ids) if series_id)
    elif hours:
        moments = (round(record[1] * 1e6) - PG_EPOCH_US for record in resolved)
        batch.dirty.update((series_id, at // HOUR) for series_id, at in zip(ids, moments, strict=True) if series_id)


def _series_ids(station: StationRef, resolved: list[Resolved], series: SeriesBook) -> list[int]:
    """The series of each record, 0 for text; a pack mostly repeats a few names."""
    ids: list[int] = []
    last, series_id = "", 0
    for name, _, _, unit, text in resolved:
        if text is not None:
            ids.append(0)
            continue
        if name != last:
            last, series_id = name, series.id_of(station, name, unit)
        ids.append(series_id)
    return ids
