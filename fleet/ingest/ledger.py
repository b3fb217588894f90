"""The delivery ledger in a batch: locking the streams' rows, detecting repeats, and recording new numbers.

Rows are locked in the order of their ids, so that workers cannot deadlock.

    number ─▶ on the trunk's line of runs? ─no─▶ the run's own branch ─▶ HELD, until the branch is believed
                        │yes
                        ▼
               received already? ─yes─▶ REPEAT
                        │no
                        ▼
               would it exceed the row's number of ranges? ─yes─▶ GAPPED   otherwise NEW

    A stream or branch beyond the station's limit gets no row ─▶ CROWDED
"""

import re
from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime
from enum import Enum, auto
from typing import NamedTuple

import psycopg

from fleet.ingest.database import cursor, names, numbers
from fleet.ingest.delivery import Arrival, Refusal
from fleet.ingest.limits.stream_bounds import branches_of, streams_allowed
from fleet.telemetry.ledger import FILE_STREAM_PREFIXES
from fleet.telemetry.models import StreamLedger
from message_queue.codec import stream_is_valid

#: Separates stream and run in the name of a branch; no station can use it in a stream's name.
RUN_SEPARATOR = "~"
#: Numbers in a multirange's text, between brackets and commas.
_NUMBER = re.compile(r"\d+")
#: Most runs of a stream that are remembered.
RUNS_KEPT = 32
#: Maximum ranges of a row. Every batch reads and writes the whole row; a season that arrives newest first needs
#: thousands.
RANGES_MOST = 20_000
STREAM_MOST, RUN_MOST, SEQUENCE_MOST = 64, 16, 9_000_000_000_000_000_000


class Number(NamedTuple):
    """A message's position in its stream; see `message_queue.codec.Envelope`."""

    stream: str
    seq: int
    oldest: int | None
    next: int | None
    run: str
    since: int


class Taken(Enum):
    """The ledger's answer about a number."""

    NEW = auto()
    REPEAT = auto()
    #: Another run of the agent has claimed the number: a second machine, or an outbox that went back in time.
    HELD = auto()
    #: The row has the maximum number of ranges, and the number would add one. It is not recorded.
    GAPPED = auto()
    #: The station has the maximum number of streams or branches, and this would add one. It is not recorded.
    CROWDED = auto()


