"""Row tables in the format of PostgreSQL's binary COPY, and writing rows to them.

Format: https://www.postgresql.org/docs/15/sql-copy.html "Binary Format". A row is a count of fields, then each
field's length and bytes; a timestamp is microseconds since 2000-01-01 UTC.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from struct import Struct

from fleet.ingest.database import cursor
from fleet.ingest.rows.same_event import events_part
from fleet.ingest.rows.same_key import different_note
from fleet.ingest.rows.same_moment import moments_part
from formats.ctt.names import ctt_name_parse

#: 2000-01-01 UTC in seconds since 1970.
PG_EPOCH_S = 946_684_800
PG_EPOCH_US = PG_EPOCH_S * 1_000_000
#: Longest `source` in characters.
SOURCE_MOST = 16
_HEADER = b"PGCOPY\n\xff\r\n\x00" + b"\x00" * 8
_TRAILER = b"\xff\xff"
_NULL = b"\xff\xff\xff\xff"
_FLOAT = Struct(">id").pack
_SHORT = Struct(">ih").pack
_READING = Struct(">hiqiqiqidih").pack
#: Packs a row of `READINGS` around the parts that many rows share: `reading_head`, the time, `reading_middle`, the
#: value, `reading_tail`. The arguments cost more than the bytes, so five instead of eleven save a third.
READING_ROW = Struct(">18sq16sd6s").pack
_READING_HEAD = Struct(">hiqi").pack
_READING_MIDDLE = Struct(">iqi").pack
_CONVERTED = Struct(">hiqiqiqidihid").pack
_DETECTION = Struct(">hiqiqihihiiiq").pack
_POSITION = Struct(">hiqiqiiiq").pack
_EVENT_HEAD = Struct(">hiqiq").pack
_INT = Struct(">ii").pack
_BIG = Struct(">iq").pack


@dataclass(frozen=True, slots=True)
class CopyTable:
    """One row table: its name, and its columns in the order in which rows are packed."""

    name: str
    columns: tuple[str, ...]
    #: Temporary table for the staged way; set explicitly if two write to the same table.
    stage: str = ""

    def __post_init__(self) -> None:
        if not self.stage:
            object.__setattr__(self, "stage", f"stage_{self.name}")

    @property
    def copy_sql(self) -> str:
        """COPY statement straight into the table."""
        return f"COPY {self.name} ({', '.join(self.columns)}) FROM STDIN (FORMAT BINARY)"


READINGS = CopyTable("telemetry_reading", ("series_id", "occurred_at", "received_at", "value", "flags"))
#: Readings that were converted to the unit of their series, with the values as sent.
CONVERTED = CopyTable("telemetry_reading", (*READINGS.columns, "sent_value", "sent_unit"), stage="stage_converted")
DETECTIONS = CopyTable(
    "telemetry_detection",
    (
        *("station_id", "occurred_at", "port", "kind", "line", "received_at"),
        *("freq", "sig", "noise", "snr", "rssi", "tag", "is_used", "flags", "file_id", "node", "is_validated", "also"),
    ),
)
POSITIONS = CopyTable(
    "telemetry_position",
    (
        *("station_id", "occurred_at", "line", "received_at", "latitude", "longitude", "altitude_m"),
        *("flags", "source", "file_id"),
    ),
)
EVENTS = CopyTable(
    "telemetry_stationevent",
    ("station_id", "occurred_at", "name", "line", "received_at", "port", "data", "flags", "source"),
)


def pg_time(seconds: float) -> int:
    """Seconds since 1970 as PostgreSQL's microseconds since 2000."""
    return round(seconds * 1e6) - PG_EPOCH_US


def reading_row(series_id: int, occurred: int, received: int, value: float, flags: int) -> bytes:
    """A row of `READINGS`; times are `pg_time`."""
    return _READING(5, 8, series_id, 8, occurred, 8, received, 8, value, 2, flags)


def reading_head(series_id: int) -> bytes:
    """The part of `READING_ROW` that all rows of a series share."""
    return _READING_HEAD(5, 8, series_id, 8)


def reading_middle(received: int) -> bytes:
    """The part of `READING_ROW` that all rows received together share; `received` is a `pg_time`."""
    return _READING_MIDDLE(8, received, 8)


def reading_tail(flags: int) -> bytes:
    """The part of `READING_ROW` that all rows with these flags share."""
    return _SHORT(2, flags)


def converted_row(
    series_id: int, occurred: int, received: int, value: float, flags: int, sent: float, unit: str
) -> bytes:
    """A row of `CONVERTED`."""
    return _CONVERTED(7, 8, series_id, 8, occurred, 8, received, 8, value, 2, flags, 8, sent) + _text(unit)


def unconverted_row(series_id: int, occurred: int, received: int, value: float, flags: int) -> bytes:
    """A row of `CONVERTED` whose value is stored as it was sent."""
    return _READING(7, 8, series_id, 8, occurred, 8, received, 8, value, 2, flags) + _NULL + _NULL


