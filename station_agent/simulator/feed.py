"""A simulated station's outbox: in memory, with the same numbers for a message however often it is sent."""

import time
import uuid
from collections import deque
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from message_queue import codec
from message_queue.contracts import contracts
from station_agent.outbox import Outgoing

#: Messages kept while the server is away; beyond that the oldest are dropped.
WAITING_MOST = 20_000


class Timing(NamedTuple):
    """When a message was sent and when the broker confirmed it."""

    seq: int
    published_at: float
    confirmed_at: float | None


class _Row(NamedTuple):
    kind: str
    body: bytes
    encoding: str | None


class MemoryFeed:
    """A feed for the publishing link. `is_open` False holds everything back, like a station without contact."""

    def __init__(self, *, timed: bool = False) -> None:
        self.stream = uuid.uuid4().hex
        self.is_open = True
        self.timings: dict[int, Timing] = {}
        self.confirmed_count = 0
        self.dropped_count = 0
        self._timed = timed
        self._rows: dict[int, _Row] = {}
        self._ready: deque[int] = deque()
        self._next = 1

    @property
    def waiting(self) -> int:
        """Unconfirmed messages."""
        return len(self._rows)

    @property
    def waiting_bytes(self) -> int:
        """Total size of their bodies."""
        return sum(len(row.body) for row in self._rows.values())

    def put(self, kind: str, body: Any, *, urgent: bool = False) -> None:
        """Add one message; an urgent one goes before the others."""
        raw, encoding = codec.encode(body)
        seq, self._next = self._next, self._next + 1
        self._rows[seq] = _Row(kind, raw, encoding)
        if urgent:
            self._ready.appendleft(seq)
        else:
            self._ready.append(seq)
        if len(self._rows) > WAITING_MOST and self._ready:
            self._rows.pop(self._ready.popleft())
            self.dropped_count += 1

    def take(self, room: int) -> list[Outgoing]:
        """Up to `room` messages."""
        taken: list[Outgoing] = []
        while self.is_open and self._ready and len(taken) < room:
            seq = self._ready.popleft()
            row = self._rows[seq]
            if self._timed:
                self.timings[seq] = Timing(seq, time.time(), None)
            taken.append(
                Outgoing(
                    key=seq,
                    kind=row.kind,
                    body=row.body,
                    encoding=row.encoding,
                    message_id=f"{self.stream}/{seq}",
                    headers=codec.headers(
                        version=contracts()[row.kind].version,
                        stream=self.stream,
                        seq=seq,
                        # Rows are in the order of their numbers.
                        oldest=next(iter(self._rows)),
                        next_seq=self._next,
                    ),
                )
            )
        return taken

    def confirmed(self, keys: Sequence[int]) -> None:
        """The broker has confirmed these."""
        now = time.time()
        for seq in keys:
            self._rows.pop(seq, None)
            self.confirmed_count += 1
            if self._timed:
                self.timings[seq] = self.timings[seq]._replace(confirmed_at=now)

    def given_back(self, keys: Collection[int]) -> None:
        """These must be published again, before the rest."""
        self._ready.extendleft(sorted(keys, reverse=True))

    def returned(self, keys: Collection[int]) -> None:
        """No queue accepted these: they wait behind the rest."""
        self._ready.extend(keys)