class StreamState:
    """One stream's row while it is locked."""

    __slots__ = (
        *("_fresh", "_lowers", "_room", "_uppers", "branch", "has_new_run", "id", "is_contested", "is_newest"),
        *("next_seq", "oldest_seq", "repeats", "runs", "sinces"),
    )

    def __init__(
        self,
        row_id: int,
        bounds: list[int],
        *,
        runs: list[str] | None = None,
        sinces: list[int] | None = None,
        branch: str = "",
        is_contested: bool = False,
        oldest_seq: int | None = None,
        next_seq: int | None = None,
    ) -> None:
        self.id = row_id
        #: `bounds` are those of the received ranges, in order: from, up to, from, up to …
        self._lowers = bounds[::2]
        self._uppers = bounds[1::2]
        self._fresh: set[int] = set()
        self._room = RANGES_MOST - len(self._lowers)
        self.oldest_seq = oldest_seq
        self.next_seq = next_seq
        self.repeats = 0
        self.runs = runs or []
        self.sinces = sinces or []
        self.branch = branch
        self.is_contested = is_contested
        self.has_new_run = False
        #: A new number of the newest run arrived.
        self.is_newest = False

    def take(self, seq: int, oldest: int | None, next_seq: int | None, run: str = "") -> Taken:
        """Record one number, unless it was received already or there is no room for it."""
        if oldest is not None and (self.oldest_seq is None or oldest > self.oldest_seq):
            self.oldest_seq = oldest
        highest = seq + 1 if next_seq is None else max(next_seq, seq + 1)
        if self.next_seq is None or highest > self.next_seq:
            self.next_seq = highest
        if self._is_here(seq):
            self.repeats += 1
            return Taken.REPEAT
        # Ranges grow at most by the numbers added; a number next to a known one adds none.
        if len(self._fresh) >= self._room and not (self._is_here(seq - 1) or self._is_here(seq + 1)):
            return Taken.GAPPED
        self._fresh.add(seq)
        if run and self.runs and run == self.runs[-1]:
            self.is_newest = True
        return Taken.NEW

    def claims(self, run: str, since: int, seq: int) -> bool:
        """Whether this number of this run belongs to the stream's single line of runs. Puts a new run on the line.

        Each run owns the numbers from its `since` up to the next run's. Nobody else can have written them.
        """
        if not run or (self.runs and run == self.runs[-1]):
            return True
        if run in self.runs:
            return seq < self.sinces[self.runs.index(run) + 1]
        return not self.is_contested and self._admit_run(run, since, seq)

    def _admit_run(self, run: str, since: int, seq: int) -> bool:
        """Put a new run on the line, unless its numbers are taken."""
        place = bisect_right(self.sinces, since)
        if place == 0 and len(self.runs) == RUNS_KEPT:
            # So old that its neighbours were forgotten.
            return True
        end = self.sinces[place] if place < len(self.sinces) else SEQUENCE_MOST
        if (place and self.sinces[place - 1] == since) or seq >= end or self._holds_between(since, end):
            return False
        self.runs.insert(place, run)
        self.sinces.insert(place, since)
        del self.runs[:-RUNS_KEPT], self.sinces[:-RUNS_KEPT]
        self.has_new_run = True
        return True

    def holds_all(self) -> bool:
        """Whether all numbers that the station still stored, according to its latest report, were received."""
        if self.oldest_seq is None or self.next_seq is None:
            return False
        seq = self.oldest_seq
        while seq < self.next_seq:
            at = bisect_right(self._lowers, seq) - 1
            if at >= 0 and seq < self._uppers[at]:
                seq = self._uppers[at]
            elif seq in self._fresh:
                seq += 1
            else:
                return False
        return True

    def _is_here(self, seq: int) -> bool:
        at = bisect_right(self._lowers, seq) - 1
        return (at >= 0 and seq < self._uppers[at]) or seq in self._fresh

    def _holds_between(self, first: int, end: int) -> bool:
        """Whether a number from `first` up to but excluding `end` was received."""
        kept = zip(self._lowers, self._uppers, strict=True)
        return any(upper > first and lower < end for lower, upper in kept) or any(first <= n < end for n in self._fresh)

    @property
    def taken(self) -> int:
        """Number of new messages in this batch."""
        return len(self._fresh)

    def fresh_ranges(self) -> str:
        """The new numbers as text of a PostgreSQL int8multirange."""
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


class Streams:
    """The locked streams of a batch, and the branches found in it."""

    def __init__(self, states: dict[Key, StreamState], moment: datetime) -> None:
        self._states = states
        self._moment = moment
        #: By station id, its branches and how many more it may have: read once, because each message may claim one.
        self._branches: dict[int, tuple[set[str], int]] = {}

    def take(self, station_id: int, number: Number) -> Taken:
        """Record one number; its stream's row must be locked."""
        state = self._states.get((station_id, number.stream))
        if state is None:
            return Taken.CROWDED
        if not state.claims(number.run, number.since, number.seq):
            branch = self._lock_branch(station_id, number, state)
            if branch is None:
                return Taken.CROWDED
            taken = branch.take(number.seq, number.oldest, number.next)
            is_held = taken is Taken.NEW and branch.branch != StreamLedger.Branch.BELIEVED
            return Taken.HELD if is_held else taken
        return state.take(number.seq, number.oldest, number.next, number.run)

    def states(self) -> Iterable[StreamState]:
        """All streams that the batch may have changed."""
        return self._states.values()

    def ranks(self) -> dict[Key, int]:
        """Ids of the rows: a stream that began later has a greater one."""
        return {key: state.id for key, state in self._states.items()}

    def all_home(self) -> set[int]:
        """Stations of this batch whose outboxes have nothing left to send. Streams of files do not count."""
        home: dict[int, bool] = {}
        for (station_id, stream), state in self._states.items():
            if not state.branch and not stream.startswith(FILE_STREAM_PREFIXES):
                home[station_id] = home.get(station_id, True) and state.holds_all()
        return {station_id for station_id, is_all in home.items() if is_all}

    def _lock_branch(self, station_id: int, number: Number, trunk: StreamState) -> StreamState | None:
        """Lock or create a branch's row; None without room. Its trunk is locked already, so nothing deadlocks."""
        key = (station_id, branch_name(number.stream, number.run))
        found = self._states.get(key)
        if found is not None:
            return found
        if station_id not in self._branches:
            self._branches[station_id] = branches_of(station_id)
        known, room = self._branches[station_id]
        if key[1] in known:
            locked = _read_states(streams_lock([key]))[key]
        elif room > 0:
            known.add(key[1])
            self._branches[station_id] = known, room - 1
            locked = _make_and_lock([key], self._moment)[key]
        else:
            return None
        if not locked.branch:
            locked.branch = StreamLedger.Branch.HELD
            trunk.is_contested = True
            cursor().execute("UPDATE telemetry_streamledger SET branch = %s WHERE id = %s", [locked.branch, locked.id])
            cursor().execute("UPDATE telemetry_streamledger SET is_contested = true WHERE id = %s", [trunk.id])
        self._states[key] = locked
        return locked