def detection_row(
    station_id: int,
    occurred: int,
    port: int,
    kind: int,
    line: int,
    received: int,
    figures: tuple[float | None, float | None, float | None, float | None, float | None],
    tag: str | None,
    is_used: bool,  # noqa: FBT001 - a column
    flags: int,
    tail: bytes,
) -> bytes:
    """A row of `DETECTIONS`; `figures` are freq, sig, noise, snr, rssi, `tail` is a `detection_tail`."""
    head = _DETECTION(18, 8, station_id, 8, occurred, 2, port, 2, kind, 4, line, 8, received)
    numbers = b"".join([_NULL if figure is None else _FLOAT(8, figure) for figure in figures])
    used = b"\x00\x00\x00\x01\x01" if is_used else b"\x00\x00\x00\x01\x00"
    return head + numbers + (_NULL if tag is None else _text(tag)) + used + _SHORT(2, flags) + tail


def detection_tail(
    file_id: int | None,
    node: str | None = None,
    valid: bool | None = None,  # noqa: FBT001 - a column
    also: bytes | None = None,
) -> bytes:
    """The last fields of a row of `DETECTIONS`, the same for all pulses of a message; `also` is JSON."""
    checked = _NULL if valid is None else b"\x00\x00\x00\x01" + bytes([valid])
    return (
        file_field(file_id)
        + (_NULL if node is None else _text(node))
        + checked
        + (_NULL if also is None else _jsonb(also))
    )


def position_row(
    station_id: int,
    occurred: int,
    line: int,
    received: int,
    place: tuple[float | None, float | None, float | None],
    flags: int,
    source: str,
    file: bytes,
) -> bytes:
    """A row of `POSITIONS`; `place` is latitude, longitude, altitude, `file` is a `file_field`."""
    head = _POSITION(10, 8, station_id, 8, occurred, 4, line, 8, received)
    numbers = b"".join([_NULL if p is None else _FLOAT(8, p) for p in place])
    return head + numbers + _SHORT(2, flags) + _text(source) + file


def file_field(file_id: int | None) -> bytes:
    """A file's id as the last field of a row, built once for all rows of a message."""
    return _NULL if file_id is None else _BIG(8, file_id)


def event_row(
    station_id: int,
    occurred: int,
    name: str,
    line: int,
    received: int,
    port: int | None,
    data: bytes,
    flags: int,
    source: str = "",
) -> bytes:
    """A row of `EVENTS`; `data` is JSON."""
    head = _EVENT_HEAD(9, 8, station_id, 8, occurred) + _text(name) + _INT(4, line) + _BIG(8, received)
    return head + (_NULL if port is None else _SHORT(2, port)) + _jsonb(data) + _SHORT(2, flags) + _text(source)


def source_of(file: str) -> str:
    """The kind of file, by its name; empty without a name.

    `all` or `ctt` for a Sensorgnome; `gps` and others for a CTT SensorStation, whose dates contain dashes too.
    """
    if (table := ctt_name_parse(file)) is not None:
        return table.kind[:SOURCE_MOST]
    return file.rpartition("-")[2].partition(".")[0][:SOURCE_MOST]


def copy_of(rows: Sequence[bytes]) -> bytes:
    """These rows as the content of a COPY."""
    return b"".join([_HEADER, *rows, _TRAILER])


def _jsonb(data: bytes) -> bytes:
    """A field of JSON; jsonb's binary form is a version byte followed by the text."""
    return (len(data) + 1).to_bytes(4, "big") + b"\x01" + data


def _text(value: str) -> bytes:
    raw = value.encode()
    return len(raw).to_bytes(4, "big") + raw


@dataclass(slots=True)
class Sink:
    """Rows of one table waiting for their COPY. `is_staged`: some may already be in the table."""

    table: CopyTable
    rows: list[bytes] = field(default_factory=list)
    is_staged: bool = False

    def write(self) -> None:
        """Write the rows: straight into the table, where a repeat raises `UniqueViolation`, or the staged way.

        The staged way drops repeats and leaves the inserted rows in `<stage>_new` until the commit.
        """
        payload = copy_of(self.rows)
        if self.is_staged:
            self._write_staged(payload)
            return
        with cursor().copy(self.table.copy_sql) as copy:
            copy.write(payload)

    def _write_staged(self, payload: bytes) -> None:
        table, stage, columns = self.table.name, self.table.stage, ", ".join(self.table.columns)
        act = cursor()
        act.execute(f"CREATE TEMP TABLE IF NOT EXISTS {stage} (LIKE {table}) ON COMMIT DELETE ROWS")
        act.execute(f"CREATE TEMP TABLE IF NOT EXISTS {stage}_new (LIKE {table}) ON COMMIT DELETE ROWS")
        act.execute(f"TRUNCATE {stage}, {stage}_new")
        with act.copy(f"COPY {stage} ({columns}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(payload)
        act.execute(
            f"WITH new AS (INSERT INTO {table} ({columns}) SELECT {columns} FROM {stage} "  # noqa: S608 - names of our own tables
            f"ON CONFLICT DO NOTHING RETURNING {columns}) INSERT INTO {stage}_new ({columns}) SELECT {columns} FROM new"
        )
        if act.rowcount < len(self.rows):
            if "series_id" in self.table.columns:
                moments_part(stage)
            elif table == EVENTS.name:
                events_part(stage)
            else:
                different_note(table, stage)
