"""Rows as CSV or NDJSON: the database writes the lines, and Roost only passes them on."""

import csv
import io
from collections.abc import Sequence

import psycopg

from fleet.exports.columns import PackageColumn
from fleet.exports.parts import PackagePart
from fleet.exports.rows.cold import part_rows
from fleet.exports.rows.statements import text_copy
from fleet.exports.target import Counted


class TextRows:
    """Writes the parts of one kind into one file."""

    def __init__(
        self, file: Counted, kind: str, columns: Sequence[PackageColumn], reader: psycopg.Connection, *, is_json: bool
    ) -> None:
        self._file, self._kind, self._columns, self._reader = file, kind, columns, reader
        self._is_json = is_json
        if not is_json:
            head = io.StringIO()
            csv.writer(head, lineterminator="\n").writerow([column.name for column in columns])
            file.write(head.getvalue().encode())

    def part_write(self, part: PackagePart, *, is_clean: bool) -> int:
        """Write one part; return the number of its rows."""
        with part_rows(self._reader, self._kind, part) as table, self._reader.cursor() as cursor:
            statement = text_copy(
                self._kind, self._columns, part, is_clean=is_clean, is_json=self._is_json, table=table
            )
            with cursor.copy(statement) as copy:
                for piece in copy:
                    self._file.write(piece)
            return cursor.rowcount

    def close(self) -> None:
        """Do nothing: no rows are kept in memory."""
