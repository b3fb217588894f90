"""The delivery ledger in a batch: lock the streams' rows, drop what they hold already, write what is new.

Rows are locked in the order of their ids, so that several workers never wait for each other in a circle.
"""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime

import psycopg

from fleet.ingest.database import cursor
from fleet.ingest.delivery import Arrival


class StreamState:
    """One stream's row while it is locked."""

    __slots__ = ("_fresh", "_lowers", "_uppers", "id", "next_seq", "oldest_seq", "repeats")

    def __init__(self, row_id: int, ranges: Iterable[tuple[int, int]]) -> None:
        self.id = row_id
        self._lowers: list[int] = []
        self._uppers: list[int] = []
        for lower, upper in ranges:
            self._lowers.append(lower)
            self._uppers.append(upper)
        self._fresh: set[int] = set()
        self.oldest_seq: int | None = None
        self.next_seq: int | None = None
        self.repeats = 0

    def take(self, seq: int, oldest: int | None, next_seq: int | None) -> bool:
        """Note one message; False when it is here already."""
        if oldest is not None and (self.oldest_seq is None or oldest > self.oldest_seq):
            self.oldest_seq = oldest
        highest = seq + 1 if next_seq is None else max(next_seq, seq + 1)
        if self.next_seq is None or highest > self.next_seq:
            self.next_seq = highest
        at = bisect_right(self._lowers, seq) - 1
        if (at >= 0 and seq < self._uppers[at]) or seq in self._fresh:
            self.repeats += 1
            return False
        self._fresh.add(seq)
        return True

    @property
    def taken(self) -> int:
        """How many messages of this batch are new."""
        return len(self._fresh)

    def fresh_ranges(self) -> str:
        """The new numbers as PostgreSQL's int8multirange text."""
        parts: list[str] = []
        start = end = None
        for seq in sorted(self._fresh):
            if end is not None and seq == end:
                end += 1
                continue
            if start is not None:
                parts.append(f"[{start},{end})")
            start, end = seq, seq + 1
        if start is not None:
            parts.append(f"[{start},{end})")
        return "{" + ",".join(parts) + "}"


Key = tuple[int, str]


def streams_lock(keys: list[Key]) -> psycopg.Cursor:
    """Ask for the rows of these (station id, stream), locked in the order of their ids; see `streams_read`."""
    return cursor().execute(
        "SELECT l.id, l.station_id, l.stream, l.received FROM telemetry_streamledger l "
        "JOIN unnest(%s::bigint[], %s::text[]) AS k(station_id, stream) "
        "ON k.station_id = l.station_id AND k.stream = l.stream ORDER BY l.id FOR UPDATE OF l",
        [[k[0] for k in keys], [k[1] for k in keys]],
    )


def streams_read(asked: psycopg.Cursor, keys: list[Key], moment: datetime) -> dict[Key, StreamState]:
    """The locked streams and what they hold; those that were missing are made."""
    found = _states(asked)
    if len(found) == len(keys):
        return found
    missing = [key for key in keys if key not in found]
    cursor().execute(
        "INSERT INTO telemetry_streamledger "
        "(station_id, stream, received, messages, repeats, first_at, last_at, runs, run_sinces, branch, is_contested) "
        "SELECT k.station_id, k.stream, '{}'::int8multirange, 0, 0, %s, %s, '{}', '{}', '', false "
        "FROM unnest(%s::bigint[], %s::text[]) AS k(station_id, stream) ON CONFLICT DO NOTHING",
        [moment, moment, [k[0] for k in missing], [k[1] for k in missing]],
    )
    return _states(streams_lock(keys))


def _states(asked: psycopg.Cursor) -> dict[Key, StreamState]:
    return {
        (station_id, stream): StreamState(row_id, ((r.lower, r.upper) for r in received))
        for row_id, station_id, stream, received in asked.fetchall()
    }


def key_of(arrival: Arrival) -> Key | None:
    """The stream of a message, or None when it has none."""
    stream = arrival.message.envelope.stream
    return None if stream is None else (arrival.station.id, stream)


def streams_write(states: Iterable[StreamState], moment: datetime) -> None:
    """Write what the batch added to each stream."""
    rows = sorted(states, key=lambda s: s.id)
    if not rows:
        return
    cursor().execute(
        "UPDATE telemetry_streamledger l SET received = l.received + n.fresh::int8multirange, "
        "oldest_seq = greatest(l.oldest_seq, n.oldest), next_seq = greatest(l.next_seq, n.next), "
        "messages = l.messages + n.taken, repeats = l.repeats + n.repeats, last_at = %s "
        "FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[]) "
        "AS n(id, fresh, oldest, next, taken, repeats) WHERE l.id = n.id",
        [
            moment,
            [s.id for s in rows],
            [s.fresh_ranges() for s in rows],
            [s.oldest_seq for s in rows],
            [s.next_seq for s in rows],
            [s.taken for s in rows],
            [s.repeats for s in rows],
        ],
    )


def unsequenced_write(counts: dict[int, int], moment: datetime) -> None:
    """Count the messages without stream and number, by station id."""
    if not counts:
        return
    ordered = sorted(counts)
    cursor().execute(
        "INSERT INTO telemetry_unsequencedcount (station_id, messages, last_at) "
        "SELECT k.station_id, k.n, %s FROM unnest(%s::bigint[], %s::bigint[]) AS k(station_id, n) "
        "ON CONFLICT (station_id) DO UPDATE SET messages = telemetry_unsequencedcount.messages + excluded.messages, "
        "last_at = excluded.last_at",
        [moment, ordered, [counts[station_id] for station_id in ordered]],
    )
