"""The consumer of files: takes announcements and pieces of files from `inbound.files`, and answers their senders.

    received ──▶ waiting, one queue per station ──up to GROUP_MOST──▶ a thread writes them ──▶ acknowledged, answered
       └──the station is over a limit──▶ dropped; the answer says so, and the station sends them again

It has its own connection, queue and threads, so that files never delay data. A file that takes long to check or store
occupies one writing thread. Only the consumer's thread uses the connection. Every failure is reported in an answer: the
station keeps the file until it is stored.
"""

import contextlib
import logging
import queue
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import Any, NamedTuple

import msgspec
from amqp.basic_message import Message
from celery import bootsteps
from django.conf import settings
from django.db import connections

from fleet.files.store.pieces import pieces_take, upload_ask
from fleet.files.store.place import place_is_ours
from fleet.ingest.delivery import Delivery
from message_queue.errors import MessageRefused
from message_queue.pieces import (
    ASK_KEY,
    FILES_QUEUE,
    PIECE_KEY,
    PIECE_MOST,
    REPLY_MARK,
    WINDOW,
    FilePiece,
    UploadAnswer,
    asked_decode,
    piece_read,
)
from message_queue.routing import is_upload, serial_of_exchange, serial_of_user, station_user
from workers.consumers.connecting import AMQP_ERRORS, station_close, station_connect
from workers.consumers.frames import StationConnection

_log = logging.getLogger(__name__)

#: Number of stations whose files are written at the same time.
THREADS = 3
#: Maximum messages of one station that are written together, and that may wait. An agent sends fewer before it waits
#: for an answer.
GROUP_MOST, WAITING_MOST = 32, 4 * WINDOW // PIECE_MOST
#: Maximum announcements and refusals per station and minute: each may leave a row in the database.
ASKED_MOST, REFUSED_MOST = 600, 120
#: Maximum unacknowledged messages. It bounds the memory, as each takes up to an eighth of a megabyte.
PREFETCH = 256
#: Seconds between checks for finished writes, while threads are busy and while none is.
_BUSY_S, _QUIET_S = 0.02, 0.5
#: Seconds between checks for the site's disk, and the number of checks after which its absence is logged.
_DISK_LOOK_S, _DISK_LOOKS = 1.0, 30
_SEND_TIMEOUT_S, _WAIT_MOST_S = 15.0, 5.0
_ADDRESS_MOST = 255
_TOO_MANY = "This station sends more about files than the server takes: wait for its answers."
_MINUTE_S = 60.0


class _Held(NamedTuple):
    """A message waiting to be written, with its delivery tag."""

    tag: int
    delivery: Delivery


class _Written(NamedTuple):
    """Delivery tags of one station's handled messages, and the answers with their addresses."""

    exchange: str
    tags: list[int]
    answers: list[tuple[str, UploadAnswer]]


class FilesConsumer(threading.Thread):
    """Drains the queue of files until stopped, and reconnects when needed."""

    def __init__(self, url: str) -> None:
        super().__init__(name="files", daemon=True)
        self._url = url
        self._stopping = threading.Event()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="files")

    def stop(self) -> None:
        """Stop soon. Unacknowledged messages will be redelivered."""
        self._stopping.set()

    def run(self) -> None:
        """Connect and drain in a loop."""
        attempt = 0
        self._await_disk()
        while not self._stopping.is_set():
            connection: StationConnection | None = None
            try:
                connection = station_connect(self._url, name="files")
                line = _FilesLine(connection, self._threads)
                attempt = 0
                line.drain(self._stopping)
            except AMQP_ERRORS as error:
                if attempt == 0:
                    _log.warning("The broker is away, files wait: %s", str(error) or type(error).__name__)
                attempt += 1
            except Exception:  # noqa: BLE001 - whatever the error is, other files must go on
                _log.exception("The consumer of files failed with an unexpected error; it continues")
                attempt += 1
            finally:
                station_close(connection)
            if attempt:
                self._stopping.wait(random.uniform(0.2, 1.0) * min(2.0**attempt * 0.25, _WAIT_MOST_S))
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _await_disk(self) -> None:
        """Wait until the site has marked the folder of files, as it does when it starts."""
        waited = 0
        while not place_is_ours() and not self._stopping.wait(_DISK_LOOK_S):
            waited += 1
            if waited == _DISK_LOOKS:
                _log.warning(
                    "%s is not on the site's disk, or the site never ran: this worker leaves files that come over AMQP to "
                    "others. Set ROOST_INGEST_FILES=0 if that is meant.",
                    settings.MEDIA_ROOT,
                )


