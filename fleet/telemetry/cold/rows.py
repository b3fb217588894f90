"""Rows of readings between the database and Arrow: a temporary table, and COPY into it and out of it.

Loading this does not load Arrow, 50 MB in a process: only what reads or writes a cold file does.
"""

from __future__ import annotations

import io
from array import array
from collections.abc import Iterator
from struct import Struct
from typing import TYPE_CHECKING, Any, Final

import psycopg

if TYPE_CHECKING:
    import pyarrow as pa

#: The table of rows that are not cold, and the temporary one for rows of cold files.
HOT: Final = "telemetry_reading"
COLD: Final = "cold_reading"
COLUMNS: Final = (
    *("series_id", "occurred_at", "received_at", "value", "flags"),
    *("sent_value", "sent_unit", "shift_id", "flags_before"),
)
_LIST: Final = ", ".join(COLUMNS)
#: Both as one source of rows. A row whose key is in a cold file came again, and is merged at night.
BOTH: Final = (
    f"(SELECT {_LIST} FROM {COLD} UNION ALL SELECT {_LIST} FROM {HOT} h WHERE NOT EXISTS ("  # noqa: S608 - our own names
    f"SELECT 1 FROM {COLD} c WHERE c.series_id = h.series_id AND c.occurred_at = h.occurred_at))"
)
#: Number of rows and sum of their hashes; -0 and 0 differ.
CHECKSUM: Final = (
    "SELECT count(*), coalesce(sum(hash_record_extended(ROW(series_id, occurred_at, received_at, float8send(value), "  # noqa: S608
    f"flags, float8send(sent_value), sent_unit, shift_id, flags_before), 0)), 0)::text FROM {COLD}"
)
_MICROSECONDS: Final = "(extract(epoch FROM {0}) * 1000000)::bigint AS {0}"
_OUT: Final = ", ".join(_MICROSECONDS.format(column) if column.endswith("_at") else column for column in COLUMNS)
#: 2000-01-01 UTC in microseconds since 1970: where PostgreSQL's binary times begin.
_PG_EPOCH_US: Final = 946_684_800_000_000
_HEADER, _TRAILER = b"PGCOPY\n\xff\r\n\x00" + b"\x00" * 8, b"\xff\xff"
_NULL = b"\xff\xff\xff\xff"
_LENGTH = Struct(">i").pack
#: Rows that become one piece of COPY.
_PIECE_ROWS = 100_000


def cold_table_make(cursor: Any) -> None:
    """Make the temporary table on this connection, or empty it; the end of the transaction empties it too."""
    cursor.execute(f"CREATE TEMP TABLE IF NOT EXISTS {COLD} (LIKE {HOT}) ON COMMIT DELETE ROWS")
    cursor.execute(f"TRUNCATE {COLD}")


def cold_table_index(cursor: Any) -> None:
    """Index the loaded rows by their key, which also proves that no key is there twice."""
    cursor.execute(f"CREATE UNIQUE INDEX ON {COLD} (series_id, occurred_at)")
    cursor.execute(f"ANALYZE {COLD}")


def cold_table_drop(cursor: Any) -> None:
    """Drop the table: the next reader makes one without an index, into which rows load faster."""
    cursor.execute(f"DROP TABLE IF EXISTS {COLD}")


