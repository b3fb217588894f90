"""Spreadsheets as tables, read in a separate process: one at a time, with limits that the process sets itself."""

import json
import logging
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from django.utils.translation import gettext as _

from fleet.core.csv_file import Cell, cell_guarded
from fleet.core.errors import InvalidInput, NotFound, TooMany
from fleet.files.looking.beginning import FileKind, kind_of
from fleet.files.looking.tables import CELL_MOST, COLUMNS_MOST, ROWS_MOST, LookTable, table_of
from fleet.files.store.contents import content_open
from fleet.files.store.models import FileRevision, StoredContent

#: Maximum bytes of a spreadsheet that is read, and maximum cells of a sheet, including empty ones before filled ones.
OCTETS_MOST, CELLS_MOST = 20_000_000, 5_000_000
#: Rows, columns, and characters per cell that a page asks for; the extra column and character reveal what was cut.
_SHOWN = (ROWS_MOST, COLUMNS_MOST + 1, CELL_MOST + 1)
#: The same of a whole sheet: more than the formats know.
_ALL = (2_000_000, 100_000, 100_000)
#: Seconds that a spreadsheet waits for the one before it, and seconds that reading one may take.
_WAIT_S, _TAKE_S = 10.0, 30.0
_PROCESS = Path(__file__).with_name("sheet_process.py")

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")

_one = threading.Lock()
_log = logging.getLogger(__name__)


def sheet_read(content: StoredContent, *, sheet: int = 0) -> tuple[LookTable, list[str]]:
    """The beginning of a sheet of a spreadsheet, and the names of all sheets.

    Raises `NotFound` if there is no such sheet, `InvalidInput` if it cannot be read, `TooMany`, and what `content_open`
    raises.
    """
    with TemporaryFile() as made:
        answer = _sheet_make(content, made, sheet, _SHOWN)
        rows = [row for row in _rows(made) if any(cell != "" for cell in row)]
    columns = rows[0] if rows else []
    return table_of(columns, iter(rows[1:]), has_more=answer["more"]), answer["sheets"]


def sheet_rows(content: StoredContent, *, sheet: int) -> Iterator[list[Cell]]:
    """All rows of a sheet: figures as figures, times as text. Nothing is cut: a sheet that is too large is refused.

    The whole sheet is read before this returns, so that a stream of the rows cannot fail halfway. Raises the same as
    `sheet_read`.
    """
    made = TemporaryFile()  # noqa: SIM115 - closed with the last row
    try:
        _sheet_make(content, made, sheet, _ALL)
    except BaseException:
        made.close()
        raise
    return _rows_and_close(made)


def sheet_csv(revision: FileRevision, *, sheet: int) -> tuple[str, list[Cell], Iterator[list[Cell]]]:
    """A sheet of a stored spreadsheet for a CSV file: the file's name, the first row, and the others.

    Raises the same as `sheet_read`, `InvalidInput` if the file is no spreadsheet, `NotFound` if its bytes are missing.
    """
    path = revision.file.path
    if kind_of(path) is not FileKind.SHEET:
        raise InvalidInput(_("Only xls, xlsx and ods files have sheets."), field="sheet")
    try:
        rows = sheet_rows(revision.content, sheet=sheet)
    except FileNotFoundError as error:
        raise NotFound(_("The bytes of this file are missing on the server: upload it again.")) from error
    # Only letters that every HTTP header can carry.
    stem = _NOT_IN_NAMES.sub("_", path.rpartition("/")[2])[:100]
    # The first row is text from the file too, so it is guarded like the others.
    head = [cell_guarded(cell) for cell in next(rows, [])]
    return f"{stem}-{sheet + 1}.csv", head, rows


def _rows_and_close(made: IO[bytes]) -> Iterator[list[Cell]]:
    with made:
        for line in made:
            yield json.loads(line)


def _rows(made: IO[bytes]) -> Iterator[list[str]]:
    for line in made:
        yield [str(cell) for cell in json.loads(line)]


def _sheet_make(content: StoredContent, made: IO[bytes], sheet: int, most: tuple[int, int, int]) -> dict[str, Any]:
    """Write the rows into a file and rewind it; return the process's answer."""
    if content.octets > OCTETS_MOST:
        raise InvalidInput(
            _("Spreadsheets of more than %(most)d MB are not shown.") % {"most": OCTETS_MOST // 1_000_000}, field="file"
        )
    with content_open(content) as opened:
        octets = opened.read(OCTETS_MOST + 1)
    if not _one.acquire(timeout=_WAIT_S):
        raise TooMany(_("Another spreadsheet is being read right now: try again in a minute."))
    try:
        answer = _run(octets, made, sheet, most)
    finally:
        _one.release()
    if answer.get("refused") == "sheet":
        raise NotFound(_("This spreadsheet has no such sheet."))
    if "refused" in answer:
        raise InvalidInput(_("This spreadsheet cannot be read, or is too large when unpacked."), field="file")
    made.seek(0)
    return answer


def _run(octets: bytes, made: IO[bytes], sheet: int, most: tuple[int, int, int]) -> dict[str, Any]:
    """The process's answer; if it died, the file counts as refused."""
    command = [sys.executable, "-I", str(_PROCESS), *(str(each) for each in (sheet, *most, CELLS_MOST))]
    try:
        done = subprocess.run(
            command,
            input=octets,
            stdout=made,
            stderr=subprocess.PIPE,
            env={},
            timeout=_TAKE_S,
            check=False,
        )
        answer: dict[str, Any] = json.loads(done.stderr)
    except subprocess.TimeoutExpired:
        _log.warning("A spreadsheet of %d bytes took more than %.0f s to read and was refused", len(octets), _TAKE_S)
        return {"refused": "unread"}
    except ValueError:
        _log.warning("A spreadsheet of %d bytes crashed its reader (%d)", len(octets), done.returncode)
        return {"refused": "unread"}
    return answer