def branch_name(stream: str, run: str) -> str:
    """Name of a branch's row."""
    return f"{stream[: STREAM_MOST - RUN_MOST - 1]}{RUN_SEPARATOR}{run}"


def streams_lock(keys: list[Key]) -> psycopg.Cursor:
    """Ask for the rows of these (station id, stream), locked in the order of their ids; see `streams_read`."""
    return cursor().execute(
        "SELECT l.id, l.station_id, l.stream, l.received::text, l.runs, l.run_sinces, l.branch, l.is_contested, "
        "l.oldest_seq, l.next_seq "
        "FROM telemetry_streamledger l JOIN unnest(%s::bigint[], %s::text[]) AS k(station_id, stream) "
        "ON k.station_id = l.station_id AND k.stream = l.stream ORDER BY l.id FOR UPDATE OF l",
        [numbers([k[0] for k in keys]), names([k[1] for k in keys])],
        binary=True,
    )


#: A station that took over a serial continues where the previous one stopped, so that repeats are still dropped.
_MAKE_SQL = (
    "INSERT INTO telemetry_streamledger (station_id, stream, received, oldest_seq, next_seq, messages, repeats, "
    "first_at, last_at, runs, run_sinces, newest_run_at, branch, is_contested) "
    "SELECT k.station_id, k.stream, coalesce(b.received, '{}'), b.oldest_seq, b.next_seq, 0, 0, %s, %s, "
    "coalesce(b.runs, '{}'), coalesce(b.run_sinces, '{}'), b.newest_run_at, coalesce(b.branch, ''), "
    "coalesce(b.is_contested, false) FROM unnest(%s::bigint[], %s::text[]) AS k(station_id, stream) LEFT JOIN LATERAL ("
    "WITH RECURSIVE line(id, steps) AS (SELECT predecessor_id, 1 FROM stations_station WHERE id = k.station_id "
    "UNION ALL SELECT s.predecessor_id, steps + 1 FROM line JOIN stations_station s ON s.id = line.id) "
    "SELECT l.* FROM line JOIN telemetry_streamledger l ON l.station_id = line.id AND l.stream = k.stream "
    "ORDER BY steps LIMIT 1) b ON true ON CONFLICT DO NOTHING"
)


def streams_read(asked: psycopg.Cursor, keys: list[Key], moment: datetime) -> dict[Key, StreamState]:
    """The locked streams with their received numbers; missing rows are created if the station may have more."""
    found = _read_states(asked)
    if len(found) == len(keys):
        return found
    missing = streams_allowed(sorted(key for key in keys if key not in found))
    return _make_and_lock([*found, *missing], moment) if missing else found


def _make_and_lock(keys: list[Key], moment: datetime) -> dict[Key, StreamState]:
    """Create missing rows for these keys, and lock all of them."""
    # In a fixed order, because two workers may create the same ones.
    ordered = sorted(keys)
    cursor().execute(_MAKE_SQL, [moment, moment, [k[0] for k in ordered], [k[1] for k in ordered]])
    return _read_states(streams_lock(keys))


