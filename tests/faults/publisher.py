"""An independent publisher: it sends in windows, repeats unconfirmed messages, and keeps its own book.

The book is a SQLite file outside the system under test. A number is `confirmed` only after the broker's ack.
"""

import random
import sqlite3
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pika
from faults.messages import message_of
from pika.adapters.select_connection import IOLoop, SelectConnection

WINDOW = 200
_PERSISTENT = 2


class Book:
    """Messages sent and messages confirmed by the broker, by stream and number."""

    def __init__(self, path: Path) -> None:
        self._file = sqlite3.connect(path, check_same_thread=False)
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute("CREATE TABLE sent (stream TEXT, seq INTEGER, PRIMARY KEY (stream, seq)) WITHOUT ROWID")
        self._file.execute(
            "CREATE TABLE confirmed (stream TEXT, seq INTEGER, at REAL, PRIMARY KEY (stream, seq)) WITHOUT ROWID"
        )
        self._sent: list[tuple[str, int]] = []
        self._confirmed: list[tuple[str, int, float]] = []

    def note_sent(self, stream: str, seq: int) -> None:
        """Record a message that is about to be handed to the socket."""
        self._sent.append((stream, seq))

    def note_confirmed(self, stream: str, seq: int) -> None:
        """Record a message that the broker acknowledged."""
        self._confirmed.append((stream, seq, time.time()))

    def write(self) -> None:
        """Write the recorded messages to disk."""
        with self._file:
            self._file.executemany("INSERT OR IGNORE INTO sent VALUES (?, ?)", self._sent)
            self._file.executemany("INSERT OR IGNORE INTO confirmed VALUES (?, ?, ?)", self._confirmed)
        self._sent, self._confirmed = [], []

    def numbers(self, table: str, stream: str) -> set[int]:
        """The numbers of a stream in `sent` or `confirmed`."""
        return {seq for (seq,) in self._file.execute(f"SELECT seq FROM {table} WHERE stream = ?", (stream,))}


class Sender:
    """One station: its connection, its stream, the messages under way and those to be repeated."""

    def __init__(
        self, grant: dict[str, Any], stream: str, total: int, book: Book, loop: IOLoop, done: Callable[[], None]
    ) -> None:
        self.serial, self.stream, self.total = grant["serial"], stream, total
        self.confirmed = 0
        #: Messages that the broker returned or refused.
        self.refused = 0
        #: Numbers above this one wait.
        self.limit = total
        self._grant, self._book, self._loop, self._done = grant, book, loop, done
        self._upcoming = 1
        self._again: deque[int] = deque()
        self._under_way: dict[int, int] = {}
        self._returned: set[int] = set()
        self._tag = 0
        self._connection: SelectConnection | None = None
        self._channel: Any = None
        self._connect()

    def _connect(self) -> None:
        self._connection = SelectConnection(
            connection_parameters(self._grant, plain_port=self._grant["plain_port"]),
            on_open_callback=self._opened,
            on_open_error_callback=self._closed,
            on_close_callback=self._closed,
            custom_ioloop=self._loop,
        )

    def _opened(self, connection: Any) -> None:
        connection.channel(on_open_callback=self._ready)

    def _ready(self, channel: Any) -> None:
        self._channel, self._tag = channel, 0
        channel.add_on_return_callback(self._came_back)
        channel.confirm_delivery(self._answered, callback=lambda _frame: self.pump())

    def _closed(self, _connection: Any, _reason: object) -> None:
        self._again.extendleft(sorted(self._under_way.values(), reverse=True))
        self._under_way, self._channel = {}, None
        if self.confirmed < self.total:
            self._loop.call_later(random.uniform(0.1, 0.6), self._connect)

    def pump(self) -> None:
        """Send the messages that may go now."""
        channel = self._channel
        while channel is not None and channel.is_open and len(self._under_way) < WINDOW:
            if self._again:
                seq = self._again.popleft()
            elif self._upcoming <= self.limit:
                seq, self._upcoming = self._upcoming, self._upcoming + 1
            else:
                return
            self._publish(channel, seq)

    def _publish(self, channel: Any, seq: int) -> None:
        kind, body = message_of(self.stream, seq)
        properties = pika.BasicProperties(
            delivery_mode=_PERSISTENT,
            type=kind,
            message_id=f"{self.stream}/{seq}",
            user_id=self._grant["username"],
            headers={"v": 1, "stream": self.stream, "seq": seq, "next": self.total + 1},
        )
        self._book.note_sent(self.stream, seq)
        self._tag += 1
        self._under_way[self._tag] = seq
        channel.basic_publish(self._grant["exchange"], kind, body, properties, mandatory=True)

    def _came_back(self, _channel: Any, _method: Any, properties: Any, _body: bytes) -> None:
        self._returned.add(properties.headers["seq"])

    def _answered(self, frame: Any) -> None:
        method, again = frame.method, len(self._again)
        tags = (
            [tag for tag in self._under_way if tag <= method.delivery_tag] if method.multiple else [method.delivery_tag]
        )
        for tag in tags:
            seq = self._under_way.pop(tag)
            if isinstance(method, pika.spec.Basic.Nack) or seq in self._returned:
                self._returned.discard(seq)
                self._again.append(seq)
                self.refused += 1
                continue
            self._book.note_confirmed(self.stream, seq)
            self.confirmed += 1
        if self.confirmed >= self.total:
            self._connection.close()
            self._done()
        elif len(self._again) == again:
            self.pump()
        # Refused messages are sent again at the next tick, not in a tight loop.


