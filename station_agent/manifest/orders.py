"""Orders for files that the server asked for, kept on disk until their end has been sent.

    asked ──stored | known | changed | gone | refused | expired──▶ ended ──in a message──▶ told ──sent──▶ forgotten
      └──the server is away, the agent stops, another network──▶ asked, and tried again
    told ──a full outbox dropped the message──▶ ended, and told again

If the server asks for the same content again, the order gets the new deadline and networks. Asking for other content
makes another order.
"""

import json
from typing import NamedTuple

from message_queue.contracts.commands.upload_files import UploadFiles
from message_queue.contracts.manifest import AskedUpload, UploadEnd
from station_agent.database import Database

SCHEMA = """
CREATE TABLE IF NOT EXISTS upload_orders (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    until REAL NOT NULL,
    networks TEXT NOT NULL,
    sent INTEGER NOT NULL DEFAULT 0,
    ended TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    UNIQUE (name, sha256)
);
CREATE TABLE IF NOT EXISTS upload_ends_told (
    message INTEGER NOT NULL,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    ended TEXT NOT NULL,
    reason TEXT NOT NULL,
    sent INTEGER NOT NULL
);
"""


class Order(NamedTuple):
    """One file to upload, with its deadline and networks (empty: any). `sent`: bytes of earlier attempts."""

    number: int
    name: str
    sha256: str
    until: float
    networks: list[str]
    sent: int


class UploadOrders:
    """The orders. Every change is a transaction of the agent's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, asked: UploadFiles) -> None:
        """Queue these files."""
        networks = json.dumps(list(asked.networks))
        with self._database.transaction() as sql:
            sql.executemany(
                "INSERT INTO upload_orders (name, sha256, until, networks) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (name, sha256) DO UPDATE SET until = excluded.until, networks = excluded.networks, "
                "ended = '', reason = ''",
                [(file.path, file.sha256, asked.until, networks) for file in asked.files],
            )

    def open_list(self) -> list[Order]:
        """Orders that have not ended, oldest first."""
        with self._database.reading() as sql:
            rows = sql.execute(
                "SELECT number, name, sha256, until, networks, sent FROM upload_orders WHERE ended = '' ORDER BY number"
            ).fetchall()
        return [Order(row[0], row[1], row[2], row[3], json.loads(row[4]), row[5]) for row in rows]

    def is_current(self, order: Order) -> bool:
        """Whether it has not ended, and has the same deadline and networks as when it was read."""
        with self._database.reading() as sql:
            row = sql.execute(
                "SELECT until, networks FROM upload_orders WHERE number = ? AND ended = ''", (order.number,)
            ).fetchone()
        return row is not None and row[0] == order.until and json.loads(row[1]) == order.networks

    def sent_add(self, order: Order, octets: int) -> None:
        """Count bytes that an attempt sent."""
        with self._database.transaction() as sql:
            sql.execute("UPDATE upload_orders SET sent = sent + ? WHERE number = ?", (octets, order.number))

    def end(self, order: Order, end: UploadEnd, reason: str = "") -> None:
        """Note the end of an order, unless it expired but has been given a new deadline meanwhile."""
        with self._database.transaction() as sql:
            sql.execute(
                "UPDATE upload_orders SET ended = ?, reason = ? WHERE number = ? AND (until = ? OR ? != 'expired')",
                (end, reason[:250], order.number, order.until, end),
            )

    def ended(self, most: int) -> list[AskedUpload]:
        """Orders whose end has not been told yet."""
        with self._database.reading() as sql:
            rows = sql.execute(
                "SELECT name, sha256, ended, reason, sent FROM upload_orders WHERE ended != '' ORDER BY number LIMIT ?",
                (most,),
            ).fetchall()
        return [AskedUpload(path=row[0], sha256=row[1], end=row[2], reason=row[3], sent=row[4]) for row in rows]

    def told(self, uploads: list[AskedUpload], message: int) -> None:
        """Record that the message with this number tells these ends. Call it in the message's transaction."""
        with self._database.transaction() as sql:
            sql.executemany(
                "INSERT INTO upload_ends_told SELECT ?, name, sha256, ended, reason, sent FROM upload_orders "
                "WHERE name = ? AND sha256 = ? AND ended != ''",
                [(message, each.path, each.sha256) for each in uploads],
            )
            sql.executemany(
                "DELETE FROM upload_orders WHERE name = ? AND sha256 = ? AND ended != ''",
                [(each.path, each.sha256) for each in uploads],
            )

    def told_settle(self, *, is_dropped: bool) -> None:
        """Forget the ends whose message is no longer waiting; `is_dropped`: keep them as ended, to be told again.

        After a drop nobody knows which of these messages were sent. An end that is told twice counts once. A file that
        was asked for again meanwhile stays asked for.
        """
        gone = "message NOT IN (SELECT seq FROM outbox)"
        with self._database.transaction() as sql:
            if is_dropped:
                sql.execute(
                    "INSERT OR IGNORE INTO upload_orders (name, sha256, until, networks, sent, ended, reason) "  # noqa: S608 - constant
                    f"SELECT name, sha256, 0, '[]', sent, ended, reason FROM upload_ends_told WHERE {gone}"
                )
            sql.execute(f"DELETE FROM upload_ends_told WHERE {gone}")  # noqa: S608 - constant
