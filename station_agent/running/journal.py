"""The command journal: which commands this station has seen, so that each runs once however often it arrives.

A command's row is on disk before the command acts. Its life:

    received -> running -> succeeded | failed
             -> refused | expired
    (withdrawn before it ran, or before it arrived) -> refused
"""

import json
import math
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, get_args

from message_queue.contracts.base import Scalar
from message_queue.contracts.command_status import CommandState
from station_agent.database import Database

SCHEMA = """
CREATE TABLE IF NOT EXISTS journal (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    received_at REAL NOT NULL,
    changed_at REAL NOT NULL,
    boot_id TEXT NOT NULL,
    note TEXT NOT NULL DEFAULT '',
    result TEXT NOT NULL DEFAULT '{}',
    output TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
"""

#: Seconds after which a finished command is forgotten; no command waits on the server that long.
KEEP_SECONDS = 400 * 86_400
FINAL = frozenset({"succeeded", "failed", "refused", "expired"})
WITHDRAWN = "It was cancelled before it ran here and will not run."
_DAMAGED = "The journal's row for this command is damaged: its outcome is unknown, and it was not run again."
_STATES: dict[str, CommandState] = {state: state for state in get_args(CommandState)}
#: Texts as bytes: one that is not UTF-8 must not lose the row.
_COLUMNS = (
    "CAST(id AS BLOB), CAST(name AS BLOB), CAST(state AS BLOB), received_at, changed_at, CAST(boot_id AS BLOB), "
    "CAST(note AS BLOB), CAST(result AS BLOB), CAST(output AS BLOB)"
)


class JournalEntry(NamedTuple):
    """The record of one command."""

    id: str
    name: str
    state: CommandState
    received_at: float
    changed_at: float
    boot_id: str
    note: str
    result: dict[str, Scalar]
    output: str

    @property
    def is_final(self) -> bool:
        """True when the command has reached a final state."""
        return self.state in FINAL


class Journal:
    """The commands seen, over one database file."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.transaction() as sql:
            sql.execute("DELETE FROM journal WHERE changed_at < ?", (time.time() - KEEP_SECONDS,))

    def get(self, command: str) -> JournalEntry | None:
        """The entry of a command id, or None if it was never seen."""
        with self._database.reading() as sql:
            row = sql.execute(f"SELECT {_COLUMNS} FROM journal WHERE id = ?", (command,)).fetchone()  # noqa: S608 - columns only
        return None if row is None else _entry(row)

    def received(self, *, command: str, name: str, boot_id: str) -> None:
        """Record that the command arrived. Keeps an existing entry."""
        now = time.time()
        with self._database.transaction() as sql:
            sql.execute(
                "INSERT OR IGNORE INTO journal (id, name, state, received_at, changed_at, boot_id) "
                "VALUES (?, ?, 'received', ?, ?, ?)",
                (command, name, now, now, boot_id),
            )

    def withdraw(self, *, command: str, boot_id: str) -> float | None:
        """Withdraw the command, even one that has not arrived yet; return the time, or None if it came too late."""
        now = time.time()
        with self._database.transaction() as sql:
            # A command that was received but not started can still be withdrawn.
            sql.execute("DELETE FROM journal WHERE id = ? AND state = 'received'", (command,))
            added = sql.execute(
                "INSERT OR IGNORE INTO journal (id, name, state, received_at, changed_at, boot_id, note) "
                "VALUES (?, '', 'refused', ?, ?, ?, ?)",
                (command, now, now, boot_id, WITHDRAWN),
            )
        return now if added.rowcount else None

    def move(
        self,
        *,
        command: str,
        state: CommandState,
        boot_id: str,
        note: str = "",
        result: dict[str, Scalar] | None = None,
        output: str = "",
    ) -> None:
        """Record a command's next state."""
        with self._database.transaction() as sql:
            sql.execute(
                "UPDATE journal SET state = ?, changed_at = ?, boot_id = ?, note = ?, result = ?, output = ? "
                "WHERE id = ? AND state NOT IN ('succeeded', 'failed', 'refused', 'expired')",
                (state, time.time(), boot_id, note, json.dumps(result or {}), output, command),
            )

    def salvage(self, damaged: Path) -> int:
        """Copy what can still be read from a damaged file's journal; return the number of commands saved.

        A command that ran must not run again because the outbox broke.
        """
        try:
            old = sqlite3.connect(f"file:{damaged}?mode=ro", uri=True)
        except sqlite3.Error:
            return 0
        saved = 0
        try:
            for row in _rows_readable(old):
                entry = _entry(row)
                values = (*entry[:7], json.dumps(entry.result), entry.output)
                with self._database.transaction() as sql:
                    added = sql.execute("INSERT OR IGNORE INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
                saved += added.rowcount
        finally:
            old.close()
        return saved


def _rows_readable(old: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """The rows before the damage and, read from the other end, those after it."""
    for order in ("ASC", "DESC"):
        try:
            yield from old.execute(f"SELECT {_COLUMNS} FROM journal ORDER BY id {order}")  # noqa: S608 - columns only
        except (sqlite3.Error, UnicodeDecodeError):
            continue
        return


def _entry(row: tuple[Any, ...]) -> JournalEntry:
    """A valid entry from a row: damage in it is reported, because no damage may let a command run twice."""
    command, name, state, boot_id, note, result, output = (_text(row[place]) for place in (0, 1, 2, 5, 6, 7, 8))
    received_at, changed_at = (_moment(row[place]) for place in (3, 4))
    known = _STATES.get(state)
    if known is None:
        return JournalEntry(command, name, "failed", received_at, changed_at, boot_id, _DAMAGED, {}, "")
    try:
        figures = json.loads(result)
    except (ValueError, RecursionError):
        figures = None
    if not isinstance(figures, dict) or not all(isinstance(each, Scalar) for each in figures.values()):
        figures, note = {}, f"{note} Its figures are damaged in the journal.".strip()
    return JournalEntry(command, name, known, received_at, changed_at, boot_id, note[:250], figures, output)


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")


def _moment(value: object) -> float:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else 0.0
