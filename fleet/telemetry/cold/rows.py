"""Moving rows between the database and Arrow: a temporary table, with COPY into and out of it.

Importing this module does not load Arrow, which takes 50 MB per process: only reading or writing a cold file does.
"""

from __future__ import annotations

import io
from array import array
from collections.abc import Iterator
from struct import Struct
from typing import TYPE_CHECKING, Any, Final

import psycopg

from fleet.telemetry.cold.tables import ColdTable

if TYPE_CHECKING:
    import pyarrow as pa

#: 2000-01-01 UTC in microseconds since 1970: where PostgreSQL's binary times begin.
_PG_EPOCH_US: Final = 946_684_800_000_000
_HEADER, _TRAILER = b"PGCOPY\n\xff\r\n\x00" + b"\x00" * 8, b"\xff\xff"
_NULL = b"\xff\xff\xff\xff"
_LENGTH = Struct(">i").pack
#: The version byte at the beginning of PostgreSQL's binary JSON.
_JSON_BEGINS: Final = b"\x01"
#: Kinds of columns whose values differ in length.
_VARIABLE: Final = frozenset({"text", "json"})
#: Type code and bytes of the others.
_SIZES: Final = {
    "id": ("q", 8),
    "moment": ("q", 8),
    "float": ("d", 8),
    "integer": ("i", 4),
    "short": ("h", 2),
    "boolean": ("b", 1),
}
#: Rows that become one piece of COPY.
_PIECE_ROWS = 100_000


def cold_table_make(cursor: Any, table: ColdTable) -> None:
    """Make the temporary table on this connection, or empty it; the end of the transaction empties it too."""
    cursor.execute(f"CREATE TEMP TABLE IF NOT EXISTS {table.cold} (LIKE {table.hot}) ON COMMIT DELETE ROWS")
    cursor.execute(f"TRUNCATE {table.cold}")


def cold_table_index(cursor: Any, table: ColdTable) -> None:
    """Index the loaded rows by their key, which also proves that no key is there twice."""
    cursor.execute(f"CREATE UNIQUE INDEX ON {table.cold} ({', '.join(table.key)})")
    cursor.execute(f"ANALYZE {table.cold}")


def cold_table_drop(cursor: Any, table: ColdTable) -> None:
    """Drop the table: the next reader makes one without an index, into which rows load faster."""
    cursor.execute(f"DROP TABLE IF EXISTS {table.cold}")


