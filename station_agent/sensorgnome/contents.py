"""Contents of each data file by kind of line, counted while it is read, in the same transaction."""

import json
from collections.abc import Iterable
from typing import NamedTuple

from formats.lines import Fix, TagLine
from formats.sensorgnome.lines import Burst, Line, PulseLine
from formats.sensorgnome.messages import Numbered
from station_agent.database import Database

SCHEMA = """
CREATE TABLE IF NOT EXISTS file_contents (
    path TEXT PRIMARY KEY,
    counted INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    kinds TEXT NOT NULL
) WITHOUT ROWID;
"""
_KINDS: tuple[tuple[type, str], ...] = ((PulseLine, "pulse"), (TagLine, "tag"), (Fix, "position"), (Burst, "burst"))


class Contents(NamedTuple):
    """Lines by kind up to line `counted`, and the first and last moment in microseconds since 1970; 0 if unknown."""

    counted: int = 0
    first_at: int = 0
    last_at: int = 0
    kinds: dict[str, int] = {}


class FileContents:
    """The contents of all files, by the path of their accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, path: str) -> Contents:
        """The counts of a file."""
        with self._database.reading() as sql:
            row = sql.execute(
                "SELECT counted, first_at, last_at, kinds FROM file_contents WHERE path = ?", (path,)
            ).fetchone()
        return Contents(row[0], row[1], row[2], json.loads(row[3])) if row else Contents()

    def add(self, path: str, lines: Iterable[Numbered], *, is_fresh: bool) -> None:
        """Count these lines, except those already counted while the end of the file was uncertain.

        `is_fresh`: nothing of this file was read before. Call it in the transaction that stores the account.
        """
        before = Contents() if is_fresh else self.read(path)
        kinds, first, last, counted = dict(before.kinds), before.first_at, before.last_at, before.counted
        for row in lines:
            if row.number <= before.counted:
                continue
            kind = kind_of(row.line)
            kinds[kind] = kinds.get(kind, 0) + 1
            counted = max(counted, row.number)
            if row.at > 0:
                first, last = min(first, row.at) if first else row.at, max(last, row.at)
        if counted == before.counted and not is_fresh:
            return
        with self._database.transaction() as sql:
            sql.execute(
                "INSERT OR REPLACE INTO file_contents VALUES (?, ?, ?, ?, ?)",
                (path, counted, first, last, json.dumps(kinds)),
            )


def kind_of(line: Line) -> str:
    """The word for a line: `pulse`, `tag`, `position`, `burst`, `event`, `blank` or `unparsed`."""
    for cls, word in _KINDS:
        if isinstance(line, cls):
            return word
    name = getattr(line, "name", "")
    return name if name in ("blank", "unparsed") else "event"
