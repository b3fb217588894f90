"""Reading a list of stations as spreadsheets write it: any usual encoding, separator and line end, each cell with its place."""

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from fleet.core.errors import InvalidInput

BYTES_MOST, LINES_MOST = 1_000_000, 5_000
COLUMNS = ("serial", "name", "model", "site", "notes", "tags")
_SEPARATORS = (",", ";", "\t")
_SHOWN_MOST = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a line: where it stands, and what to do."""

    line: int
    column: str
    value: str
    sentence: str


@dataclass(slots=True)
class Line:
    """One station of the list as it was typed."""

    number: int
    cells: dict[str, str]
    tags: list[str] = field(default_factory=list)
    model_id: int | None = None
    site_id: int | None = None
    #: A station that is retired bore the serial before.
    has_past: bool = False

    def cell(self, column: str) -> str:
        """What stands there, trimmed."""
        return self.cells.get(column, "").strip()


@dataclass(slots=True)
class Sheet:
    """The lines that are good so far, what is wrong with the others, and columns that were not read."""

    lines: list[Line] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    unknown_columns: list[str] = field(default_factory=list)
    line_count: int = 0

    def drop(self, line: Line, column: str, sentence: str) -> None:
        """Say what is wrong with a line; `settle` takes it out."""
        self.problems.append(problem_of(line, column, sentence))

    def settle(self) -> None:
        """Take out the lines with a problem, and put the problems into the order of the file."""
        wrong = {problem.line for problem in self.problems}
        self.lines = [line for line in self.lines if line.number not in wrong]
        self.problems.sort(key=lambda problem: problem.line)


def problem_of(line: Line, column: str, sentence: str) -> Problem:
    """A sentence with its place."""
    return Problem(line.number, column, _shown(line.cell(column)), sentence)


def sheet_read(content: bytes) -> Sheet:
    """The lines of a file. Raises `InvalidInput` when it is no list of stations at all.

    UTF-8 and UTF-16 with or without their mark, else Latin-1; comma, semicolon or tab, as the first line has it.
    """
    if len(content) > BYTES_MOST:
        raise _refused(_("The file is larger than 1 MB: divide it."))
    rows = _rows(_text(content))
    number, heading = next(rows, (0, []))
    columns = [cell.strip().lower().lstrip("\ufeff") for cell in heading]
    if "serial" not in columns:
        raise _refused(
            _("The first line names no column `serial`. Columns: %(columns)s.") % {"columns": ", ".join(COLUMNS)}
        )
    twice = sorted({column for column in columns if column in COLUMNS and columns.count(column) > 1})
    if twice:
        raise _refused(_("The column `%(column)s` is there twice: keep one.") % {"column": twice[0]})
    sheet = Sheet(unknown_columns=[_shown(column) for column in columns if column and column not in COLUMNS][:20])
    for number, row in rows:
        if any(cell.strip() for cell in row):
            _line_take(sheet, number, columns, row)
    return sheet


def _line_take(sheet: Sheet, number: int, columns: list[str], row: list[str]) -> None:
    sheet.line_count += 1
    if sheet.line_count > LINES_MOST:
        raise _refused(_("The list has more than %(most)d stations: divide it.") % {"most": LINES_MOST})
    line = Line(number, {column: cell for column, cell in zip(columns, row, strict=False) if column in COLUMNS})
    if len(row) > len(columns) and any(cell.strip() for cell in row[len(columns) :]):
        sentence = _(
            "The line has %(cells)d cells, the first line names %(columns)d: put text that holds the separator in quotes."
        )
        sheet.drop(line, "serial", sentence % {"cells": len(row), "columns": len(columns)})
    else:
        sheet.lines.append(line)


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    head = text.lstrip("\r\n").partition("\n")[0]
    separator = max(_SEPARATORS, key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    begun = 1
    try:
        for row in reader:
            if row:
                yield begun, row
            begun = reader.line_num + 1
    except csv.Error as error:
        raise _refused(
            _("Line %(line)d cannot be read: a quote is open, or a cell is too long.") % {"line": begun}
        ) from error


def _text(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", "latin-1"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" in text:
            break
        return text
    raise _refused(_("This is no text file: save the list as CSV."))


def _shown(text: str) -> str:
    clean = "".join(char if char.isprintable() else "·" for char in text)
    return clean if len(clean) <= _SHOWN_MOST else clean[: _SHOWN_MOST - 1] + "…"


def _refused(sentence: str) -> InvalidInput:
    return InvalidInput(sentence, field="file")
