"""The command journal: which commands this station has seen, so that each runs once however often it comes.

A command's row is on disk before the command acts. Its life:

    received -> running -> succeeded | failed
             -> refused | expired
"""

import json
import sqlite3
import time
from pathlib import Path
from typing import Any, NamedTuple

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

#: Seconds after which a finished command is forgotten; no command waits on the server for so long.
KEEP_SECONDS = 400 * 86_400
FINAL = frozenset({"succeeded", "failed", "refused", "expired"})


class Entry(NamedTuple):
    """What is known of one command."""

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
        """True when the command has its last state."""
        return self.state in FINAL


class Journal:
    """The commands seen, over one database file."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.transaction() as sql:
            sql.execute("DELETE FROM journal WHERE changed_at < ?", (time.time() - KEEP_SECONDS,))

    def get(self, command: str) -> Entry | None:
        """The entry of a command id, or None for one never seen."""
        with self._database.reading() as sql:
            row: tuple[Any, ...] | None = sql.execute(
                "SELECT id, name, state, received_at, changed_at, boot_id, note, result, output "
                "FROM journal WHERE id = ?",
                (command,),
            ).fetchone()
        return None if row is None else Entry._make((*row[:7], json.loads(row[7]), row[8]))

    def received(self, *, command: str, name: str, boot_id: str) -> None:
        """Write down that the command came. Keeps an entry that is there."""
        now = time.time()
        with self._database.transaction() as sql:
            sql.execute(
                "INSERT OR IGNORE INTO journal (id, name, state, received_at, changed_at, boot_id) "
                "VALUES (?, ?, 'received', ?, ?, ?)",
                (command, name, now, now, boot_id),
            )

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
        """Write down a command's next state."""
        with self._database.transaction() as sql:
            sql.execute(
                "UPDATE journal SET state = ?, changed_at = ?, boot_id = ?, note = ?, result = ?, output = ? "
                "WHERE id = ? AND state NOT IN ('succeeded', 'failed', 'refused', 'expired')",
                (state, time.time(), boot_id, note, json.dumps(result or {}), output, command),
            )

    def salvage(self, damaged: Path) -> int:
        """Take over what can still be read of a damaged file's journal; how many commands were saved.

        A command that ran must not run again because the outbox broke.
        """
        try:
            old = sqlite3.connect(f"file:{damaged}?mode=ro", uri=True)
        except sqlite3.Error:
            return 0
        saved = 0
        try:
            for row in old.execute(
                "SELECT id, name, state, received_at, changed_at, boot_id, note, result, output FROM journal"
            ):
                with self._database.transaction() as sql:
                    sql.execute("INSERT OR IGNORE INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
                saved += 1
        except (sqlite3.Error, UnicodeDecodeError):
            return saved
        finally:
            old.close()
        return saved
