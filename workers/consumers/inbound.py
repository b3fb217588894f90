"""The inbound consumer: drains the station queues into the ingest pipeline, in a thread of an ingest worker.

    connect ─▶ collect up to BATCH_MOST messages, or BATCH_WAIT_S after the first ─▶ Pipeline.take ─▶ acknowledge
       ▲                                                                              │
       ├── broker away: drop buffers (their tags are invalid); messages redelivered ◀─┤
       ├── broker withholds messages, seen twice on a quiet queue ◀───────────────────┤
       └── database away: acknowledge nothing, try the same batch again ◀─────────────┘

Messages are late if their station is over quota or costly to read, or if they unpack to a large size. Late messages
form separate small batches that are processed last, so they delay other stations by at most one short batch.

It uses py-amqp directly, because kombu's `Message` decompresses whatever a station sends, without limit. Each queue has
its own channel, so that one acknowledgement covers a lane's whole part of a batch.
"""

import contextlib
import gc
import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Any

from celery import bootsteps
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection as database

from fleet.core import clock
from fleet.core.live import live_publish
from fleet.core.pulses import INGEST, pulse_beat
from fleet.ingest.delivery import Delivery
from fleet.ingest.listening import ingest_beat
from fleet.ingest.outcome import Outcome
from fleet.ingest.pipeline import DatabaseAway, Pipeline
from message_queue.routing import serial_of_exchange, serial_of_user
from message_queue.topology import DEAD_QUEUE, INBOUND_QUEUES
from workers.consumers.connecting import AMQP_ERRORS, station_close, station_connect
from workers.consumers.frames import StationConnection
from workers.consumers.lanes import KeptBack, LaneReader, Load, exchanges_of

_log = logging.getLogger(__name__)

#: A batch ends at this many messages, at this many bytes, or `BATCH_WAIT_S` seconds after its first message.
BATCH_MOST = settings.ROOST_INGEST_BATCH
BATCH_BYTES = 16_000_000
#: Maximum messages in a batch of late ones.
LATE_MOST = 500
#: Maximum messages that are quarantined unread at once, and the bytes after which no more are added.
UNREAD_MOST, UNREAD_BYTES = 500, 1_000_000
#: Seconds for which a costly station's messages are late.
COSTLY_S = 5.0
#: Thresholds at which late messages leave too little room for others: messages in one lane, bytes in all lanes.
CROWDED_FROM, CROWDED_BYTES = 1_000, 64_000_000
BATCH_WAIT_S = 0.05
BEAT_EVERY_S = 5.0
TELL_EVERY_S = 0.1
#: Longest wait in seconds before reconnecting to the broker, and before retrying the database.
BROKER_WAIT_MOST_S, DATABASE_WAIT_MOST_S = 5.0, 5.0
#: Garbage collection thresholds: a batch creates about as many objects, and reference counting frees them anyway.
_GARBAGE_EVERY = (50_000, 20, 100)
#: Timeout in seconds of one write to the broker.
_SEND_TIMEOUT_S = 15.0