class _FilesLine:
    """One connection, with the messages that it delivered."""

    def __init__(self, connection: StationConnection, threads: ThreadPoolExecutor) -> None:
        self._connection, self._threads = connection, threads
        self._waiting: dict[str, deque[_Held]] = {}
        self._busy: set[str] = set()
        #: Exchanges of stations that have had messages dropped since their last answer.
        self._flooding: set[str] = set()
        #: Announcements and refusals by exchange since this minute began.
        self._asked, self._refused, self._minute_at = Counter[str](), Counter[str](), time.monotonic()
        #: Messages over a limit. They are acknowledged after reading: a write needs a longer timeout than a read.
        self._dropped: list[_Held] = []
        self._written: queue.SimpleQueue[_Written] = queue.SimpleQueue()
        self._channel = connection.station_channel()
        self._channel.consume(FILES_QUEUE, self._receive, prefetch=PREFETCH)

    def drain(self, stopping: threading.Event) -> None:
        """Receive, hand to threads, acknowledge and answer, until stopped. Raises the connection's errors."""
        transport = self._connection.transport
        while not stopping.is_set():
            transport.wait_for(_BUSY_S if self._busy else _QUIET_S)
            with contextlib.suppress(TimeoutError):
                self._connection.drain_burst()
            transport.wait_for(_SEND_TIMEOUT_S)
            self._drop()
            with contextlib.suppress(queue.Empty):
                while True:
                    self._finish(self._written.get_nowait())
            self._connection.heartbeat_tick()

    def _receive(self, tag: int, _redelivered: bool, delivery: Delivery) -> None:  # noqa: FBT001 - a field of AMQP
        exchange = delivery.exchange
        waiting = self._waiting.setdefault(exchange, deque())
        self._asked[exchange] += delivery.routing_key == ASK_KEY
        is_beyond = self._asked[exchange] > ASKED_MOST or self._refused[exchange] > REFUSED_MOST
        if is_beyond or len(waiting) >= WAITING_MOST:
            self._dropped.append(_Held(tag, delivery))
            return
        # An overlong piece will be refused, so do not keep all of it in memory until then.
        delivery.body = delivery.body[: PIECE_MOST + 1]
        waiting.append(_Held(tag, delivery))
        self._begin(exchange)

    def _drop(self) -> None:
        """Acknowledge messages over a limit unread, and tell each sender once. Reset the counts every minute."""
        if time.monotonic() - self._minute_at > _MINUTE_S:
            self._minute_at = time.monotonic()
            for counted in (self._asked, self._refused, self._flooding):
                counted.clear()
        dropped, self._dropped = self._dropped, []
        for tag, delivery in dropped:
            self._channel.basic_ack(tag)
            if delivery.exchange not in self._flooding:
                self._flooding.add(delivery.exchange)
                self._say(_address(delivery), UploadAnswer(turn=_turn(delivery), state="later", reason=_TOO_MANY))

    def _begin(self, exchange: str) -> None:
        """Hand a station's next messages to a thread, unless a thread is still writing earlier ones."""
        waiting = self._waiting[exchange]
        if exchange in self._busy:
            return
        if not waiting:
            del self._waiting[exchange]
            return
        self._busy.add(exchange)
        group = [waiting.popleft() for _ in range(min(len(waiting), GROUP_MOST))]
        self._threads.submit(_write, exchange, group, self._written)

    def _finish(self, done: _Written) -> None:
        """Acknowledge and answer what was written, and begin this station's next messages."""
        for tag in done.tags:
            self._channel.basic_ack(tag)
        for address, answer in done.answers:
            self._refused[done.exchange] += answer.state in ("refused", "changed")
            self._say(address, answer)
        self._busy.discard(done.exchange)
        self._flooding.discard(done.exchange)
        self._begin(done.exchange)

    def _say(self, address: str, answer: UploadAnswer) -> None:
        """Send an answer. If the sender is gone, the broker drops the answer, and the sender asks again later."""
        if address:
            message = Message(msgspec.json.encode(answer), content_type="application/json")
            self._channel.basic_publish(message, exchange="", routing_key=address)