class Publishing(threading.Thread):
    """Several stations that publish at once, in a thread; `book` says what was confirmed."""

    def __init__(self, grants: list[dict[str, Any]], stream: str, each: int, folder: Path) -> None:
        super().__init__(name="publishing", daemon=True)
        self.book = Book(folder / f"{stream}.db")
        self.total = each * len(grants)
        self._loop = IOLoop()
        self._left = len(grants)
        self.senders = [
            Sender(grant, f"{stream}.{number}", each, self.book, self._loop, self._one_done)
            for number, grant in enumerate(grants)
        ]

    @property
    def confirmed(self) -> int:
        """Number of messages that the broker has confirmed."""
        return sum(sender.confirmed for sender in self.senders)

    def run(self) -> None:
        """Publish until every number is confirmed."""
        self._loop.call_later(0.25, self._write)
        self._loop.start()
        self.book.write()

    def stop(self) -> None:
        """Stop sending; the book has what was confirmed until then."""
        self._loop.add_callback_threadsafe(self._loop.stop)
        self.join(20)

    @property
    def refused(self) -> int:
        """Number of messages that the broker returned or refused."""
        return sum(sender.refused for sender in self.senders)

    def hold_at(self, share: float) -> None:
        """Send no more than this share until `release`."""
        for sender in self.senders:
            sender.limit = int(sender.total * share)

    def release(self) -> None:
        """Send the rest."""
        for sender in self.senders:
            sender.limit = sender.total

    def _write(self) -> None:
        self.book.write()
        for sender in self.senders:
            sender.pump()
        self._loop.call_later(0.25, self._write)

    def _one_done(self) -> None:
        self._left -= 1
        if not self._left:
            # Leave time for closing the connection to the broker.
            self._loop.call_later(0.2, self._loop.stop)


def connection_parameters(grant: dict[str, Any], *, plain_port: int | None = None) -> pika.ConnectionParameters:
    """Connection parameters: TLS with the server's certificate checked, or the plain listener if a port is given."""
    options = None
    if plain_port is None:
        context = ssl.create_default_context(cadata=grant["ca_pem"])
        options = pika.SSLOptions(context, grant["host"])
    return pika.ConnectionParameters(
        host=grant["host"],
        port=plain_port or grant["port"],
        virtual_host=grant["vhost"],
        credentials=pika.PlainCredentials(grant["username"], grant["password"]),
        ssl_options=options,
        heartbeat=30,
        socket_timeout=10,
        stack_timeout=15,
    )
