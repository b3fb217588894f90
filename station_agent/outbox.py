"""The outbox: messages still to be sent, on disk until the broker has confirmed them.

Every message has a number that is never reused, within a stream that lives as long as the file. It also names the run
of the agent that wrote it, so that the server can tell two machines with copies of one file apart.
"""

import contextlib
import secrets
import sqlite3
import time
import uuid
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from message_queue import codec
from message_queue.contracts import contracts
from message_queue.contracts.base import MAX_WIRE_BYTES, Lane
from station_agent.database import Database
from station_agent.errors import MessageTooLarge

SCHEMA = """
CREATE TABLE IF NOT EXISTS identity (stream TEXT NOT NULL, created_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    sending INTEGER NOT NULL,
    worth INTEGER NOT NULL,
    created_at REAL NOT NULL,
    encoding TEXT,
    size INTEGER NOT NULL,
    body BLOB NOT NULL,
    run TEXT NOT NULL DEFAULT '',
    since INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS outbox_sending ON outbox (sending, seq);
CREATE INDEX IF NOT EXISTS outbox_worth ON outbox (worth, seq, size);
CREATE TABLE IF NOT EXISTS totals (one INTEGER PRIMARY KEY CHECK (one = 1), messages INTEGER, bytes INTEGER);
INSERT OR IGNORE INTO totals VALUES (1, 0, 0);
CREATE TRIGGER IF NOT EXISTS outbox_in AFTER INSERT ON outbox BEGIN
    UPDATE totals SET messages = messages + 1, bytes = bytes + NEW.size;
END;
CREATE TRIGGER IF NOT EXISTS outbox_out AFTER DELETE ON outbox BEGIN
    UPDATE totals SET messages = messages - 1, bytes = bytes - OLD.size;
END;
CREATE TABLE IF NOT EXISTS dropped (kind TEXT PRIMARY KEY, messages INTEGER NOT NULL) WITHOUT ROWID;
"""

#: Columns added later. They have defaults, so that an older agent can still write to a newer file.
LATER_COLUMNS = {"run": "TEXT NOT NULL DEFAULT ''", "since": "INTEGER NOT NULL DEFAULT 0"}

#: Bytes a row takes besides its body: columns, two index entries and a share of the page.
ROW_OVERHEAD = 128


class Rank(NamedTuple):
    """`sending`: lower goes out first. `worth`: lower is dropped first when the outbox is full."""

    sending: int
    worth: int


#: An old hello or health report is worth least; the newest of each is never dropped.
COMMAND_STATUS = Rank(0, 5)
REPORT = Rank(1, 0)
EVENT = Rank(2, 4)
TAG = Rank(3, 3)
PULSE = Rank(4, 2)
READING = Rank(5, 1)
ACCOUNT = Rank(5, 4)
#: Files in a dropped manifest are told again.
MANIFEST = Rank(6, 0)
#: Added to `sending` for data that was already on the station's own disk: current data goes first.
BACK_FILL = 10

#: Seconds on the station after which a message is late.
LATE_AFTER = 600.0
#: `LATE` is added to the `sending` of messages that are late when a connection opens. Old reports get `LATE_REPORT`
#: instead, so that they go last of all.
LATE, LATE_REPORT = 20, 30

#: Seconds after which a message that no queue accepted is offered again.
RETURNED_WAIT = 60.0


class Outgoing(NamedTuple):
    """One message to publish, with everything AMQP needs."""

    key: int
    kind: str
    body: bytes
    encoding: str | None
    message_id: str
    headers: dict[str, Any]
    #: It waited here for a while: the server processes fresh messages first.
    is_late: bool = False


class OutboxBacklog(NamedTuple):
    """The waiting messages. `oldest_at` in seconds since 1970 UTC by the station's clock."""

    messages: int
    bytes: int
    oldest_at: float | None


