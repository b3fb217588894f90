"""The lanes of the inbound consumer: what a queue has delivered and is not yet taken, and what of it is late.

received ──▶ waiting ──batch──▶ taken ──▶ acknowledged
│            │ ▲ what a batch left
│            ▼ │ its station was over its quota, or costly
└─large──▶ late ──small batch──▶ taken
└──so many that the lane brings nothing else──▶ to quarantine, unread
"""

import time
from collections import deque
from collections.abc import Iterable
from itertools import groupby

from fleet.ingest.delivery import Delivery
from fleet.ingest.reading import weight_said
from message_queue.routing import station_exchange, upload_exchange
from workers.consumers.frames import StationConnection

#: Unacknowledged messages per queue; quorum queues allow 2,000.
PREFETCH = 2_000
#: A message that was delivered so often in vain may be what kills its readers.
DEATHS_SUSPECT = 3
#: A lane that brought nothing for so many seconds is looked at, as often: messages may wait and none be delivered while
#: no connection breaks.
LOOK_EVERY_S = 10.0
#: A message that unpacks to more than so many bytes is late.
LARGE_BYTES = 131_072


class KeptBack(Exception):
    """Messages wait in a queue that does not deliver them."""


class Load:
    """Messages and bytes (unpacked) that are received and not yet taken, over all lanes, and whose are late."""

    __slots__ = ("costly", "messages", "over_quota", "size")

    def __init__(self) -> None:
        self.messages = 0
        self.size = 0
        #: Exchanges of stations over their quota, and until when those of stations whose messages cost much.
        self.over_quota: set[str] = set()
        self.costly: dict[str, float] = {}

    def is_late(self, exchange: str) -> bool:
        """Whether what comes through this exchange waits for the others."""
        if exchange in self.over_quota:
            return True
        until = self.costly.get(exchange)
        if until is not None and until < time.monotonic():
            del self.costly[exchange]
            return False
        return until is not None


class Lane:
    """One queue: its channel and what it delivered, oldest first, that of stations over their quota apart.

    A lane begins with one message at a time when the worker is new: the one before may have died of a message, and
    each death counts against everything that was delivered and not acknowledged. Only when the first message has not
    come back time and again does the lane open wide; until then one that kills its reader is dead-lettered alone.
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
        size = weight_said(delivery)
        is_late = size > LARGE_BYTES or self._load.is_late(delivery.exchange)
        (self.late if is_late else self.waiting).append((tag, delivery))
        self._load.messages += 1
        self._load.size += size
        if not self.is_wide:
            self.is_wide = not (redelivered and _deaths(delivery) >= DEATHS_SUSPECT)
            if self.is_wide:
                self.channel.consume_again(PREFETCH)

    @property
    def brings_no_more(self) -> bool:
        """Whether it takes one message at a time and has it: waiting would fill no batch."""
        return not self.is_wide and bool(self.waiting or self.late)

    def hand_over(self, most: int, *, late: bool = False) -> tuple[list[int], list[Delivery]]:
        """At most `most` messages, the oldest, and their delivery tags; they stay unacknowledged."""
        waiting = self.late if late else self.waiting
        if len(waiting) <= most:
            taken = list(waiting)
            waiting.clear()
        else:
            taken = [waiting.popleft() for _ in range(most)]
        if taken:
            self._quiet_since, self._is_doubted = time.monotonic(), False
        self._load.messages -= len(taken)
        self._load.size -= sum([weight_said(delivery) for _, delivery in taken])
        return [tag for tag, _ in taken], [delivery for _, delivery in taken]

    def give_back(self, tags: list[int], deliveries: list[Delivery], left: set[int]) -> list[int]:
        """Keep what a batch left, by the ids of the Python objects, for a later one; return the tags of the rest."""
        back = [pair for pair in zip(tags, deliveries, strict=True) if id(pair[1]) in left]
        if not back:
            return tags
        for is_late, pairs in groupby(sorted(back, key=self._is_late), key=self._is_late):
            waiting = self.late if is_late else self.waiting
            # By tag: what is acknowledged in one word must be older than all that is here.
            ordered = sorted([*pairs, *waiting])
            waiting.clear()
            waiting.extend(ordered)
        self._load.messages += len(back)
        self._load.size += sum([weight_said(delivery) for _, delivery in back])
        returned = {tag for tag, _ in back}
        return [tag for tag in tags if tag not in returned]

    def set_late(self, exchanges: set[str]) -> None:
        """What waits of these waits behind the others from now on."""
        if not any(delivery.exchange in exchanges for _, delivery in self.waiting):
            return
        self.late = deque(sorted([*self.late, *(p for p in self.waiting if p[1].exchange in exchanges)]))
        self.waiting = deque(pair for pair in self.waiting if pair[1].exchange not in exchanges)

    def _is_late(self, pair: tuple[int, Delivery]) -> bool:
        return weight_said(pair[1]) > LARGE_BYTES or self._load.is_late(pair[1].exchange)

    def acknowledge(self, tags: list[int]) -> None:
        """Acknowledge what was handed over: in one word, unless something older is still here."""
        if not tags:
            return
        if any(waiting and waiting[0][0] < tags[-1] for waiting in (self.waiting, self.late)):
            for tag in tags:
                self.channel.basic_ack(tag)
        else:
            self.channel.basic_ack(tags[-1], multiple=True)

    def look(self) -> None:
        """Ask the queue what waits, when it has been quiet for long. Raises `KeptBack` at the second look in vain."""
        if self.waiting or self.late or time.monotonic() - self._quiet_since < LOOK_EVERY_S:
            return
        kept = self.channel.messages_ready()
        if self._is_doubted and kept and not (self.waiting or self.late):
            raise KeptBack(f"{self.queue} holds {kept} messages and delivers none")
        self._quiet_since, self._is_doubted = time.monotonic(), kept > 0


def exchanges_of(serials: Iterable[str]) -> set[str]:
    """Those through which these stations' messages come: from themselves, and from desks."""
    return {exchange for serial in serials for exchange in (station_exchange(serial), upload_exchange(serial))}


def _deaths(delivery: Delivery) -> int:
    """How often the broker has delivered this message in vain."""
    count = (delivery.properties.get("application_headers") or {}).get("x-delivery-count")
    return count if isinstance(count, int) else 0
