"""The beginning of a file as a table: comma-separated values, and the lines of Sensorgnome and CTT receivers."""

import csv
import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fleet.files.looking.beginning import Beginning, text_of
from formats.sensorgnome.names import file_name_parse

#: Maximum rows that are read, and maximum columns and characters per cell that are shown.
ROWS_MOST, COLUMNS_MOST, CELL_MOST = 10_000, 40, 200
#: The separator is guessed from this many characters.
_SNIFFED = 10_000
#: The columns of a Sensorgnome's lines, whose meaning depends on the first.
_SENSORGNOME = ("line", "time", "value 1", "value 2", "value 3", "value 4", "value 5")


@dataclass(frozen=True, slots=True)
class LookTable:
    """Columns and rows, all of the same length; whether the file has more rows, and whether cells were cut."""

    columns: list[str]
    rows: list[list[str]]
    has_more: bool
    is_cut: bool

    def numbers(self, column: int) -> list[float | None] | None:
        """The figures of a column, None for empty cells; None if the column also has text, or no figures."""
        found: list[float | None] = []
        for row in self.rows:
            text = row[column].strip()
            if not text:
                found.append(None)
                continue
            try:
                value = float(text)
            except ValueError:
                return None
            found.append(value if math.isfinite(value) else None)
        return found if any(value is not None for value in found) else None


@dataclass(frozen=True, slots=True)
class ColumnStatistics:
    """The statistics of a column of figures."""

    column: str
    number: int
    least: float
    mean: float
    most: float


def table_read(beginning: Beginning, name: str) -> LookTable | None:
    """The table in a file; None if the file is no table."""
    text = text_of(beginning.octets)
    if not beginning.is_whole:
        # The last line is cut.
        text = text.rpartition("\n")[0]
    parsed = file_name_parse(name)
    if parsed is not None and name.lower().removesuffix(".gz").endswith(".txt"):
        return table_of(list(_SENSORGNOME), _sensorgnome_rows(text), has_more=not beginning.is_whole)
    rows = _separated_rows(text)
    if rows is None:
        return None
    columns = next(rows, None)
    return table_of(columns, rows, has_more=not beginning.is_whole) if columns else None


def table_of(columns: Sequence[str], rows: Iterator[list[str]], *, has_more: bool) -> LookTable:
    """A table of the first rows, filled up to the same length; longer rows add columns."""
    found: list[list[str]] = []
    for row in rows:
        if len(found) == ROWS_MOST:
            has_more = True
            break
        found.append(row)
    width = min(max([len(columns), *(len(row) for row in found)]), COLUMNS_MOST)
    is_cut = any(len(row) > width or any(len(cell) > CELL_MOST for cell in row) for row in (columns, *found))
    heads = [columns[n][:CELL_MOST] if n < len(columns) else f"{n + 1}" for n in range(width)]
    cells = [[row[n][:CELL_MOST] if n < len(row) else "" for n in range(width)] for row in found]
    return LookTable(heads, cells, has_more, is_cut)


def statistics_of(table: LookTable) -> list[ColumnStatistics]:
    """The statistics of each column of figures."""
    found = []
    for place, column in enumerate(table.columns):
        values = [value for value in table.numbers(place) or () if value is not None]
        if values:
            mean = statistics.fmean(values)
            found.append(ColumnStatistics(column, len(values), min(values), mean, max(values)))
    return found


def rows_sorted(table: LookTable, column: int, *, is_descending: bool) -> list[list[str]]:
    """The rows by one column: figures by their value, other cells as text; empty ones last."""
    numbers = table.numbers(column)
    if numbers is not None:
        filled = [(value, row) for value, row in zip(numbers, table.rows, strict=True) if value is not None]
        rest = [row for value, row in zip(numbers, table.rows, strict=True) if value is None]
        return [row for _value, row in sorted(filled, key=lambda pair: pair[0], reverse=is_descending)] + rest
    named = sorted((row for row in table.rows if row[column]), key=lambda row: row[column], reverse=is_descending)
    return named + [row for row in table.rows if not row[column]]


def _separated_rows(text: str) -> Iterator[list[str]] | None:
    try:
        dialect: type[csv.Dialect] | csv.Dialect = csv.Sniffer().sniff(text[:_SNIFFED], ",;\t|")
    except csv.Error:
        if "," not in text:
            return None
        dialect = csv.excel()
    return _rows_until_bad(text, dialect)


def _rows_until_bad(text: str, dialect: type[csv.Dialect] | csv.Dialect) -> Iterator[list[str]]:
    rows = csv.reader(text.splitlines(), dialect)
    while True:
        try:
            row = next(rows, None)
        except csv.Error:
            # The cell is longer than the csv module accepts: mark its row, and go on with the next one.
            yield ["\ufffd"]
            continue
        if row is None:
            return
        if row:
            yield row


def _sensorgnome_rows(text: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        if line:
            first, *fields = line.split(",")
            yield [first, *(_moment(fields[0]), *fields[1:])] if fields else [first]


def _moment(text: str) -> str:
    """Seconds since 1970 as a time, other text as it is."""
    try:
        return datetime.fromtimestamp(float(text), tz=UTC).isoformat(sep=" ", timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return text