def ranks_read(arrivals: Iterable[Arrival]) -> dict[Key, int]:
    """Ids of the rows of these messages' streams and branches, without locking them."""
    found = [(arrival.station.id, number) for arrival in arrivals if (number := number_of(arrival)) is not None]
    keys = {(station_id, number.stream) for station_id, number in found}
    keys |= {(station_id, branch_name(number.stream, number.run)) for station_id, number in found if number.run}
    if not keys:
        return {}
    asked = cursor().execute(
        "SELECT l.station_id, l.stream, l.id FROM telemetry_streamledger l "
        "JOIN unnest(%s::bigint[], %s::text[]) AS k(station_id, stream) "
        "ON k.station_id = l.station_id AND k.stream = l.stream",
        [numbers([k[0] for k in keys]), names([k[1] for k in keys])],
    )
    return {(station_id, stream): row_id for station_id, stream, row_id in asked.fetchall()}


def _read_states(asked: psycopg.Cursor) -> dict[Key, StreamState]:
    return {
        (station_id, stream): StreamState(
            row_id,
            [int(bound) for bound in _NUMBER.findall(received)],
            runs=runs,
            sinces=sinces,
            branch=branch,
            is_contested=is_contested,
            oldest_seq=oldest,
            next_seq=following,
        )
        for row_id, station_id, stream, received, runs, sinces, branch, is_contested, oldest, following in asked.fetchall()
    }


def number_of(arrival: Arrival) -> Number | None:
    """The number of a message, or None."""
    envelope = arrival.message.envelope
    if envelope.stream is None or envelope.seq is None:
        return None
    return Number(envelope.stream, envelope.seq, envelope.oldest, envelope.next, envelope.run, envelope.since)


def number_of_refusal(refusal: Refusal) -> Number | None:
    """The number of an unreadable message, if its headers contain it."""
    if refusal.station is None or refusal.is_counted:
        return None
    fields = refusal.delivery.properties.get("application_headers") or {}
    stream, seq, run, since = (fields.get(name) for name in ("stream", "seq", "run", "since"))
    if not stream_is_valid(stream) or type(seq) is not int or not 0 < seq < SEQUENCE_MOST:
        return None
    if not (isinstance(run, str) and 0 < len(run) <= RUN_MOST and isinstance(since, int)):
        run, since = "", 0
    return Number(stream, seq, None, None, run, since)


def streams_write(states: Iterable[StreamState], moment: datetime) -> None:
    """Store what the batch added to each stream."""
    rows = sorted(states, key=lambda s: s.id)
    if not rows:
        return
    for state in rows:
        if state.has_new_run:
            cursor().execute(
                "UPDATE telemetry_streamledger SET runs = %s, run_sinces = %s WHERE id = %s",
                [state.runs, state.sinces, state.id],
            )
    cursor().execute(
        "UPDATE telemetry_streamledger l SET received = l.received + n.fresh::int8multirange, "
        "oldest_seq = greatest(l.oldest_seq, n.oldest), next_seq = greatest(l.next_seq, n.next), "
        "messages = l.messages + n.taken, repeats = l.repeats + n.repeats, last_at = greatest(l.last_at, %s), "
        "newest_run_at = CASE WHEN n.is_newest THEN %s ELSE l.newest_run_at END "
        "FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bool[]) "
        "AS n(id, fresh, oldest, next, taken, repeats, is_newest) WHERE l.id = n.id",
        [
            moment,
            moment,
            numbers([s.id for s in rows]),
            names([s.fresh_ranges() for s in rows]),
            numbers([s.oldest_seq for s in rows]),
            numbers([s.next_seq for s in rows]),
            numbers([s.taken for s in rows]),
            numbers([s.repeats for s in rows]),
            numbers([s.is_newest for s in rows]),
        ],
    )


def unsequenced_write(counts: dict[int, int], moment: datetime) -> None:
    """Count messages without stream and number, by station id."""
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