def _write(exchange: str, group: Sequence[_Held], written: "queue.SimpleQueue[_Written]") -> None:
    """Handle one station's messages in order, in a thread. Consecutive pieces of one upload share an answer."""
    answers: list[tuple[str, UploadAnswer]] = []
    try:
        for _key, run in groupby(group, key=_run_key):
            deliveries = [held.delivery for held in run]
            answers.append((_address(deliveries[-1]), _answer(exchange, deliveries)))
    except Exception:  # noqa: BLE001 - whatever the error is, other files must go on
        _log.exception("Files of %s could not be taken; the station sends them again", exchange)
    finally:
        try:
            connections.close_all()
        finally:
            written.put(_Written(exchange, [held.tag for held in group], answers))


def _run_key(held: _Held) -> tuple[Any, ...]:
    """A grouping key: equal for pieces of the same upload and turn, which are written together; else unique."""
    headers = _headers(held.delivery)
    is_piece = held.delivery.routing_key == PIECE_KEY
    return (str(headers.get("upload")), _turn(held.delivery)) if is_piece else (held.tag,)


def _answer(exchange: str, deliveries: Sequence[Delivery]) -> UploadAnswer:
    serial, last = serial_of_exchange(exchange), deliveries[-1]
    if serial is None or is_upload(exchange):
        return UploadAnswer(turn=_turn(last), state="refused", reason="Only a station sends files over AMQP.")
    user = str(last.properties.get("user_id") or "")
    login = user if serial_of_user(user) == serial else station_user(serial, 0)
    try:
        if last.routing_key == ASK_KEY:
            return upload_ask(serial=serial, login=login, asked=asked_decode(last.body))
        pieces: list[FilePiece] = [piece_read(_headers(delivery), delivery.body) for delivery in deliveries]
    except MessageRefused as error:
        return UploadAnswer(turn=_turn(last), state="refused", reason=str(error)[:500])
    return pieces_take(serial=serial, login=login, pieces=pieces)


def _headers(delivery: Delivery) -> dict[str, Any]:
    return delivery.properties.get("application_headers") or {}


def _turn(delivery: Delivery) -> int:
    """The turn that a message names; 0 if it names none, or an invalid one."""
    if delivery.routing_key == ASK_KEY:
        with contextlib.suppress(MessageRefused):
            return asked_decode(delivery.body).turn
        return 0
    turn = _headers(delivery).get("turn")
    return turn if type(turn) is int and 0 <= turn < 2**53 else 0


def _address(delivery: Delivery) -> str:
    """The address for the answer. Empty unless the broker generated it: answers must not go to any other queue."""
    address = delivery.properties.get("reply_to")
    is_right = isinstance(address, str) and address.startswith(REPLY_MARK) and len(address) <= _ADDRESS_MOST
    return str(address) if is_right else ""


class FilesStep(bootsteps.StartStopStep):
    """Runs a `FilesConsumer` for the life of an ingest worker, if `ROOST_INGEST_FILES=1`."""

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self.consumer: FilesConsumer | None = None

    def include_if(self, worker: Any) -> bool:  # noqa: ARG002 - Celery's signature
        """Only ingest workers read what stations send, and only those with the site's disk take files."""
        return bool(settings.ROOST_INGEST and settings.ROOST_INGEST_FILES)

    def start(self, parent: Any) -> None:  # noqa: ARG002 - Celery's signature
        """Start draining."""
        self.consumer = FilesConsumer(settings.ROOST_FLEET_BROKER_URL)
        self.consumer.start()

    def stop(self, parent: Any) -> None:  # noqa: ARG002 - Celery's signature
        """Stop soon."""
        if self.consumer is not None:
            self.consumer.stop()
            self.consumer.join(timeout=8.0)

    def terminate(self, parent: Any) -> None:
        """Stop in the same orderly way; it is quick."""
        self.stop(parent)
