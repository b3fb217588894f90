"""SenML packs: numbers become readings, texts become events of the series' name."""

import msgspec

from fleet.ingest.batch import NOT_NEWEST, Batch
from fleet.ingest.delivery import Arrival
from fleet.ingest.noted import HOUR
from fleet.ingest.series import SeriesBook
from fleet.ingest.tables import PG_EPOCH_US, READING_ROW, event_row
from message_queue.contracts.readings import resolve

KIND = "readings"

#: As a plain number: an enum's `&` costs more than the row.
_NOT_NEWEST = int(NOT_NEWEST)
_json = msgspec.json.Encoder().encode
#: Before every moment that can be stored.
_NEVER = -(2**63)


def handle(arrival: Arrival, batch: Batch, series: SeriesBook) -> None:
    """One reading per record; the newest believable one of each series becomes its newest value.

    The loop runs hundreds of thousands of times a second: what would be calls elsewhere is written out here. Nothing
    reaches the batch before its end, as a series too many refuses the whole message.
    """
    station, received, pack = arrival.station, batch.received, READING_ROW
    earliest, latest = batch.believable
    rows: list[bytes] = []
    texts: list[bytes] = []
    newest: dict[int, tuple[int, float]] = {}
    dirty: list[tuple[int, int]] = []
    last, series_id, top, hour_from, hour_to = "", 0, _NEVER, 0, 0
    for name, seconds, value, unit, text in resolve(arrival.message.body, batch.receipt(arrival.delivery)):
        at = round(seconds * 1e6) - PG_EPOCH_US
        flags = 0 if earliest <= seconds <= latest else batch.suspicion(seconds)
        if text is not None:
            texts.append(event_row(station.id, at, name, 0, received, None, _json({"text": text}), flags))
            continue
        if name != last:
            last, series_id, hour_to = name, series.id_of(station, name, unit), hour_from
            top = newest[series_id][0] if series_id in newest else _NEVER
        rows.append(pack(5, 8, series_id, 8, at, 8, received, 8, value, 2, flags))
        if at >= top and not flags & _NOT_NEWEST:
            top = at
            newest[series_id] = (at, value)
        if not hour_from <= at < hour_to:
            hour = at // HOUR
            dirty.append((series_id, hour))
            hour_from = hour * HOUR
            hour_to = hour_from + HOUR
    batch.readings.rows += rows
    batch.events.rows += texts
    batch.dirty.update(dirty)
    known = batch.newest
    for series_id, (at, value) in newest.items():
        if series_id not in known or at >= known[series_id][0]:
            known[series_id] = (at, value)
