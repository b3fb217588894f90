"""Reading a list of stations as spreadsheets write it: any usual encoding, separator and line end, each cell with its place."""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from django.utils.translation import gettext as _

from fleet.core.errors import InvalidInput

BYTES_MOST, LINES_MOST = 1_000_000, 5_000
COLUMNS = ("serial", "name", "model", "site", "notes", "tags")
_SEPARATORS = (",", ";", "\t", "|")
#: What spreadsheets write first, so that others know their separator.
_SAID_SEPARATOR = re.compile(r"[\ufeff\s]*\"?sep=([^\"\w\r\n])", re.IGNORECASE)
#: The heading is looked for in so many lines: above it people put a title, a date, an empty line.
_HEADING_WITHIN = 20
#: Stands where bytes mean no character.
_UNREAD = "\ufffd"
_BLANKS = re.compile("[\u00a0\u2000-\u200a\u202f\u205f\u3000]")
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

    UTF-8 or UTF-16, else Windows-1252. Comma, semicolon, tab or bar between the cells, as a line `sep=;` says or as the
    heading has it. Lines above the heading are left out, with a warning for each.
    """
    if len(content) > BYTES_MOST:
        raise _refused(_("The file is larger than 1 MB: divide it."))
    text = _text(content)
    rows = _rows(text, _separator(text))
    titles, columns = _heading(rows)
    twice = sorted({column for column in columns if column in COLUMNS and columns.count(column) > 1})
    if twice:
        raise _refused(_("The column `%(column)s` is there twice: keep one.") % {"column": twice[0]})
    sheet = Sheet(unknown_columns=[_shown(column) for column in columns if column and column not in COLUMNS][:20])
    sheet.warnings = [
        Problem(number, "", _shown(" ".join(title)), _("This line stands above the heading and was left out."))
        for number, title in titles
    ]
    for number, row in rows:
        if any(cell.strip() for cell in row):
            _line_take(sheet, number, columns, row)
    return sheet


def _line_take(sheet: Sheet, number: int, columns: list[str], row: list[str]) -> None:
    sheet.line_count += 1
    if sheet.line_count > LINES_MOST:
        raise _refused(_("The list has more than %(most)d stations: divide it.") % {"most": LINES_MOST})
    cells = {column: _plain(cell, column) for column, cell in zip(columns, row, strict=False) if column in COLUMNS}
    line = Line(number, cells)
    for column, cell in cells.items():
        if _UNREAD in cell:
            sheet.drop(line, column, _("A character here could not be read: save the list as CSV in UTF-8."))
    if len(row) > len(columns) and any(cell.strip() for cell in row[len(columns) :]):
        sentence = _(
            "The line has %(cells)d cells, the heading names %(columns)d: put text that holds the separator in quotes."
        )
        sheet.drop(line, "serial", sentence % {"cells": len(row), "columns": len(columns)})
    else:
        sheet.lines.append(line)


def _separator(text: str) -> str:
    """What stands between the cells: as a first line `sep=;` says, else where the heading is found first."""
    said = _SAID_SEPARATOR.match(text)
    if said:
        return said[1]
    found: list[tuple[int, int, str]] = []
    for separator in _SEPARATORS:
        try:
            for place, (_number, row) in enumerate(islice(_rows(text, separator), _HEADING_WITHIN)):
                columns = _columns(row)
                if "serial" in columns:
                    found.append((place, -len(columns), separator))
                    break
        except InvalidInput:
            continue
    return min(found)[2] if found else ","


def _heading(rows: Iterator[tuple[int, list[str]]]) -> tuple[list[tuple[int, list[str]]], list[str]]:
    """The lines above the heading, and the names of the columns; the rows are read up to there."""
    titles: list[tuple[int, list[str]]] = []
    for number, row in islice(rows, _HEADING_WITHIN):
        columns = _columns(row)
        if "serial" in columns:
            return titles, columns
        if any(cell.strip() for cell in row) and not (number == 1 and columns[0].startswith("sep=")):
            titles.append((number, row))
    raise _refused(
        _("None of the first %(lines)d lines names a column `serial`. Columns: %(columns)s.")
        % {"lines": _HEADING_WITHIN, "columns": ", ".join(COLUMNS)}
    )


def _columns(row: list[str]) -> list[str]:
    return [cell.strip().lstrip("\ufeff").strip().lower() for cell in row]


def _rows(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
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
    text = _decoded(content)
    if text is None or "\x00" in text:
        raise _refused(_("This is no text file: save the list as CSV."))
    return text


def _decoded(content: bytes) -> str | None:
    """The text, with `_UNREAD` where a byte means nothing; None for UTF-16 that is none."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\x00" in content[:200]:
        return _utf16(content)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("utf-8-sig", "replace")
    # One damaged byte in a list that is UTF-8 otherwise costs its own line, not the umlauts of all the others.
    unread = text.count(_UNREAD)
    read = sum(1 for char in text if char > "\x7f") - unread
    if content.startswith(codecs.BOM_UTF8) or read > unread:
        return text
    return content.decode("cp1252", "replace")


def _utf16(content: bytes) -> str | None:
    """Some programs leave the mark out; the zeros of plain letters show which half comes first."""
    has_mark = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    is_little = content[1:200:2].count(0) >= content[0:200:2].count(0)
    try:
        return content.decode("utf-16" if has_mark else "utf-16-le" if is_little else "utf-16-be")
    except UnicodeDecodeError:
        return None


def _plain(cell: str, column: str) -> str:
    """Blanks that only a typesetter tells apart become blanks, so that a name is the same however it was typed."""
    return cell if column == "notes" else _BLANKS.sub(" ", cell)


def _shown(text: str) -> str:
    clean = "".join(char if char.isprintable() else "·" for char in text)
    return clean if len(clean) <= _SHOWN_MOST else clean[: _SHOWN_MOST - 1] + "…"


def _refused(sentence: str) -> InvalidInput:
    return InvalidInput(sentence, field="file")
