"""Handler of SenML packs: numbers become readings, texts become events with the series' name."""

from math import isfinite

import msgspec

from fleet.ingest.batch import Batch
from fleet.ingest.delivery import Arrival
from fleet.ingest.memory.dirty_hours import HOUR
from fleet.ingest.memory.series import Use
from fleet.ingest.rows.tables import (
    PG_EPOCH_US,
    READING_ROW,
    converted_row,
    event_row,
    pg_time,
    reading_head,
    reading_middle,
    reading_row,
    reading_tail,
    unconverted_row,
)
from fleet.telemetry.models import NOT_NEWEST, Suspicion
from message_queue.contracts.readings import (
    EARLIEST,
    LATEST,
    RELATIVE_BELOW,
    PlainRecord,
    Resolved,
    Stretch,
    name_check,
    resolve,
    stretches,
)
from message_queue.errors import MessageRefused

KIND = "readings"

#: Plain numbers, because an enum's `&` costs more than the row.
_NOT_NEWEST, _OUTSIDE = int(NOT_NEWEST), Suspicion.OUTSIDE.value
_json = msgspec.json.Encoder().encode
#: Earlier than any moment that can be stored.
_NEVER = -(2**63)
_NOTHING = (_NEVER, 0.0, 0)
_NO_FLAGS = reading_tail(0)
#: Flags of a time that only `resolve` can judge.
_UNKNOWN = -1


def handle(arrival: Arrival, batch: Batch) -> None:
    """Add one reading per record; the newest believable one of each series becomes its newest value.

    Nothing reaches the batch before the end, because a message without anything usable is refused whole.
    """
    body = arrival.message.body
    rows = _Rows(arrival, batch)
    if type(body[0]) is PlainRecord:
        for stretch in stretches(body):
            rows.add_plain(stretch)
    else:
        rows.add(resolve(body, rows.received_at, arrival.left_out))
    if arrival.left_out and rows.is_empty:
        raise MessageRefused(arrival.left_out.reason, arrival.left_out.sentence(is_alone=True))
    rows.hand_in()