def rows_load(cursor: psycopg.Cursor[Any], tables: Iterator[pa.Table]) -> int:
    """Load rows into the temporary table; return how many. Call it in a transaction."""
    count = 0
    with cursor.copy(f"COPY {COLD} ({_LIST}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.write(_HEADER)
        for table in tables:
            count += table.num_rows
            for batch in table.to_batches(max_chunksize=_PIECE_ROWS):
                for piece in _binary(batch):
                    copy.write(piece)
        copy.write(_TRAILER)
    return count


def rows_take(cursor: psycopg.Cursor[Any]) -> Iterator[pa.RecordBatch]:
    """The rows of the temporary table, by series and time."""
    import pyarrow.csv as text  # noqa: PLC0415 - the site does not load Arrow

    types = arrow_types()
    as_sent = {name: types["shift_id"] if name.endswith("_at") else kind for name, kind in types.items()}
    with cursor.copy(
        f"COPY (SELECT {_OUT} FROM {COLD} r ORDER BY r.series_id, r.occurred_at) TO STDOUT (FORMAT csv)"  # noqa: S608
    ) as copy:
        source = io.BufferedReader(_Pieces(iter(copy)), 1_048_576)
        if not source.peek(1):
            return
        for batch in text.open_csv(
            source,
            read_options=text.ReadOptions(column_names=list(COLUMNS), block_size=4_194_304),
            parse_options=text.ParseOptions(newlines_in_values=True),
            convert_options=text.ConvertOptions(
                column_types=as_sent, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
            ),
        ):
            yield batch.cast(arrow_schema())


def arrow_types() -> dict[str, Any]:
    """The type of each column in Arrow."""
    import pyarrow as pa  # noqa: PLC0415 - as above

    moment, number, short = pa.timestamp("us", "UTC"), pa.int64(), pa.int16()
    kinds = (number, moment, moment, pa.float64(), short, pa.float64(), pa.string(), number, short)
    return dict(zip(COLUMNS, kinds, strict=True))


def arrow_schema() -> pa.Schema:
    """The columns of a cold file."""
    import pyarrow as pa  # noqa: PLC0415 - as above

    return pa.schema(list(arrow_types().items()))


class _Pieces(io.RawIOBase):
    """The pieces of a COPY as a file."""

    def __init__(self, pieces: Iterator[Any]) -> None:
        self._pieces, self._left = pieces, memoryview(b"")

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as one piece goes; 0 at the end."""
        if not self._left:
            self._left = memoryview(next(self._pieces, b""))
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


def _binary(batch: pa.RecordBatch) -> Iterator[bytes]:
    """The rows of a batch in the format of binary COPY.

    Rows that have the same columns empty, and the same unit, are equally long: each of their bytes is written for all
    of them at once.
    """
    import pyarrow as pa  # noqa: PLC0415 - as above
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    table = pa.Table.from_batches([batch])
    late = COLUMNS[5:]
    kinds = [pc.is_valid(table[name]).cast(pa.int8()) for name in late if name != "sent_unit"]
    keyed = pa.table([*kinds, table["sent_unit"]], names=["a", "b", "c", "unit"])
    found = keyed.group_by(["a", "b", "c", "unit"]).aggregate([]).to_pylist()
    for group in found:
        rows = table
        if len(found) > 1:
            same = pc.is_null(keyed["unit"]) if group["unit"] is None else pc.equal(keyed["unit"], group["unit"])
            same = pc.fill_null(same, False)
            for name in ("a", "b", "c"):
                same = pc.and_(same, pc.equal(keyed[name], group[name]))
            rows = table.filter(same)
        yield _equally_long(rows.combine_chunks(), group["unit"])


def _equally_long(table: pa.Table, unit: str | None) -> bytes:
    import pyarrow as pa  # noqa: PLC0415 - as above

    count, row, columns = table.num_rows, bytearray(len(COLUMNS).to_bytes(2, "big")), []
    for name in COLUMNS:
        column = table[name]
        if name == "sent_unit":
            row += _NULL if unit is None else _LENGTH(len(unit.encode())) + unit.encode()
        elif column.null_count:
            row += _NULL
        else:
            code, size = ("d", 8) if pa.types.is_floating(column.type) else ("q", 8)
            if pa.types.is_int16(column.type):
                code, size = "h", 2
            row += _LENGTH(size)
            columns.append((len(row), size, _big_endian(column, code)))
            row += bytes(size)
    written, width = bytearray(bytes(row) * count), len(row)
    for begin, size, octets in columns:
        for place in range(size):
            written[begin + place :: width] = octets[place::size]
    return bytes(written)


def _big_endian(column: pa.ChunkedArray, code: str) -> bytes:
    """The values of a column without empty ones, as PostgreSQL sends them."""
    import pyarrow as pa  # noqa: PLC0415 - as above
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    if pa.types.is_timestamp(column.type):
        column = pc.subtract(column.cast(pa.int64()), _PG_EPOCH_US)
    chunk = column.combine_chunks()
    chunk = pa.concat_arrays(chunk.chunks) if isinstance(chunk, pa.ChunkedArray) else chunk
    size = {"d": 8, "q": 8, "h": 2}[code]
    values = array(code)
    values.frombytes(chunk.buffers()[1][chunk.offset * size : (chunk.offset + len(chunk)) * size])
    values.byteswap()
    return values.tobytes()
