"""Sending a card's messages through the broker, as a desk with the agent would: `up.<serial>`, and the bulk lane.

    missing by the ledger? ─▶ publish, confirmed ─▶ wait until the database has the number ─▶ next

At most `WINDOW` messages are on their way, including those that wait for the station's quota. So a card is sent as fast
as ingest and the quota allow, and never fills a queue. Messages are numbered by the content of the files, so a second
run, a desk, or the station itself cannot store anything twice.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from fleet.core.errors import Unavailable
from fleet.ingest.cards.known import numbers_known, stations_of_serial
from fleet.ingest.database import cursor, names, numbers
from fleet.ingest.limits.quota import OVER_QUOTA
from fleet.ingest.models import QuarantinedMessage
from fleet.stations.errors import BrokerUnreachable
from fleet.stations.logins.broker import BrokerAccess
from fleet.stations.models import Station
from formats.sensorgnome.card import CardMessage, CardPart, CardReader
from message_queue import codec
from message_queue.contracts import contracts
from message_queue.errors import PublishFailed
from message_queue.publisher import Publisher
from message_queue.routing import message_key, upload_exchange

#: Maximum messages on their way: a few batches of ingest, little for the queue.
WINDOW = 64
#: Seconds without any progress after which sending gives up.
PATIENCE_S = 120.0
#: Seconds between two checks, at first and at most: each check without success doubles the pause.
_PAUSE_S, _PAUSE_MOST_S = 0.01, 0.1
#: Messages that the database has, except those that wait for the quota; or that only quarantine has.
_SETTLED = """
SELECT k.stream, k.seq FROM unnest(%s::text[], %s::bigint[]) AS k(stream, seq)
WHERE EXISTS (SELECT FROM telemetry_streamledger l
              WHERE l.station_id = %s AND l.stream = k.stream AND l.received @> k.seq
                AND NOT EXISTS (SELECT FROM ingest_quarantinedmessage q
                                WHERE q.station_id = ANY(%s::bigint[]) AND q.stream = k.stream AND q.seq = k.seq
                                  AND q.state = 'held' AND q.reason = %s))
   OR EXISTS (SELECT FROM ingest_quarantinedmessage q
              WHERE q.station_id = ANY(%s::bigint[]) AND q.stream = k.stream AND q.seq = k.seq
                AND q.state = 'held' AND q.reason <> %s)
"""


#: Messages among these that wait for the station's quota.
_OVER_QUOTA = """
SELECT k.stream, k.seq FROM unnest(%s::text[], %s::bigint[]) AS k(stream, seq)
WHERE EXISTS (SELECT FROM ingest_quarantinedmessage q
              WHERE q.station_id = ANY(%s::bigint[]) AND q.stream = k.stream AND q.seq = k.seq
                AND q.state = 'held' AND q.reason = %s)