def rows_load(cursor: psycopg.Cursor[Any], table: ColdTable, parts: Iterator[pa.Table]) -> int:
    """Load rows into the temporary table; return how many. Call it in a transaction."""
    count = 0
    columns = ", ".join((*_fixed(table), *_variable(table)))
    with cursor.copy(f"COPY {table.cold} ({columns}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.write(_HEADER)
        for part in parts:
            count += part.num_rows
            for batch in part.to_batches(max_chunksize=_PIECE_ROWS):
                for piece in _binary(table, batch):
                    copy.write(piece)
        copy.write(_TRAILER)
    return count


def rows_take(cursor: psycopg.Cursor[Any], table: ColdTable) -> Iterator[pa.RecordBatch]:
    """The rows of the temporary table, in the order of their key."""
    import pyarrow as pa  # noqa: PLC0415 - the site does not load Arrow
    import pyarrow.csv as text  # noqa: PLC0415 - as above

    as_sent = {name: pa.int64() if name.endswith("_at") else kind for name, kind in table.arrow_types().items()}
    taken = ", ".join(
        f"(extract(epoch FROM {name}) * 1000000)::bigint AS {name}" if kind == "moment" else name
        for name, kind in table.columns
    )
    order = ", ".join(f"r.{name}" for name in table.key)
    with cursor.copy(f"COPY (SELECT {taken} FROM {table.cold} r ORDER BY {order}) TO STDOUT (FORMAT csv)") as copy:  # noqa: S608
        source = io.BufferedReader(_Pieces(iter(copy)), 1_048_576)
        if not source.peek(1):
            return
        for batch in text.open_csv(
            source,
            read_options=text.ReadOptions(column_names=list(table.names), block_size=4_194_304),
            parse_options=text.ParseOptions(newlines_in_values=True),
            convert_options=text.ConvertOptions(
                column_types=as_sent, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False,
                true_values=["t"], false_values=["f"],
            ),
        ):  # fmt: skip
            yield batch.cast(table.arrow_schema())


def received_as(table: ColdTable, rows: pa.Table) -> pa.Table:
    """The rows with JSON as PostgreSQL expects it, beginning with a version byte."""
    import pyarrow as pa  # noqa: PLC0415 - as above
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    for place, (name, kind) in enumerate(table.columns):
        if kind == "json":
            begun = pc.binary_join_element_wise(pa.scalar(_JSON_BEGINS), rows[name].cast(pa.binary()), pa.scalar(b""))
            rows = rows.set_column(place, name, begun)
    return rows


class _Pieces(io.RawIOBase):
    """The pieces of a COPY, readable as a file."""

    def __init__(self, pieces: Iterator[Any]) -> None:
        self._pieces, self._left = pieces, memoryview(b"")

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read at most one piece into the buffer; return how many bytes, 0 at the end."""
        if not self._left:
            self._left = memoryview(next(self._pieces, b""))
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


def _fixed(table: ColdTable) -> list[str]:
    return [name for name, kind in table.columns if kind not in _VARIABLE]


def _variable(table: ColdTable) -> list[str]:
    return [name for name, kind in table.columns if kind in _VARIABLE]


def _binary(table: ColdTable, batch: pa.RecordBatch) -> Iterator[bytes]:
    """The rows of a batch in the format of binary COPY, one shape after the other.

    Rows of one shape have the same empty columns. Without their texts they are equally long, so each byte position is
    written for all of them at once. The texts are the last columns, and are inserted row by row.
    """
    import pyarrow as pa  # noqa: PLC0415 - as above
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    rows = received_as(table, pa.Table.from_batches([batch]))
    partly = [name for name in table.names if 0 < rows[name].null_count < rows.num_rows]
    if not partly:
        yield _of_one_shape(table, rows)
        return
    shapes = None
    for place, name in enumerate(partly):
        bit = pc.multiply(pc.is_valid(rows[name]).cast(pa.int32()), pa.scalar(1 << place, pa.int32()))
        shapes = bit if shapes is None else pc.add(shapes, bit)
    rows = rows.take(pc.sort_indices(shapes))
    begin = 0
    for shape in sorted(pc.value_counts(shapes).to_pylist(), key=lambda one: one["values"]):
        yield _of_one_shape(table, rows.slice(begin, shape["counts"]).combine_chunks())
        begin += shape["counts"]


def _of_one_shape(table: ColdTable, rows: pa.Table) -> bytes:
    import pyarrow as pa  # noqa: PLC0415 - as above

    count, row, columns = rows.num_rows, bytearray(len(table.columns).to_bytes(2, "big")), []
    for name, kind in table.columns:
        if kind in _VARIABLE:
            continue
        if rows[name].null_count:
            row += _NULL
            continue
        code, size = _SIZES[kind]
        row += _LENGTH(size)
        columns.append((len(row), size, _big_endian(rows[name], code)))
        row += bytes(size)
    texts = [rows[name] for name in _variable(table)]
    if all(text.null_count for text in texts):
        row += _NULL * len(texts)
    written, width = bytearray(bytes(row) * count), len(row)
    for begin, size, octets in columns:
        for place in range(size):
            written[begin + place :: width] = octets[place::size]
    if all(text.null_count for text in texts):
        return bytes(written)
    said = [
        [_NULL] * count if text.null_count else [_LENGTH(len(one)) + one for one in text.cast(pa.binary()).to_pylist()]
        for text in texts
    ]
    whole = bytes(written)
    return b"".join(
        part
        for place, ends in enumerate(zip(*said, strict=True))
        for part in (whole[place * width : (place + 1) * width], *ends)
    )


def _big_endian(column: pa.ChunkedArray, code: str) -> bytes:
    """The values of a column without empty ones, as PostgreSQL sends them."""
    import pyarrow as pa  # noqa: PLC0415 - as above
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    if pa.types.is_timestamp(column.type):
        column = pc.subtract(column.cast(pa.int64()), _PG_EPOCH_US)
    elif pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    chunk = column.combine_chunks()
    chunk = pa.concat_arrays(chunk.chunks) if isinstance(chunk, pa.ChunkedArray) else chunk
    values = array(code)
    values.frombytes(chunk.buffers()[1][chunk.offset * values.itemsize : (chunk.offset + len(chunk)) * values.itemsize])
    values.byteswap()
    return values.tobytes()
