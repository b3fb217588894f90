"""Lanes of the inbound consumer: messages delivered by a queue but not yet processed; late ones are kept separately.

received ──▶ waiting ──batch──▶ taken ──▶ acknowledged
│            │ ▲ left over from a batch
│            ▼ │ its station is over quota, or costly
└─large──▶ late ──small batch──▶ taken
└──so many that others lack room──▶ to quarantine, unread
"""

import time
from collections import deque
from collections.abc import Iterable
from itertools import groupby

from fleet.ingest.delivery import Delivery
from fleet.ingest.reading import weight_said
from message_queue.routing import station_exchange, upload_exchange
from workers.consumers.frames import StationConnection

#: Maximum unacknowledged messages per queue. Quorum queues allow 2,000.
PREFETCH = 2_000
#: After this many failed deliveries a message is suspected of killing its readers.
DEATHS_SUSPECT = 3
#: Interval in seconds at which a quiet lane is checked: a broker can withhold messages without breaking the connection.
LOOK_EVERY_S = 10.0
#: A message that unpacks to more bytes than this is late.
LARGE_BYTES = 131_072


class KeptBack(Exception):
    """A queue holds messages but does not deliver them."""


class Load:
    """Counts of received but unprocessed messages over all lanes, late ones separately; and the late exchanges."""

    __slots__ = ("costly", "late_messages", "late_size", "messages", "over_quota", "size")

    def __init__(self) -> None:
        #: Waiting messages, and their unpacked bytes.
        self.messages = 0
        self.size = 0
        #: Late messages, and their bytes as received, which is what they occupy in memory while they wait.
        self.late_messages = 0
        self.late_size = 0
        #: Exchanges of stations over quota; and those of costly stations, each with the time when it stops being late.
        self.over_quota: set[str] = set()
        self.costly: dict[str, float] = {}

    def count(self, deliveries: Iterable[Delivery], sign: int, *, late: bool) -> None:
        """Add (sign 1) or subtract (-1) messages."""
        for delivery in deliveries:
            if late:
                self.late_messages += sign
                self.late_size += sign * len(delivery.body)
            else:
                self.messages += sign
                self.size += sign * weight_said(delivery)

    def is_late(self, exchange: str) -> bool:
        """Whether messages from this exchange wait behind the others."""
        if exchange in self.over_quota:
            return True
        until = self.costly.get(exchange)
        if until is not None and until < time.monotonic():
            del self.costly[exchange]
            return False
        return until is not None