class Outbox:
    """The waiting messages, over one database file."""

    def __init__(self, database: Database, *, cap_bytes: int) -> None:
        self.database = database
        self.compress_from = codec.COMPRESS_FROM
        self.cap_bytes = cap_bytes
        self._in_flight: set[int] = set()
        self._held: dict[int, float] = {}
        self._wake: Callable[[], None] | None = None
        with database.transaction() as sql:
            row = sql.execute("SELECT stream FROM identity").fetchone()
            if row is None:
                row = (uuid.uuid4().hex,)
                sql.execute("INSERT INTO identity VALUES (?, ?)", (row[0], time.time()))
            self.stream: str = row[0]
            _columns_add(sql)
            last = sql.execute("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'").fetchone()
        self.run = secrets.token_hex(4)
        self.since = (last[0] if last else 0) + 1

    def on_put(self, wake: Callable[[], None]) -> None:
        """Call `wake` whenever new messages are on disk."""
        self._wake = wake

    def put(self, kind: str, body: Any, rank: Rank) -> int:
        """Store one message and return its number. Joins a transaction that is open.

        Raises `MessageTooLarge` for a message the broker would refuse.
        """
        raw, encoding = codec.encode(body, compress_from=self.compress_from)
        if len(raw) > MAX_WIRE_BYTES - 65_536:
            raise MessageTooLarge(f"A {kind} message of {len(raw)} bytes is too large for the broker.")
        size = len(raw) + ROW_OVERHEAD
        with self.database.transaction() as sql:
            cursor = sql.execute(
                "INSERT INTO outbox (kind, sending, worth, created_at, encoding, size, body, run, since) "
                "VALUES (?,?,?,?,?,?,?,?,?)",
                (kind, rank.sending, rank.worth, time.time(), encoding, size, raw, self.run, self.since),
            )
            total = sql.execute("SELECT bytes FROM totals").fetchone()[0]
            if total > self.cap_bytes:
                self._drop(total - self.cap_bytes)
            if self._wake is not None:
                self.database.after_commit(self._wake)
        return int(cursor.lastrowid or 0)

    def _drop(self, too_much: int) -> None:
        """Drop the oldest messages of least value until `too_much` bytes are gone; count them by kind.

        The newest hello and health report stay, and so do messages in flight: one that is dropped here and yet
        delivered would be counted as lost.
        """
        freed = 0
        gone: list[int] = []
        counts: dict[str, int] = {}
        with self.database.transaction() as sql:
            newest = {
                row[0]
                for row in sql.execute("SELECT MAX(seq) FROM outbox WHERE kind IN ('hello', 'health') GROUP BY kind")
            }
            for seq, kind, size in sql.execute("SELECT seq, kind, size FROM outbox ORDER BY worth, seq"):
                if freed >= too_much:
                    break
                if seq in self._in_flight or seq in newest:
                    continue
                gone.append(seq)
                freed += size
                counts[kind] = counts.get(kind, 0) + 1
            sql.executemany("DELETE FROM outbox WHERE seq = ?", [(seq,) for seq in gone])
            sql.executemany(
                "INSERT INTO dropped VALUES (?, ?) ON CONFLICT (kind) DO UPDATE SET messages = messages + excluded.messages",
                list(counts.items()),
            )

    def past_demote(self, now: float) -> int:
        """Move messages that waited through an outage behind current ones; return their number.

        The newest hello and health report keep their place, so that the server knows the state at once. Then comes
        new data, then the backlog, oldest first within each kind, and older reports last.
        """
        with self.database.transaction() as sql:
            newest = [
                row[0]
                for row in sql.execute("SELECT MAX(seq) FROM outbox WHERE kind IN ('hello', 'health') GROUP BY kind")
            ]
            marks = ",".join("?" * len(newest))
            return sql.execute(
                f"UPDATE outbox SET sending = CASE sending WHEN ? THEN ? ELSE sending + ? END WHERE seq NOT IN ({marks}) "  # noqa: S608 - marks only
                "AND sending BETWEEN ? AND ? AND ABS(created_at - ?) > ?",
                (REPORT.sending, LATE_REPORT, LATE, *newest, REPORT.sending, READING.sending, now, LATE_AFTER),
            ).rowcount

    def take(self, room: int, *, sending_most: int = 1_000) -> list[Outgoing]:
        """Up to `room` messages to publish now, the most urgent first; they are in flight from here on.

        Only messages at least as urgent as `sending_most`.
        """
        now = time.monotonic()
        self._held = {seq: until for seq, until in self._held.items() if until > now}
        excluded = [*self._in_flight, *self._held]
        marks = ",".join("?" * len(excluded))
        with self.database.reading() as sql:
            rows = sql.execute(
                f"SELECT seq, kind, body, encoding, run, since, created_at, sending FROM outbox WHERE seq NOT IN ({marks}) "  # noqa: S608 - marks only
                "AND sending <= ? ORDER BY sending, seq LIMIT ?",
                (*excluded, sending_most, room),
            ).fetchall()
            if not rows:
                return []
            oldest = sql.execute("SELECT MIN(seq) FROM outbox").fetchone()[0]
            following = sql.execute("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'").fetchone()[0] + 1
        self._in_flight.update(row[0] for row in rows)
        known = contracts()
        return [
            Outgoing(
                key=seq,
                kind=kind,
                body=body,
                encoding=encoding,
                message_id=f"{self.stream}/{seq}",
                headers=codec.headers(
                    version=known[kind].version,
                    stream=self.stream,
                    seq=seq,
                    oldest=oldest,
                    next_seq=following,
                    run=run,
                    since=since,
                ),
                is_late=known[kind].lane is not Lane.URGENT
                and (sending >= BACK_FILL or abs(time.time() - created_at) > LATE_AFTER),
            )
            for seq, kind, body, encoding, run, since, created_at, sending in rows
        ]

    def confirmed(self, keys: Sequence[int]) -> None:
        """Delete messages that the broker has on its disk."""
        with self.database.transaction() as sql:
            sql.executemany("DELETE FROM outbox WHERE seq = ?", [(key,) for key in keys])
        self._in_flight.difference_update(keys)

    def given_back(self, keys: Collection[int]) -> None:
        """Free unconfirmed messages for publishing again."""
        self._in_flight.difference_update(keys)

    def returned(self, keys: Collection[int]) -> None:
        """Keep messages that no queue accepted, and offer them again after a while."""
        self._in_flight.difference_update(keys)
        until = time.monotonic() + RETURNED_WAIT
        self._held.update(dict.fromkeys(keys, until))

    def last_seq(self) -> int:
        """The last number used."""
        with self.database.reading() as sql:
            row = sql.execute("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'").fetchone()
        return row[0] if row else 0

    def backlog(self) -> OutboxBacklog:
        """Count and size of the waiting messages."""
        with self.database.reading() as sql:
            messages, size = sql.execute("SELECT messages, bytes FROM totals").fetchone()
            oldest = sql.execute("SELECT created_at FROM outbox ORDER BY seq LIMIT 1").fetchone()
        return OutboxBacklog(messages, size, oldest[0] if oldest else None)

    def dropped(self) -> dict[str, int]:
        """Messages dropped since the file was created, by kind."""
        with self.database.reading() as sql:
            return dict(sql.execute("SELECT kind, messages FROM dropped").fetchall())

    def state_get(self, key: str) -> str | None:
        """A remembered value, or None."""
        with self.database.reading() as sql:
            row = sql.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def state_set(self, key: str, value: str) -> None:
        """Remember a value across restarts."""
        with self.database.transaction() as sql:
            sql.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (key, value))


def waiting_in(damaged: Path) -> dict[str, int]:
    """Messages that were waiting in a damaged file, by kind; under `messages` if only their number can be read.

    Empty if nothing can be read.
    """
    known = {*contracts(), "messages"}
    for question in ("SELECT kind, COUNT(*) FROM outbox GROUP BY kind", "SELECT 'messages', messages FROM totals"):
        try:
            with contextlib.closing(sqlite3.connect(f"file:{damaged}?mode=ro", uri=True)) as old:
                # An unknown kind, or a count that is not a number, is damage too.
                return {kind: count for kind, count in old.execute(question) if kind in known and type(count) is int}
        except (sqlite3.Error, UnicodeDecodeError):
            continue
    return {}


def _columns_add(sql: sqlite3.Connection) -> None:
    """Bring an older agent's table up to date; its rows have no run."""
    there = {row[1] for row in sql.execute("PRAGMA table_info(outbox)")}
    for name, kind in LATER_COLUMNS.items():
        if name not in there:
            sql.execute(f"ALTER TABLE outbox ADD COLUMN {name} {kind}")
