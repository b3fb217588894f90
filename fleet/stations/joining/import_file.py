"""Reading a station list as spreadsheets save it: any common encoding, separator and line ending."""

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
#: The line with which some spreadsheets declare their separator.
_SAID_SEPARATOR = re.compile(r"[\ufeff\s]*\"?sep=([^\"\w\r\n])", re.IGNORECASE)
#: The heading must be within this many lines: people put a title, a date or an empty line above it.
_HEADING_WITHIN = 20
#: Maximum ignored columns to name; further ones are only counted.
_UNKNOWN_MOST = 20
#: Replaces bytes that are not valid characters.
_UNREAD = "\ufffd"
_BLANKS = re.compile("[\u00a0\u2000-\u200a\u202f\u205f\u3000]")
_SHOWN_MOST = 60


@dataclass(frozen=True, slots=True)
class LineProblem:
    """One problem in a line: where it is, and what to do about it."""

    line: int
    column: str
    value: str
    sentence: str


@dataclass(slots=True)
class ImportLine:
    """One station of the list, as typed."""

    number: int
    cells: dict[str, str]
    tags: list[str] = field(default_factory=list)
    model_id: int | None = None
    site_id: int | None = None
    #: A retired station had this serial before.
    has_past: bool = False

    def cell(self, column: str) -> str:
        """The content of one cell, trimmed."""
        return self.cells.get(column, "").strip()


@dataclass(slots=True)
class Sheet:
    """The valid lines so far, the problems of the others, and the columns that were ignored."""

    lines: list[ImportLine] = field(default_factory=list)
    problems: list[LineProblem] = field(default_factory=list)
    warnings: list[LineProblem] = field(default_factory=list)
    unknown_columns: list[str] = field(default_factory=list)
    line_count: int = 0

    def drop(self, line: ImportLine, column: str, sentence: str) -> None:
        """Record a problem with a line; `settle` removes the line."""
        self.problems.append(problem_of(line, column, sentence))

    def settle(self) -> None:
        """Remove the lines with a problem, and sort the problems by line."""
        wrong = {problem.line for problem in self.problems}
        self.lines = [line for line in self.lines if line.number not in wrong]
        self.problems.sort(key=lambda problem: problem.line)


def problem_of(line: ImportLine, column: str, sentence: str) -> LineProblem:
    """A problem with its place."""
    return LineProblem(line.number, column, _excerpt(line.cell(column)), sentence)


def sheet_read(content: bytes) -> Sheet:
    """Read the lines of a file. Raises `InvalidInput` if it is not a list of stations at all.

    The encoding is UTF-8 or UTF-16, else Windows-1252. The separator is what a line `sep=;` declares, or else the
    comma, semicolon, tab or bar that the heading shows. Lines above the heading are left out, each with a warning.
    """
    if len(content) > BYTES_MOST:
        raise _file_refusal(_("The file is larger than 1 MB: split it."))
    text = _text(content)
    rows = _rows(text, _separator(text))
    titles, columns = _heading(rows)
    twice = sorted({column for column in columns if column in COLUMNS and columns.count(column) > 1})
    if twice:
        raise _file_refusal(_("The column `%(column)s` appears twice: keep one.") % {"column": twice[0]})
    unknown = [column for column in columns if column and column not in COLUMNS]
    sheet = Sheet(unknown_columns=[_excerpt(column) for column in unknown[:_UNKNOWN_MOST]])
    if len(unknown) > _UNKNOWN_MOST:
        sheet.unknown_columns.append(_("%(n)d more") % {"n": len(unknown) - _UNKNOWN_MOST})
    sheet.warnings = [
        LineProblem(number, "", _excerpt(" ".join(title)), _("This line is above the heading and was left out."))
        for number, title in titles
    ]
    for number, row in rows:
        if any(cell.strip() for cell in row):
            _line_take(sheet, number, columns, row)
    return sheet


def _line_take(sheet: Sheet, number: int, columns: list[str], row: list[str]) -> None:
    sheet.line_count += 1
    if sheet.line_count > LINES_MOST:
        raise _file_refusal(_("The list has more than %(most)d stations: split it.") % {"most": LINES_MOST})
    cells = {
        column: _unify_blanks(cell, column) for column, cell in zip(columns, row, strict=False) if column in COLUMNS
    }
    line = ImportLine(number, cells)
    for column, cell in cells.items():
        if _UNREAD in cell:
            sheet.drop(line, column, _("A character in this cell could not be read: save the list as CSV in UTF-8."))
    if len(row) > len(columns) and any(cell.strip() for cell in row[len(columns) :]):
        sentence = _(
            "The line has %(cells)d cells, but the heading has %(columns)d: put text that contains the "
            "separator in quotes."
        )
        sheet.drop(line, "serial", sentence % {"cells": len(row), "columns": len(columns)})
    else:
        sheet.lines.append(line)


def _separator(text: str) -> str:
    """The separator: the one that a first line `sep=;` declares, else the one that finds the heading first."""
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
    """The lines above the heading, and the column names; consumes the rows up to and including the heading."""
    titles: list[tuple[int, list[str]]] = []
    for number, row in islice(rows, _HEADING_WITHIN):
        columns = _columns(row)
        if "serial" in columns:
            return titles, columns
        if any(cell.strip() for cell in row) and not (number == 1 and columns[0].startswith("sep=")):
            titles.append((number, row))
    raise _file_refusal(
        _("None of the first %(lines)d lines has a column `serial`. Possible columns: %(columns)s.")
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
        raise _file_refusal(
            _("Line %(line)d cannot be read: a quote is not closed, or a cell is too long.") % {"line": begun}
        ) from error


def _text(content: bytes) -> str:
    text = _decode(content)
    if text is None or "\x00" in text:
        raise _file_refusal(_("This is not a text file: save the list as CSV."))
    return text


def _decode(content: bytes) -> str | None:
    """The text, with `_UNREAD` for invalid bytes; None for invalid UTF-16."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\x00" in content[:200]:
        return _utf16(content)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("utf-8-sig", "replace")
    # One damaged byte in an otherwise valid UTF-8 list spoils only its own line, not the umlauts in all the others.
    unread = text.count(_UNREAD)
    read = sum(1 for char in text if char > "\x7f") - unread
    if content.startswith(codecs.BOM_UTF8) or read > unread:
        return text
    return content.decode("cp1252", "replace")


def _utf16(content: bytes) -> str | None:
    """Decode UTF-16. Some programs leave out the byte order mark; the zero bytes of ASCII letters show the order."""
    has_mark = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    is_little = content[1:200:2].count(0) >= content[0:200:2].count(0)
    try:
        return content.decode("utf-16" if has_mark else "utf-16-le" if is_little else "utf-16-be")
    except UnicodeDecodeError:
        return None


def _unify_blanks(cell: str, column: str) -> str:
    """The cell with special spaces replaced by plain ones, so that a name is the same however it was typed."""
    return cell if column == "notes" else _BLANKS.sub(" ", cell)


def _excerpt(text: str) -> str:
    clean = "".join(char if char.isprintable() else "·" for char in text)
    return clean if len(clean) <= _SHOWN_MOST else clean[: _SHOWN_MOST - 1] + "…"


def _file_refusal(sentence: str) -> InvalidInput:
    return InvalidInput(sentence, field="file")
