"""Handler of SenML packs: numbers become readings, texts become events with the series' name."""

from math import isfinite

import msgspec

from fleet.ingest.batch import NOT_NEWEST, Batch
from fleet.ingest.delivery import Arrival
from fleet.ingest.rows.tables import PG_EPOCH_US, READING_ROW, converted_row, event_row
from fleet.ingest.stages.dirty_hours import HOUR
from fleet.ingest.stages.series import SeriesBook, Use
from fleet.telemetry.models import Suspicion
from message_queue.contracts.readings import resolve
from message_queue.errors import MessageRefused

KIND = "readings"

#: Plain numbers, because an enum's `&` costs more than the row.
_NOT_NEWEST, _OUTSIDE = int(NOT_NEWEST), Suspicion.OUTSIDE.value
_json = msgspec.json.Encoder().encode
#: Earlier than any moment that can be stored.
_NEVER = -(2**63)


def handle(arrival: Arrival, batch: Batch, series: SeriesBook) -> None:
    """Add one reading per record; the newest believable one of each series becomes its newest value.

    The loop runs hundreds of thousands of times a second, so calls are inlined. Nothing reaches the batch before the
    end, because a message without anything usable is refused whole.
    """
    station, received, pack = arrival.station, batch.received, READING_ROW
    earliest, latest = batch.believable
    found = _Found()
    rows, newest, dirty = found.rows, found.newest, found.dirty
    resolved = resolve(arrival.message.body, batch.receipt(arrival.delivery), arrival.left_out)
    last, last_unit, top, hour_from, hour_to = "", "", _NEVER, 0, 0
    uses: dict[tuple[str, str], Use] = {}
    series_id, is_plain = 0, True
    for name, seconds, value, unit, text in resolved:
        at = round(seconds * 1e6) - PG_EPOCH_US
        flags = 0 if earliest <= seconds <= latest else batch.suspicion(seconds)
        if text is not None:
            found.texts.append(event_row(station.id, at, name, 0, received, None, _json({"text": text}), flags))
            continue
        if name != last or unit != last_unit:
            last, last_unit, hour_to = name, unit, hour_from
            use = uses.get((name, unit)) or _use(arrival, series, name, unit)
            if use is None:
                last = ""
                continue
            uses[name, unit] = use
            series_id, is_plain = use.id, use.is_plain
            top = newest[series_id][0] if series_id in newest else _NEVER
        if is_plain:
            rows.append(pack(5, 8, series_id, 8, at, 8, received, 8, value, 2, flags))
        else:
            sent = value
            use = uses[name, unit]
            value, flags = _stored(use, value, flags)  # noqa: PLW2901 - a name more would cost every row
            if not isfinite(value):
                arrival.left_out.note(name, f"{sent!r} {unit} is too large for the unit of its series")
                continue
            found.add(use, at, received, (value, flags), (sent, unit))
        if at >= top and not flags & _NOT_NEWEST:
            top = at
            newest[series_id] = (at, value, flags)
        if not hour_from <= at < hour_to:
            hour = at // HOUR
            dirty.append((series_id, hour))
            hour_from = hour * HOUR
            hour_to = hour_from + HOUR
    if arrival.left_out and found.is_empty:
        raise MessageRefused(arrival.left_out.reason, arrival.left_out.sentence(is_alone=True))
    found.hand_in(batch)
    if arrival.message.also_said:
        batch.also_said[station.id, KIND] = arrival.message.also_said


class _Found:
    """Results of one message, before they reach the batch."""

    __slots__ = ("converted", "dirty", "newest", "rows", "texts")

    def __init__(self) -> None:
        self.rows: list[bytes] = []
        self.converted: list[bytes] = []
        self.texts: list[bytes] = []
        self.newest: dict[int, tuple[int, float, int]] = {}
        self.dirty: list[tuple[int, int]] = []

    @property
    def is_empty(self) -> bool:
        """Whether nothing was usable."""
        return not (self.rows or self.converted or self.texts)

    def add(self, use: Use, at: int, received: int, stored: tuple[float, int], sent: tuple[float, str]) -> None:
        """Add a reading of a series with limits, or in another unit than that of its series."""
        value, flags = stored
        if use.conversion is None:
            self.rows.append(READING_ROW(5, 8, use.id, 8, at, 8, received, 8, value, 2, flags))
        else:
            self.converted.append(converted_row(use.id, at, received, value, flags, *sent))

    def hand_in(self, batch: Batch) -> None:
        """Add everything to the batch."""
        batch.readings.rows += self.rows
        batch.converted.rows += self.converted
        batch.events.rows += self.texts
        batch.dirty.update(self.dirty)
        known = batch.newest
        for series_id, newest in self.newest.items():
            if series_id not in known or newest[0] >= known[series_id][0]:
                known[series_id] = newest


def _use(arrival: Arrival, series: SeriesBook, name: str, unit: str) -> Use | None:
    """Storage of a name and unit; None if the station may have no further series, which is noted in `left_out`."""
    try:
        return series.use_of(arrival.station, name, unit)
    except MessageRefused as error:
        arrival.left_out.note(name, str(error), reason=error.reason)
        return None


def _stored(use: Use, value: float, flags: int) -> tuple[float, int]:
    """A value in the unit of its series, and its flags, including one for values outside the limits."""
    if use.conversion is not None:
        value = value * use.conversion.factor + use.conversion.offset
    return value, flags if use.least <= value <= use.most else flags | _OUTSIDE
