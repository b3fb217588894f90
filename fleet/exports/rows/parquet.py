"""Rows as Parquet: the database sends binary columns, which become Arrow's, and words become dictionaries.

Loading this module loads Arrow, 50 MB in a process, so only processes that write Parquet do.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from adbc_driver_postgresql import dbapi

from fleet.exports.columns import CODES, PackageColumn
from fleet.exports.parts import PackagePart
from fleet.exports.rows.cold import BEGIN, PartCold, part_cold
from fleet.exports.rows.statements import connection_words, typed_query
from fleet.exports.target import Counted
from fleet.telemetry.cold.reading import cold_parts
from fleet.telemetry.cold.rows import cold_table_make, received_as
from fleet.telemetry.models import Detection
from fleet.telemetry.selectors import suspicion_codes

#: Size of the batches in which the database sends rows, in bytes.
_BATCH_BYTES: Final = 4_000_000
#: Rows of a row group in the file: readers can skip groups by their time.
_GROUP_ROWS: Final = 250_000
_WORD: Final = pa.dictionary(pa.int32(), pa.string())
_TYPES: Final = {
    "string": pa.string(),
    "number": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
}
#: Number of combinations of marks.
_FLAGS: Final = 256


class ParquetRows:
    """Writes the parts of one kind into one file."""

    def __init__(self, file: Counted, kind: str, columns: Sequence[PackageColumn], reader: psycopg.Connection) -> None:
        self._kind, self._columns, self._reader = kind, columns, reader
        self._schema = pa.schema(
            [pa.field(column.name, _type_of(column), metadata=_said(column)) for column in columns]
        )
        self._file = pq.ParquetWriter(file, self._schema, compression="zstd", write_batch_size=65_536)
        self._database = dbapi.connect(connection_words(), autocommit=True)
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0

    def part_write(self, part: PackagePart, *, is_clean: bool) -> int:
        """Write one part; return the number of its rows."""
        words = _words_of(part)
        written = 0
        with (
            part_cold(self._reader, self._kind, part) as cold,
            self._rows_of(cold) as table,
            self._database.cursor() as cursor,
        ):
            statement = typed_query(self._kind, self._columns, part, is_clean=is_clean, table=table).as_string(None)
            cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": _BATCH_BYTES})
            cursor.execute(statement)
            for batch in cursor.fetch_record_batch():
                if batch.num_rows:
                    self._batch_write(batch, words)
                written += batch.num_rows
        return written

    def close(self) -> None:
        """Write the rows that are still in memory, and the end of the file."""
        try:
            self._group_write()
            self._file.close()
        finally:
            self._database.close()

    @contextmanager
    def _rows_of(self, cold: PartCold | None) -> Iterator[str]:
        """The source of rows: empty for just the table; otherwise the table and the cold rows, in one snapshot."""
        if cold is None:
            yield ""
            return
        with self._database.cursor() as cursor:
            cursor.execute(BEGIN)
            try:
                cursor.execute(f"SET TRANSACTION SNAPSHOT '{cold.snapshot}'")
                table = cold.plan.table
                cold_table_make(cursor, table)
                for rows in cold_parts(cold.plan):
                    cursor.adbc_ingest(table.cold, received_as(table, rows), mode="append", temporary=True)
                yield table.both
            finally:
                cursor.execute("ROLLBACK")

    def _batch_write(self, batch: pa.RecordBatch, words: dict[str, dict[int, str | int | None]]) -> None:
        columns = [_column_of(column, batch, words) for column in self._columns]
        self._waiting.append(pa.RecordBatch.from_arrays(columns, schema=self._schema))
        self._rows += batch.num_rows
        if self._rows >= _GROUP_ROWS:
            self._group_write()

    def _group_write(self) -> None:
        if self._waiting:
            # Small parts share a group: thousands of groups would make a file slow to open.
            self._file.write_table(
                pa.Table.from_batches(self._waiting).unify_dictionaries(), row_group_size=_GROUP_ROWS
            )
        self._waiting, self._rows = [], 0


def _type_of(column: PackageColumn) -> pa.DataType:
    if column.type == "datetime":
        return pa.timestamp("us") if column.name == "local_at" else pa.timestamp("us", "UTC")
    return _WORD if column.code and column.type == "string" else _TYPES[column.type]


def _said(column: PackageColumn) -> dict[str, str]:
    return {"description": column.words, **({"unit": column.unit} if column.unit else {})}


def _words_of(part: PackagePart) -> dict[str, dict[int, str | int | None]]:
    """The meaning of a part's codes, by column."""
    return {
        "station": {0: part.station.serial},
        "deployment": {0: part.deployment_id},
        "series": {number: name for number, name, _unit in part.station.series},
        "unit": {number: unit for number, _name, unit in part.station.series},
        "kind": {kind.value: kind.name.lower() for kind in Detection.Kind},
        "suspicions": {flags: " ".join(suspicion_codes(flags)) or None for flags in range(_FLAGS)},
    }


def _column_of(column: PackageColumn, batch: pa.RecordBatch, words: dict[str, dict[int, str | int | None]]) -> Any:
    if not column.code:
        return batch.column(column.name).cast(_type_of(column))
    meant = words[column.code]
    if not CODES[column.code]:
        if column.type != "string":
            return pa.repeat(pa.scalar(meant[0], _type_of(column)), batch.num_rows)
        return pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), batch.num_rows), [meant[0]])
    codes = batch.column(column.name)
    places = pc.index_in(codes, pa.array(list(meant), codes.type))
    # A dictionary cannot contain NULL, so a code without a word becomes a NULL among the indices.
    said = pa.array(list(meant.values()), pa.string())
    if said.null_count:
        empty = pc.is_null(said).take(places)
        places = pc.if_else(empty, pa.scalar(None, pa.int32()), places)
        said = pc.fill_null(said, "")
    return pa.DictionaryArray.from_arrays(places, said)