class InboundConsumer(threading.Thread):
    """Drains the inbound queues until stopped, and reconnects when needed."""

    def __init__(self, url: str) -> None:
        super().__init__(name="inbound", daemon=True)
        self._url = url
        self._stopping = threading.Event()
        self._pipeline = Pipeline(progress=self._progress)
        self._connection: StationConnection | None = None
        self._beat_at = 0.0
        #: Changed stations not yet announced to pages, by organization id, and the time of the last announcement.
        self._untold: dict[int, set[str]] = {}
        self._told_at = 0.0
        self._load = Load()
        self._lanes: list[LaneReader] = []
        self._dead: LaneReader | None = None
        #: Whether the last late batch was quarantined unread, so that the next one is processed.
        self._is_unread_next = False

    def stop(self) -> None:
        """Stop after the current batch. Unacknowledged messages will be redelivered."""
        self._stopping.set()

    def run(self) -> None:
        """Connect and drain in a loop."""
        attempt, is_away = 0, False
        while not self._stopping.is_set():
            connection: StationConnection | None = None
            try:
                connection = self._connect()
                if is_away or attempt == 0:
                    _log.info("Ingest takes messages.")
                attempt, is_away = 0, False
                self._drain(connection)
            except AMQP_ERRORS as error:
                if not is_away:
                    _log.warning("The broker is away, ingest waits for it: %s", str(error) or type(error).__name__)
                attempt, is_away = attempt + 1, True
            except KeptBack as error:
                _log.warning("%s: ingest reconnects.", error)
            except Exception:  # noqa: BLE001 - whatever the error is, ingest must go on
                _log.exception("Ingest failed with an unexpected error; it continues with a new connection")
                self._pipeline.forget()
                database.close()
                attempt, is_away = attempt + 1, True
            finally:
                station_close(connection)
            if is_away:
                self._stopping.wait(random.uniform(0.2, 1.0) * min(2.0**attempt * 0.25, BROKER_WAIT_MOST_S))
        database.close()

    def _connect(self) -> StationConnection:
        connection = station_connect(self._url, name="ingest")
        self._connection, self._load = connection, Load()
        # This process survived, so lanes that were wide can stay wide.
        wide = {lane.queue for lane in self._lanes if lane.is_wide}
        self._lanes = [LaneReader(connection, queue, self._load, is_wide=queue in wide) for queue in INBOUND_QUEUES]
        self._dead = LaneReader(connection, DEAD_QUEUE, Load(), is_wide=True)
        return connection

    def _drain(self, connection: StationConnection) -> None:
        dead = self._dead
        while not self._stopping.is_set():
            self._collect(connection)
            if self._load.messages or self._load.late_messages:
                self._take_batch(connection)
            if dead is not None and dead.waiting:
                self._take_dead(connection, dead)
            for lane in self._lanes if dead is None else (*self._lanes, dead):
                lane.look()
            self._announce_changes()
            self._beat(connection)
            connection.heartbeat_tick()

    def _collect(self, connection: StationConnection) -> None:
        """Read until a batch is full, `BATCH_WAIT_S` after its first message, or for one second without messages.

        While late messages wait, read only what has already arrived: behind them may be messages of other stations.
        """
        load, transport = self._load, connection.transport
        is_busy = self._is_full() or load.late_messages > 0
        deadline = time.monotonic() + BATCH_WAIT_S if load.messages or is_busy else 0.0
        transport.wait_for(0.0 if is_busy else BATCH_WAIT_S if load.messages else TELL_EVERY_S if self._untold else 1.0)
        try:
            if is_busy:
                # Read once even if a batch is full: urgent messages may have arrived meanwhile.
                connection.drain_burst()
            while not self._is_full():
                connection.drain_burst()
                if deadline:
                    if time.monotonic() > deadline:
                        break
                elif load.messages or load.late_messages:
                    deadline = time.monotonic() + BATCH_WAIT_S
                    transport.wait_for(BATCH_WAIT_S)
                elif self._dead is not None and self._dead.waiting:
                    break
        except TimeoutError:
            pass
        transport.wait_for(_SEND_TIMEOUT_S)

    def _is_full(self) -> bool:
        load = self._load
        return (
            load.messages >= BATCH_MOST
            or load.size >= BATCH_BYTES
            or load.late_size >= CROWDED_BYTES
            or any(lane.brings_no_more for lane in self._lanes)
        )

    def _take_batch(self, connection: StationConnection) -> None:
        """Process the most urgent waiting messages, then some late ones."""
        self._take(connection, BATCH_MOST, self._pipeline.take)
        is_crowded = self._load.late_size >= CROWDED_BYTES
        crowded = [lane for lane in self._lanes if is_crowded or len(lane.late) >= CROWDED_FROM]
        # Alternate: other stations then wait for only one such batch, and some late messages are always processed.
        self._is_unread_next = bool(crowded) and not self._is_unread_next
        if self._is_unread_next:
            self._take(connection, UNREAD_MOST, self._pipeline.take_unread, late=crowded, most_bytes=UNREAD_BYTES)
        else:
            self._take(connection, LATE_MOST, self._pipeline.take_late, late=self._lanes)

    def _take(
        self,
        connection: StationConnection,
        room: int,
        take: Callable[[list[Delivery]], Outcome],
        *,
        late: list[LaneReader] | None = None,
        most_bytes: int = 0,
    ) -> None:
        """Process and acknowledge a batch; note which stations changed, are over quota, or are costly."""
        handed: list[tuple[LaneReader, list[int], list[Delivery]]] = []
        deliveries: list[Delivery] = []
        for lane in self._lanes if late is None else late:
            tags, taken = lane.hand_over(room - len(deliveries), late=late is not None, most_bytes=most_bytes)
            if taken:
                handed.append((lane, tags, taken))
                deliveries += taken
        outcome = self._retry_until_stored(connection, deliveries, take) if deliveries else None
        if outcome is None:
            return
        over_quota, costly = self._load.over_quota, self._load.costly
        for organization_id, serials in outcome.changed.items():
            self._untold.setdefault(organization_id, set()).update(serials)
            if over_quota:
                over_quota.difference_update(exchanges_of(serials))
        put_off = outcome.over_quota
        over_quota.update(put_off)
        costly.update(dict.fromkeys(outcome.costly, time.monotonic() + COSTLY_S))
        left = {id(delivery) for delivery in outcome.left}
        for lane, tags, taken in handed:
            lane.acknowledge(lane.give_back(tags, taken, left) if left else tags)
        if put_off or outcome.costly:
            for lane in self._lanes:
                lane.set_late(put_off | outcome.costly)

    def _take_dead(self, connection: StationConnection, lane: LaneReader) -> None:
        tags, taken = lane.hand_over(BATCH_MOST)
        if self._retry_until_stored(connection, [_original(delivery) for delivery in taken], self._pipeline.take_dead):
            lane.acknowledge(tags)

    def _retry_until_stored(
        self, connection: StationConnection, deliveries: list[Delivery], take: Callable[[list[Delivery]], Outcome]
    ) -> Outcome | None:
        """Retry until the database has the messages. None if stopped before that."""
        attempt = 0
        while not self._stopping.is_set():
            try:
                outcome = take(deliveries)
            except DatabaseAway as error:
                if attempt == 0:
                    _log.warning("The database is away, ingest keeps %s messages and waits: %s", len(deliveries), error)
                attempt += 1
                wait = random.uniform(0.5, 1.0) * min(0.25 * 2.0**attempt, DATABASE_WAIT_MOST_S)
                self._stopping.wait(wait)
                _keep_alive(connection)
            else:
                if attempt:
                    _log.info("The database is back after %s tries.", attempt)
                return outcome
        return None

    def _announce_changes(self) -> None:
        """Announce changes to open pages, at most once per `TELL_EVERY_S`."""
        if self._untold and time.monotonic() - self._told_at >= TELL_EVERY_S:
            live_publish(self._untold)
            self._untold, self._told_at = {}, time.monotonic()

    def _progress(self) -> None:
        """Write the pulse and send heartbeats to the broker. The pipeline calls this during a long batch."""
        if self._connection is not None:
            self._beat(self._connection)
            self._connection.heartbeat_tick()

    def _beat(self, connection: StationConnection) -> None:
        """Every few seconds, record that the broker is connected and the database commits."""
        moment = time.monotonic()
        if moment - self._beat_at < BEAT_EVERY_S or not connection.connected:
            return
        try:
            ingest_beat(moment=clock.now())
            if settings.ROOST_INGEST_NAME != INGEST:
                # `ingest_beat` writes the pulse that all workers share; each further worker also has its own.
                pulse_beat(name=settings.ROOST_INGEST_NAME)
        except DatabaseError as error:
            _log.warning("Ingest's pulse was not written: %s", str(error).strip().splitlines()[:1])
            database.close()
        self._beat_at = moment


