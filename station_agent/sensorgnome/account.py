"""The account of every byte and line of a file: taken, known already, kept back by a setting, or refused.

The figures are in the same database as the positions in the files and change in the same transactions, so they are
right after a power cut at any moment: `read = taken + known + kept_back + refused`, to the byte.
"""

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from message_queue.contracts.file import MAX_FILES, File, FileAccount, FileState, FileTotals
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

#: Words for the reasons of refusals: not in the grammar, incomplete, zero bytes, too long to be a line, cannot be
#: unpacked, a file that cannot be read at all.
UNPARSED, NO_END, ZEROS, TOO_LONG, DAMAGE, UNREADABLE = (
    "unparsed",
    "no_end",
    "zero_bytes",
    "too_long",
    "damage",
    "unreadable",
)
_REASON_MOST = 250


class Tally(NamedTuple):
    """Bytes and lines of one file by outcome."""

    bytes_taken: int = 0
    bytes_known: int = 0
    bytes_kept_back: int = 0
    bytes_refused: int = 0
    lines_taken: int = 0
    lines_known: int = 0
    lines_kept_back: int = 0
    lines_refused: int = 0

    @property
    def bytes_read(self) -> int:
        """All bytes that were examined."""
        return sum(self[:4])

    @property
    def lines_read(self) -> int:
        """All lines that were examined."""
        return sum(self[4:])

    def plus(self, other: "Tally") -> "Tally":
        """The sum of two tallies."""
        return Tally(*(a + b for a, b in zip(self, other, strict=True)))


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAccount:
    """One file's account. `marks`: a line in it shows that its writer marks noise itself.

    `back` is the last position before anything in a finished file that later data could change: [offset,
    line, last moment, recent pulses, tally, refusals]. `counted` lines went into the hourly counts.
    """

    state: FileState = "open"
    start: int = 0
    size: int = 0
    unread: int = 0
    tally: Tally = field(default_factory=Tally)
    refusals: dict[str, int] = field(default_factory=dict)
    damaged: bool = False
    reason: str = ""
    marks: bool = False
    counted: int = 0
    back: str = ""

    def refused_add(self, words: Iterable[str]) -> dict[str, int]:
        """The refusals with these added."""
        found = dict(self.refusals)
        for word in words:
            found[word] = found.get(word, 0) + 1
        return found

    def read_before(self, offset: int, lines: int) -> "OpenAccount":
        """The account of a file of which this much was read before accounts were kept: it counts as known."""
        missing = offset - self.tally.bytes_read
        missing_lines = lines - self.tally.lines_read
        if missing <= 0:
            return self
        return replace(self, tally=self.tally.plus(Tally(bytes_known=missing, lines_known=max(missing_lines, 0))))

    def message(self, name: str, *, stream: str = "") -> FileAccount:
        """The account as sent to the server."""
        return FileAccount(
            name=name,
            state=self.state,
            size=self.size,
            start=self.start / 1_000_000 if self.start else None,
            bytes_read=self.tally.bytes_read,
            bytes_unread=self.unread,
            lines_read=self.tally.lines_read,
            **self.tally._asdict(),
            damaged=self.damaged,
            reason=self.reason[:_REASON_MOST],
            refusals=self.refusals,
            stream=stream,
        )


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


def file_messages(accounts: list[FileAccount]) -> Iterator[File]:
    """The accounts as messages, each within its bound. The totals of all files go with the health reports."""
    for first in range(0, len(accounts), MAX_FILES):
        yield File(at=time.time(), files=accounts[first : first + MAX_FILES])
