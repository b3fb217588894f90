"""The accounts of all files in the station's database.

They change in the same transactions as the positions in the files, so they are right after a power cut at any moment.
"""

import json
import sqlite3
from collections.abc import Iterable

from formats.sensorgnome.account import OpenAccount, Tally
from message_queue.contracts.file import MAX_FILES, FileAccount, FileState, FileTotals
from station_agent.database import Database

SCHEMA = """
CREATE TABLE IF NOT EXISTS file_accounts (
    path TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    start INTEGER NOT NULL,
    size INTEGER NOT NULL,
    unread INTEGER NOT NULL,
    bytes_taken INTEGER NOT NULL,
    bytes_known INTEGER NOT NULL,
    bytes_kept_back INTEGER NOT NULL,
    bytes_refused INTEGER NOT NULL,
    lines_taken INTEGER NOT NULL,
    lines_known INTEGER NOT NULL,
    lines_kept_back INTEGER NOT NULL,
    lines_refused INTEGER NOT NULL,
    damaged INTEGER NOT NULL,
    reason TEXT NOT NULL,
    refusals TEXT NOT NULL,
    marks INTEGER NOT NULL,
    counted INTEGER NOT NULL,
    back TEXT NOT NULL,
    told INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS file_accounts_told ON file_accounts (told, state);
"""


_COLUMNS = (
    *("state", "start", "size", "unread", *Tally._fields),
    *("damaged", "reason", "refusals", "marks", "counted", "back"),
)
_READ = f"SELECT path, {', '.join(_COLUMNS)} FROM file_accounts"  # noqa: S608 - constant names
_WRITE = (
    f"INSERT OR REPLACE INTO file_accounts (path, {', '.join(_COLUMNS)}, told) "  # noqa: S608 - constant names
    f"VALUES ({', '.join('?' * (len(_COLUMNS) + 2))})"
)
_SUMS = ", ".join(f"coalesce(sum({name}), 0)" for name in ("unread", *Tally._fields))
_TOTALS = (
    "SELECT count(*), coalesce(sum(state = 'open'), 0), coalesce(sum(state = 'refused'), 0), "  # noqa: S608 - constant names
    f"coalesce(sum(state = 'foreign'), 0), {_SUMS} FROM file_accounts"
)


class Accounts:
    """The accounts of all files, by displayed path within the data folder."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, path: str) -> OpenAccount | None:
        """One file's account."""
        with self._database.reading() as sql:
            row = sql.execute(f"{_READ} WHERE path = ?", (path,)).fetchone()
        return _account(row) if row else None

    def marked(self) -> list[str]:
        """The paths of files whose writer marks noise itself."""
        with self._database.reading() as sql:
            return [row[0] for row in sql.execute("SELECT path FROM file_accounts WHERE marks = 1")]

    def store(self, path: str, account: OpenAccount) -> None:
        """Store the account, to be sent; call it in the transaction that puts the lines into the outbox."""
        self._write(path, account, told=False)

    def seen(self, path: str, account: OpenAccount) -> bool:
        """Store the account if it differs from the stored one; return whether its state has changed."""
        before = self.read(path)
        if before != account:
            self._write(path, account, told=False)
        return before is None or before.state != account.state

    def _write(self, path: str, account: OpenAccount, *, told: bool) -> None:
        values = (
            *(account.state, account.start, account.size, account.unread, *account.tally),
            *(account.damaged, account.reason, json.dumps(account.refusals)),
            *(account.marks, account.counted, account.back, told),
        )
        with self._database.transaction() as sql:
            sql.execute(_WRITE, (path, *values))

    def unread_set(self, path: str, *, size: int, unread: int) -> None:
        """Record a growing file's current size."""
        with self._database.transaction() as sql:
            sql.execute(
                "UPDATE file_accounts SET size = ?, unread = ?, told = 0 WHERE path = ? AND (size != ? OR unread != ?)",
                (size, unread, path, size, unread),
            )

    def totals(self) -> FileTotals:
        """The totals of all files."""
        with self._database.reading() as sql:
            return totals_read(sql)

    def untold(self, *, growing: bool, trouble_only: bool = False) -> list[FileAccount]:
        """Accounts changed since they were last sent: settled ones, and with `growing` all."""
        where = "told = 0"
        if not growing:
            where += " AND state != 'open'"
        if trouble_only:
            where += " AND (state IN ('refused', 'foreign', 'gone') OR damaged OR bytes_refused > 0)"
        with self._database.reading() as sql:
            rows = sql.execute(f"{_READ} WHERE {where} ORDER BY path LIMIT {MAX_FILES}").fetchall()
        return [_account(row).message(row[0]) for row in rows]

    def told(self, names: Iterable[str]) -> None:
        """Mark these as put into the outbox; call it in the same transaction."""
        with self._database.transaction() as sql:
            sql.executemany("UPDATE file_accounts SET told = 1 WHERE path = ?", [(name,) for name in names])

    def settled(self, *states: FileState) -> dict[str, OpenAccount]:
        """All accounts in these states."""
        marks = ",".join("?" * len(states))
        with self._database.reading() as sql:
            rows = sql.execute(f"{_READ} WHERE state IN ({marks})", states).fetchall()
        return {row[0]: _account(row) for row in rows}


def totals_read(sql: sqlite3.Connection) -> FileTotals:
    """The totals of all files."""
    row = sql.execute(_TOTALS).fetchone()
    tally = Tally(*row[5:])
    return FileTotals(
        files=row[0],
        files_open=row[1],
        files_refused=row[2],
        files_foreign=row[3],
        bytes_unread=row[4],
        bytes_read=tally.bytes_read,
        lines_read=tally.lines_read,
        **tally._asdict(),
    )


def troubles_read(sql: sqlite3.Connection, most: int) -> list[FileAccount]:
    """Files with refused or damaged parts, foreign or gone files, newest first."""
    rows = sql.execute(
        f"{_READ} WHERE state IN ('refused', 'foreign', 'gone') OR damaged OR bytes_refused > 0 OR reason != '' "
        "ORDER BY start DESC, path LIMIT ?",
        (most,),
    ).fetchall()
    return [_account(row).message(row[0]) for row in rows]


def _account(row: tuple) -> OpenAccount:  # type: ignore[type-arg]
    state, start, size, unread = row[1:5]
    damaged, reason, refusals, marks, counted, back = row[13:]
    return OpenAccount(
        state=state,
        start=start,
        size=size,
        unread=unread,
        tally=Tally(*row[5:13]),
        damaged=bool(damaged),
        reason=reason,
        refusals=json.loads(refusals),
        marks=bool(marks),
        counted=counted,
        back=back,
    )