class _Rows:
    """The outcome of one message, before it reaches the batch."""

    __slots__ = (
        *("arrival", "batch", "book", "received_at", "uses"),
        *("converted", "dirty", "newest", "one_each", "rows", "texts"),
    )

    def __init__(self, arrival: Arrival, batch: Batch) -> None:
        self.arrival, self.batch, self.book = arrival, batch, batch.series
        self.received_at = batch.receipt(arrival.delivery)
        self.uses: dict[tuple[str, str], Use] = {}
        self.rows: list[bytes] = []
        self.converted: list[bytes] = []
        self.texts: list[bytes] = []
        #: Rows of series with an interval: the series, its seconds, the row.
        self.one_each: list[tuple[int, int, bytes]] = []
        self.newest: dict[int, tuple[int, float, int]] = {}
        #: Series ids with hours since 2000 that got readings.
        self.dirty: list[tuple[int, int]] = []

    @property
    def is_empty(self) -> bool:
        """Whether nothing was usable."""
        return not (self.rows or self.converted or self.texts or self.one_each)

    def add_plain(self, stretch: Stretch) -> None:
        """Add records of plain numbers.

        The loop runs hundreds of thousands of times a second, so calls are inlined. What it cannot store goes to
        `resolve`, which says why.
        """
        base, since, of_unit, records = stretch
        pack, rows, newest, dirty = READING_ROW, self.rows, self.newest, self.dirty
        earliest, latest = self.batch.believable
        head, middle = b"", reading_middle(self.batch.received)
        use: Use | None = None
        key, last_name, last_unit = ("", ""), None, None
        series_id, is_plain, hour_from, hour_to = 0, True, 0, 0
        # The newest value of the series so far, if this stretch has it: time, value, flags.
        top, best, best_flags = _NEVER, None, 0
        for record in records:
            name = record.n
            value = record.v
            time = record.t
            unit = record.u
            seconds = since if time is None else since + time
            flags = 0
            if not earliest <= seconds <= latest:
                seconds, flags = self._doubted(seconds)
            if value is None or flags == _UNKNOWN:
                self.add(resolve([stretch.senml(record)], self.received_at, self.arrival.left_out))
                continue
            if use is None or name != last_name or unit != last_unit:
                if best is not None:
                    newest[series_id] = (top, best, best_flags)
                top, best, hour_to = _NEVER, None, hour_from
                last_name, last_unit = name, unit
                key = (base + (name or ""), of_unit if unit is None else unit)
                use = self._use(*key)
                if use is None:
                    continue
                series_id, is_plain, head = use.id, use.is_plain, reading_head(use.id)
                top = newest.get(series_id, _NOTHING)[0]
            at = round(seconds * 1e6) - PG_EPOCH_US
            if is_plain:
                rows.append(pack(head, at, middle, value, reading_tail(flags) if flags else _NO_FLAGS))
            else:
                stored = self._store(use, key, at, value, flags)
                if stored is None:
                    continue
                value, flags = stored
            if at >= top and (not flags or not flags & _NOT_NEWEST):
                top = at
                best = value
                best_flags = flags
            if not hour_from <= at < hour_to:
                hour = at // HOUR
                dirty.append((series_id, hour))
                hour_from = hour * HOUR
                hour_to = hour_from + HOUR
        if best is not None:
            newest[series_id] = (top, best, best_flags)

    def add(self, resolved: list[Resolved]) -> None:
        """Add records of any sort."""
        station_id, received, newest = self.arrival.station.id, self.batch.received, self.newest
        for name, seconds, sent, unit, text in resolved:
            at, flags = pg_time(seconds), self.batch.suspicion(seconds)
            if text is not None:
                self.texts.append(event_row(station_id, at, name, 0, received, None, _json({"text": text}), flags))
                continue
            use = self._use(name, unit)
            stored = None if use is None else self._store(use, (name, unit), at, sent, flags)
            if use is None or stored is None:
                continue
            value, flags = stored
            if not flags & _NOT_NEWEST and (use.id not in newest or at >= newest[use.id][0]):
                newest[use.id] = (at, value, flags)
            self.dirty.append((use.id, at // HOUR))

    def hand_in(self) -> None:
        """Add everything to the batch."""
        batch = self.batch
        batch.readings.rows += self.rows
        batch.converted.rows += self.converted
        batch.events.rows += self.texts
        for row in self.one_each:
            batch.one_each.add(*row)
        batch.dirty.update(self.dirty)
        known = batch.newest
        for series_id, newest in self.newest.items():
            if series_id not in known or newest[0] >= known[series_id][0]:
                known[series_id] = newest

    def _doubted(self, seconds: float) -> tuple[float, int]:
        """The absolute time and the flags of a time outside the believable range, which may be relative."""
        if seconds < RELATIVE_BELOW:
            if self.received_at is None:
                return seconds, _UNKNOWN
            seconds += self.received_at
        return seconds, self.batch.suspicion(seconds) if EARLIEST <= seconds <= LATEST else _UNKNOWN

    def _store(self, use: Use, key: tuple[str, str], at: int, sent: float, flags: int) -> tuple[float, int] | None:
        """Add a reading in the unit of its series; return its value and flags, including one for values outside limits.

        `key` is the name and unit as sent. None if the value is too large, which is noted in `left_out`, and if its
        series stores one reading in each interval: whether it becomes the newest is known only when it is written.
        """
        received, value = self.batch.received, sent
        if use.conversion is not None:
            value = sent * use.conversion.factor + use.conversion.offset
        if not isfinite(value):
            self.arrival.left_out.note(key[0], f"{sent!r} {key[1]} is too large for the unit of its series")
            return None
        if not use.least <= value <= use.most:
            flags |= _OUTSIDE
        if use.interval_s:
            if use.conversion is None:
                row = unconverted_row(use.id, at, received, value, flags)
            else:
                row = converted_row(use.id, at, received, value, flags, sent, key[1])
            self.one_each.append((use.id, use.interval_s, row))
            self.dirty.append((use.id, at // HOUR))
            return None
        if use.conversion is None:
            self.rows.append(reading_row(use.id, at, received, value, flags))
        else:
            self.converted.append(converted_row(use.id, at, received, value, flags, sent, key[1]))
        return value, flags

    def _use(self, name: str, unit: str) -> Use | None:
        """Storage of a name and unit.

        None if the name is not allowed or the station may have no further series, which is noted in `left_out`.
        """
        use = self.uses.get((name, unit))
        if use is None:
            try:
                use = self.uses[name, unit] = self.book.use_of(self.arrival.station, name_check(name), unit)
            except MessageRefused as error:
                self.arrival.left_out.note(name or "a record without a name", str(error), reason=error.reason)
        return use