class LaneReader:
    """One queue: its channel, and the messages it delivered, oldest first, with late ones kept separately.

    In a new worker a lane starts with one message at a time: a message may have killed the previous worker, and each
    crash counts against all messages that were delivered and unacknowledged. The lane opens to the full prefetch only
    after a first message without many failed deliveries; until then a deadly message is dead-lettered alone.
    """

    __slots__ = ("_is_doubted", "_load", "_quiet_since", "channel", "is_wide", "late", "queue", "waiting")

    def __init__(self, connection: StationConnection, queue: str, load: Load, *, is_wide: bool) -> None:
        self.queue = queue
        self.is_wide = is_wide
        self.waiting: deque[tuple[int, Delivery]] = deque()
        self.late: deque[tuple[int, Delivery]] = deque()
        self._load = load
        self._quiet_since = time.monotonic()
        self._is_doubted = False
        self.channel = connection.station_channel()
        self.channel.consume(queue, self._receive, prefetch=PREFETCH if is_wide else 1)

    def _receive(self, tag: int, redelivered: bool, delivery: Delivery) -> None:  # noqa: FBT001 - a field of AMQP
        load, size = self._load, weight_said(delivery)
        if size > LARGE_BYTES or load.is_late(delivery.exchange):
            self.late.append((tag, delivery))
            load.late_messages += 1
            load.late_size += len(delivery.body)
        else:
            self.waiting.append((tag, delivery))
            load.messages += 1
            load.size += size
        if not self.is_wide:
            self.is_wide = not (redelivered and _deaths(delivery) >= DEATHS_SUSPECT)
            if self.is_wide:
                self.channel.consume_again(PREFETCH)

    @property
    def brings_no_more(self) -> bool:
        """Whether it still takes one message at a time and already holds one, so waiting brings no more."""
        return not self.is_wide and bool(self.waiting or self.late)

    def hand_over(self, most: int, *, late: bool = False, most_bytes: int = 0) -> tuple[list[int], list[Delivery]]:
        """Remove and return the oldest messages with their delivery tags. They stay unacknowledged.

        Stops at `most` messages, or once those taken have `most_bytes` together, if that is given.
        """
        waiting = self.late if late else self.waiting
        taken: list[tuple[int, Delivery]] = []
        if len(waiting) <= most and not most_bytes:
            taken.extend(waiting)
            waiting.clear()
        else:
            size = 0
            while waiting and len(taken) < most and (not most_bytes or size < most_bytes):
                taken.append(waiting.popleft())
                size += len(taken[-1][1].body)
        if taken:
            self._quiet_since, self._is_doubted = time.monotonic(), False
        deliveries = [delivery for _, delivery in taken]
        self._load.count(deliveries, -1, late=late)
        return [tag for tag, _ in taken], deliveries

    def give_back(self, tags: list[int], deliveries: list[Delivery], left: set[int]) -> list[int]:
        """Keep messages that the batch did not process for a later one; return the tags of the others.

        `left` holds the `id()` of each unprocessed delivery.
        """
        back = [pair for pair in zip(tags, deliveries, strict=True) if id(pair[1]) in left]
        if not back:
            return tags
        for is_late, pairs in groupby(sorted(back, key=self._is_late), key=self._is_late):
            waiting, kept = self.late if is_late else self.waiting, list(pairs)
            # Keep the order of tags: a multiple acknowledgement must cover only messages older than all kept here.
            ordered = sorted([*kept, *waiting])
            waiting.clear()
            waiting.extend(ordered)
            self._load.count([delivery for _, delivery in kept], 1, late=is_late)
        returned = {tag for tag, _ in back}
        return [tag for tag in tags if tag not in returned]

    def set_late(self, exchanges: set[str]) -> None:
        """Mark waiting messages of these exchanges as late."""
        moved = [pair for pair in self.waiting if pair[1].exchange in exchanges]
        if not moved:
            return
        self._load.count([delivery for _, delivery in moved], -1, late=False)
        self._load.count([delivery for _, delivery in moved], 1, late=True)
        self.late = deque(sorted([*self.late, *moved]))
        self.waiting = deque(pair for pair in self.waiting if pair[1].exchange not in exchanges)

    def _is_late(self, pair: tuple[int, Delivery]) -> bool:
        return weight_said(pair[1]) > LARGE_BYTES or self._load.is_late(pair[1].exchange)

    def acknowledge(self, tags: list[int]) -> None:
        """Acknowledge processed messages: with a single call, unless an older message is still unprocessed."""
        if not tags:
            return
        if any(waiting and waiting[0][0] < tags[-1] for waiting in (self.waiting, self.late)):
            for tag in tags:
                self.channel.basic_ack(tag)
        else:
            self.channel.basic_ack(tags[-1], multiple=True)

    def look(self) -> None:
        """Ask a quiet queue how many messages it holds. Raises `KeptBack` if it holds any at two checks in a row."""
        if self.waiting or self.late or time.monotonic() - self._quiet_since < LOOK_EVERY_S:
            return
        kept = self.channel.messages_ready()
        if self._is_doubted and kept and not (self.waiting or self.late):
            raise KeptBack(f"{self.queue} holds {kept} messages and delivers none")
        self._quiet_since, self._is_doubted = time.monotonic(), kept > 0


def exchanges_of(serials: Iterable[str]) -> set[str]:
    """Exchanges that these stations, and desk computers with their cards, publish to."""
    return {exchange for serial in serials for exchange in (station_exchange(serial), upload_exchange(serial))}


def _deaths(delivery: Delivery) -> int:
    """How often the broker has delivered this message without an acknowledgement."""
    count = (delivery.properties.get("application_headers") or {}).get("x-delivery-count")
    return count if isinstance(count, int) else 0
