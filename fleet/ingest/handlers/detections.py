"""Handler of pulses and tags: one row each, and a count per hour and port; of tags also per tag."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

import msgspec

from fleet.ingest.batch import Batch, TagHeard
from fleet.ingest.delivery import Arrival
from fleet.ingest.rows.pulses import pulse_rows
from fleet.ingest.rows.tables import detection_row, detection_tail, pg_time
from fleet.telemetry.models import Detection
from message_queue.contracts.detections import Detections
from message_queue.errors import MessageRefused

KIND = "detections"

#: PostgreSQL stores a line in four bytes; the contract limits the lines that are sent.
_LINE_MOST = 2**31 - 1
_HOUR = 3_600 * 1_000_000
_json = msgspec.json.Encoder().encode


def handle(arrival: Arrival, batch: Batch) -> None:
    """Add one row per entry of the columns."""
    body: Detections = arrival.message.body
    file_id = batch.file_of(arrival.station, body.file)
    # Calling `suspicion` for each row would add a tenth to its cost, so only doubtful times are passed to it.
    earliest, latest = batch.believable
    usual = batch.suspicion(earliest, body.clock, damaged=body.damaged)
    station_id, received, rows, hours = arrival.station.id, batch.received, len(body.t), batch.hours
    kind = Detection.Kind.TAG.value if body.what == "tag" else Detection.Kind.PULSE.value
    low, high = body.bt + min(body.t), body.bt + max(body.t)
    if earliest <= low <= high <= latest and _is_plain(body):
        _plain_add(batch, station_id, body, kind, usual, detection_tail(file_id))
        batch.file_lines(file_id, rows, low, high)
        return
    add = batch.detections.rows.append
    figures = zip(*(_column(c, rows) for c in (body.freq, body.sig, body.noise, body.snr, body.rssi)), strict=True)
    ports = body.port if isinstance(body.port, list) else repeat(body.port, rows)
    tags = body.tag or repeat(None, rows)
    used = body.used or repeat(True, rows)
    tails = _tails(body, file_id)
    for t, port, line, five, tag, is_used, tail in zip(
        body.t, ports, lines_of(body.line, rows), figures, tags, used, tails, strict=True
    ):
        seconds = body.bt + t
        at = pg_time(seconds)
        flags = usual if earliest <= seconds <= latest else usual | batch.suspicion(seconds)
        add(detection_row(station_id, at, port, kind, line, received, five, tag, is_used, flags, tail))
        hour = (station_id, at - at % _HOUR, port, kind)
        hours[hour] = hours.get(hour, 0) + 1
    if body.what == "tag":
        _tags_count(batch, station_id, body)
    batch.file_lines(file_id, rows, low, high)


def _is_plain(body: Detections) -> bool:
    """Whether these are pulses that all have the same figures, as in nearly all messages."""
    if body.what == "tag" or body.tag or body.node or body.valid or body.also:
        return False
    return not any(None in column for column in (body.freq, body.sig, body.noise, body.snr, body.rssi))


def _plain_add(batch: Batch, station_id: int, body: Detections, kind: int, flags: int, tail: bytes) -> None:
    """Add the rows of a plain message, and count them per hour and port, column by column."""
    rows, bt = len(body.t), body.bt
    moments = [pg_time(bt + t) for t in body.t]
    figures: Any = (body.freq, body.sig, body.noise, body.snr, body.rssi)
    lines = lines_of(body.line, rows)
    batch.detections.rows += pulse_rows(
        station_id, moments, body.port, kind, lines, batch.received, figures, body.used, flags, tail
    )
    first = min(moments)
    first -= first % _HOUR
    starts = repeat(first, rows) if max(moments) < first + _HOUR else [at - at % _HOUR for at in moments]
    ports = body.port if isinstance(body.port, list) else repeat(body.port, rows)
    for (start, port), count in Counter(zip(starts, ports, strict=True)).items():
        hour = (station_id, start, port, kind)
        batch.hours[hour] = batch.hours.get(hour, 0) + count


def _tails(body: Detections, file_id: int | None) -> Iterable[bytes]:
    """The last fields of each row: one value for all, unless the message has the columns of CTT SensorStations."""
    rows = len(body.t)
    if not (body.node or body.valid or body.also):
        return repeat(detection_tail(file_id), rows)
    nodes, valid = body.node or repeat(None, rows), body.valid or repeat(None, rows)
    also = body.also or repeat(None, rows)
    return [
        detection_tail(file_id, node, is_validated, _json(said) if said else None)
        for node, is_validated, said in zip(nodes, valid, also, strict=True)
    ]


def _tags_count(batch: Batch, station_id: int, body: Detections) -> None:
    """Count tags per hour and port, in a loop of its own, so that the far more frequent pulses cost nothing extra."""
    heard, rows = batch.tag_hours, len(body.t)
    ports = body.port if isinstance(body.port, list) else repeat(body.port, rows)
    for t, port, tag, rssi in zip(body.t, ports, body.tag, _column(body.rssi, rows), strict=True):
        at = pg_time(body.bt + t)
        key = (station_id, at - at % _HOUR, port, tag)
        known = heard.get(key)
        if known is None:
            heard[key] = TagHeard(at, rssi)
        else:
            known.add(at, rssi)


def lines_of(line: list[int], rows: int) -> Sequence[int]:
    """The line of each row: as given, counting up from the only one given, or 0 for all.

    Raises `MessageRefused` if counting up exceeds the greatest possible line.
    """
    if len(line) == rows:
        return line
    if line and line[0] > _LINE_MOST - rows + 1:
        raise MessageRefused("bad-fields", f"`line` is {line[0]} for {rows} rows: the last would exceed {_LINE_MOST}.")
    return range(line[0], line[0] + rows) if line else [0] * rows


def _column(values: list[float | None], rows: int) -> Sequence[float | None]:
    return values or [None] * rows
