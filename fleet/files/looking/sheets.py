"""Spreadsheets as tables, read in a separate process: one at a time, with limits that the process sets itself."""

import json
import logging
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from fleet.core.errors import InvalidInput, TooMany
from fleet.files.looking.tables import CELL_MOST, COLUMNS_MOST, ROWS_MOST, LookTable, table_of
from fleet.files.store.contents import content_open
from fleet.files.store.models import StoredContent

#: Maximum bytes of a spreadsheet that is looked into.
OCTETS_MOST = 20_000_000
#: Seconds that one waits for the one before it, and that one may take.
_WAIT_S, _TAKE_S = 10.0, 20.0
_PROCESS = Path(__file__).with_name("sheet_process.py")

_one = threading.Lock()
_log = logging.getLogger(__name__)


def sheet_read(content: StoredContent) -> tuple[LookTable, list[str]]:
    """The first sheet of a spreadsheet, and the names of all sheets.

    Raises `InvalidInput` if it cannot be read, `TooMany`, and what `content_open` raises.
    """
    if content.octets > OCTETS_MOST:
        raise InvalidInput(
            _("Spreadsheets of more than %(most)d MB are not shown.") % {"most": OCTETS_MOST // 1_000_000}, field="file"
        )
    with content_open(content) as opened:
        octets = opened.read(OCTETS_MOST + 1)
    if not _one.acquire(timeout=_WAIT_S):
        raise TooMany(_("Another spreadsheet is being read right now: try again in a minute."))
    try:
        answer = _run(octets)
    finally:
        _one.release()
    if "refused" in answer:
        raise InvalidInput(_("This spreadsheet cannot be read, or is too large when unpacked."), field="file")
    rows = [row for row in answer["rows"] if any(row)]
    columns = rows[0] if rows else []
    return table_of(columns, iter(rows[1:]), has_more=answer["more"]), answer["sheets"]


def _run(octets: bytes) -> dict[str, Any]:
    """The process's answer; if it died, the file counts as refused."""
    command = [sys.executable, "-I", str(_PROCESS), str(ROWS_MOST), str(COLUMNS_MOST), str(CELL_MOST)]
    try:
        done = subprocess.run(command, input=octets, capture_output=True, env={}, timeout=_TAKE_S, check=False)
        answer: dict[str, Any] = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        _log.warning("A spreadsheet of %d bytes took more than %.0f s to read and was refused", len(octets), _TAKE_S)
        return {"refused": "unread"}
    except ValueError:
        _log.warning("A spreadsheet of %d bytes crashed its reader (%d)", len(octets), done.returncode)
        return {"refused": "unread"}
    return answer