"""


class _Waiting:
    """A part, and how many of its messages are on their way."""

    def __init__(self, part: CardPart | None) -> None:
        self.part, self.left = part, 1


class CardSender:
    """Sends one station's cards. `tell` is called with the number of messages settled so far.

    `part_settle` is called with each part once the database has all its messages. `patience_s` replaces
    `PATIENCE_S`.
    """

    def __init__(
        self,
        station: Station,
        publisher: Publisher,
        tell: Callable[[int], None] = lambda _: None,
        part_settle: Callable[[CardPart], None] = lambda _: None,
        patience_s: float | None = None,
    ) -> None:
        self.sent = 0
        self.known = 0
        self._station = station
        self._ids = stations_of_serial(station)
        self._exchange = upload_exchange(station.serial)
        self._publisher = publisher
        self._tell = tell
        self._part_settle = part_settle
        self._patience_s = PATIENCE_S if patience_s is None else patience_s
        self._flying: dict[tuple[str, int], _Waiting] = {}
        self._streams: set[str] = set()
        self._is_ready = False
        self._moved_at = 0.0
        self._pause_s = _PAUSE_S

    def send(self, reader: CardReader) -> None:
        """Send all messages that the ledger does not have, and wait until the database has them.

        Raises `Unavailable` if nothing moves for `patience_s`.
        """
        self._moved_at = time.monotonic()
        self._streams.clear()
        if not self._is_ready:
            self._exchange_ensure()
            self._is_ready = True
        for part in reader.parts():
            self._send_all(part.messages, part)
        for message in reader.accounts():
            self._send_all([message])
        while self._flying:
            self._settle()

    def held(self) -> Counter[str]:
        """Messages of the files sent last that are held back, by reason."""
        rows = QuarantinedMessage.objects.filter(
            station__in=self._ids, stream__in=self._streams, state=QuarantinedMessage.State.HELD
        )
        return Counter(rows.values_list("reason", flat=True))

    def _send_all(self, messages: Sequence[CardMessage], part: CardPart | None = None) -> None:
        """Publish the messages of one chunk, all of one stream."""
        waiting = _Waiting(part)
        if messages:
            stream = messages[0].stream
            self._streams.add(stream)
            here = numbers_known(self._station, stream, [message.seq for message in messages])
            # An earlier run sent these, and they are still on their way.
            waits = self._over_quota([(stream, seq) for seq in here])
            for message in messages:
                if message.seq in here and (stream, message.seq) not in waits:
                    self.known += 1
                    continue
                while len(self._flying) >= WINDOW:
                    self._settle()
                if message.seq not in here:
                    self._publish(message)
                self._flying[message.stream, message.seq] = waiting
                waiting.left += 1
                self.sent += 1
        self._landed(waiting)

    def _landed(self, waiting: _Waiting) -> None:
        """Count one message of this part as arrived; the part itself counts as one until all are published."""
        waiting.left -= 1
        if not waiting.left and waiting.part is not None:
            self._part_settle(waiting.part)

    def _publish(self, message: CardMessage) -> None:
        """Publish, and try again while the broker is away or its queue is full."""
        # The broker is near: compressing would take longer than everything else that is done with a line here.
        body, encoding = codec.encode(message.body, compress=False)
        contract = contracts()[message.kind]
        oldest = min([message.seq, *(seq for stream, seq in self._flying if stream == message.stream)])
        while True:
            try:
                self._publisher.publish(
                    exchange=self._exchange,
                    routing_key=message_key(message.kind, is_late=True),
                    body=body,
                    kind=message.kind,
                    message_id=f"{message.stream}/{message.seq}",
                    headers=codec.headers(
                        version=contract.version,
                        stream=message.stream,
                        seq=message.seq,
                        oldest=oldest,
                        next_seq=message.following,
                    ),
                    content_type=contract.content_type,
                    content_encoding=encoding,
                )
            except PublishFailed as error:
                self._wait(partial(str, error))
                # A broker that restarts accepts messages before its management API answers.
                with suppress(BrokerUnreachable):
                    self._exchange_ensure()
            else:
                return

    def _settle(self) -> None:
        """Settle messages that the database has; wait a moment if it has no new ones."""
        streams, seqs = zip(*self._flying, strict=True)
        ids = numbers(self._ids)
        settled = (
            cursor()
            .execute(
                _SETTLED,
                [names(streams), numbers(seqs), self._station.pk, ids, OVER_QUOTA, ids, OVER_QUOTA],
            )
            .fetchall()
        )
        for stream, seq in settled:
            if (waiting := self._flying.pop((stream, seq), None)) is not None:
                self._landed(waiting)
        if settled:
            self._moved_at, self._pause_s = time.monotonic(), _PAUSE_S
            self._tell(self.sent - len(self._flying))
        else:
            self._wait(self._why_nothing_settles)

    def _why_nothing_settles(self) -> str:
        waits = len(self._over_quota(list(self._flying)))
        if waits:
            return (
                f"The station's quota is used up: {waits} of its messages wait for it and are accepted as soon as there is "
                "room."
            )
        return "The database does not get what was sent: ./roost status says whether ingest runs."

    def _over_quota(self, sent: Sequence[tuple[str, int]]) -> set[tuple[str, int]]:
        """The messages among these that wait for the station's quota."""
        if not sent:
            return set()
        streams, seqs = zip(*sent, strict=True)
        arguments = [names(streams), numbers(seqs), numbers(self._ids), OVER_QUOTA]
        return {(stream, seq) for stream, seq in cursor().execute(_OVER_QUOTA, arguments)}

    def _wait(self, why: Callable[[], str]) -> None:
        if time.monotonic() - self._moved_at > self._patience_s:
            raise Unavailable(
                f"Nothing moved for {self._patience_s:.0f} s. {why()} Run it again: nothing is stored twice."
            )
        self._publisher.idle()
        time.sleep(self._pause_s)
        self._pause_s = min(2 * self._pause_s, _PAUSE_MOST_S)

    def _exchange_ensure(self) -> None:
        with BrokerAccess.open() as broker:
            broker.upload_ensure(self._station.serial)