def _keep_alive(connection: StationConnection) -> None:
    """Answer heartbeats while a batch waits for the database. Prefetch limits what is delivered meanwhile."""
    connection.heartbeat_tick()
    connection.transport.wait_for(0.01)
    with contextlib.suppress(TimeoutError):
        connection.drain_burst()
    connection.transport.wait_for(_SEND_TIMEOUT_S)


def _original(delivery: Delivery) -> Delivery:
    """A dead letter with its original exchange and key, which the broker records in `x-death`.

    A station can forge that header: RabbitMQ 3.10 only increments the count in an existing one, 4.x replaces it. So
    it is trusted only if the message's login, which the broker verified on arrival, belongs to the same station.
    """
    deaths = (delivery.properties.get("application_headers") or {}).get("x-death")
    first = deaths[0] if isinstance(deaths, list) and deaths and isinstance(deaths[0], dict) else {}
    exchange, keys = first.get("exchange"), first.get("routing-keys")
    serial = serial_of_exchange(exchange) if isinstance(exchange, str) else None
    if serial is None or serial != serial_of_user(str(delivery.properties.get("user_id") or "")):
        return delivery
    key = keys[0] if isinstance(keys, list) and keys else delivery.routing_key
    return Delivery(str(exchange), str(key), delivery.properties, delivery.body)


class InboundStep(bootsteps.StartStopStep):
    """Runs an `InboundConsumer` for the life of the worker, if `ROOST_INGEST=1`."""

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self.consumer: InboundConsumer | None = None

    def include_if(self, worker: Any) -> bool:  # noqa: ARG002 - Celery's signature
        """Only ingest workers drain station queues."""
        return bool(settings.ROOST_INGEST)

    def start(self, parent: Any) -> None:  # noqa: ARG002 - Celery's signature
        """Start draining."""
        gc.freeze()
        gc.set_threshold(*_GARBAGE_EVERY)
        self.consumer = InboundConsumer(settings.ROOST_FLEET_BROKER_URL)
        self.consumer.start()

    def stop(self, parent: Any) -> None:  # noqa: ARG002 - Celery's signature
        """Stop after the current batch."""
        if self.consumer is not None:
            self.consumer.stop()
            self.consumer.join(timeout=8.0)

    def terminate(self, parent: Any) -> None:
        """Stop in the same orderly way; it is quick."""
        self.stop(parent)
