"""Everything that one batch of messages will write, and the facts that handlers need for it."""

from datetime import datetime
from typing import Any, NamedTuple

from fleet.core import clock
from fleet.ingest.delivery import Arrival, Delivery, StationRef
from fleet.ingest.ledger import branch_name
from fleet.ingest.limits.quota import Buckets
from fleet.ingest.memory.series import SeriesBook
from fleet.ingest.rows.one_each import OneEach
from fleet.ingest.rows.tables import CONVERTED, DETECTIONS, EVENTS, POSITIONS, READINGS, Sink, pg_time
from fleet.ingest.sequence import StreamPlace, is_newer
from fleet.telemetry.models import Suspicion
from message_queue.contracts.file import FileAccount
from message_queue.contracts.health import DataUse, Health
from message_queue.contracts.hello import Hello
from message_queue.contracts.manifest import Manifest

_YEAR_S = 366 * 86_400
_Y2000_S = 946_684_800.0
_Y2010_S = 1_262_304_000.0
#: A quarantined message counts as received this many microseconds after its batch, plus at most this many by its id.
_HELD_FROM, _HELD_MOST = 100_000, 800_000
#: A station's clock may be this many seconds ahead of ours before its rows are marked.
AHEAD_S = 300.0


class Said(NamedTuple):
    """An account of one file, and its position in the sequence of its sender."""

    account: FileAccount
    #: Seconds since 1970 by the sender's clock.
    at: float
    stream: str
    seq: int
    is_by_desk: bool

    def follows(self, before: "Said", received_at: float) -> bool:
        """Whether this account replaces the one before."""
        if self.is_by_desk != before.is_by_desk:
            return self.account.bytes_read >= before.account.bytes_read
        if self.stream and self.stream == before.stream:
            return self.seq >= before.seq
        # An account from a clock that ran ahead must not block all later ones.
        return self.at >= before.at or before.at > received_at + AHEAD_S


class ToldManifest(NamedTuple):
    """A station's manifest, and its position in the station's sequence."""

    station_id: int
    body: Manifest
    stream: str
    seq: int


class TagHeard:
    """One tag in one hour on one port: how often, the first and last moment as `pg_time`, the strongest signal."""

    __slots__ = ("count", "first", "last", "strongest")

    def __init__(self, at: int, rssi: float | None) -> None:
        self.count, self.first, self.last, self.strongest = 1, at, at, rssi

    def add(self, at: int, rssi: float | None) -> None:
        """Count it once more."""
        self.count += 1
        if at < self.first:
            self.first = at
        elif at > self.last:
            self.last = at
        if rssi is not None and (self.strongest is None or rssi > self.strongest):
            self.strongest = rssi


class Batch:
    """Rows and facts of messages taken together, in order of arrival. Handlers add; the pipeline writes."""

    def __init__(self, moment: datetime, series: SeriesBook, *, is_staged: bool = False) -> None:
        self.moment = moment
        #: Series of the senders; handlers look them up, and create new ones.
        self.series = series
        #: Server's clock in seconds since 1970, and as PostgreSQL's microseconds.
        self.received_at = moment.timestamp()
        self.received = pg_time(self.received_at)
        self.readings = Sink(READINGS, is_staged=is_staged)
        self.converted = Sink(CONVERTED, is_staged=is_staged)
        self.detections = Sink(DETECTIONS, is_staged=is_staged)
        self.positions = Sink(POSITIONS, is_staged=is_staged)
        self.events = Sink(EVENTS, is_staged=is_staged)
        self.one_each = OneEach()
        #: Newest believable value by series id: (time as `pg_time`, value, flags).
        self.newest: dict[int, tuple[int, float, int]] = {}
        #: Detections by (station id, start of hour as `pg_time`, port, kind).
        self.hours: dict[tuple[int, int, int, int], int] = {}
        #: Tags by (station id, start of hour as `pg_time`, port, tag).
        self.tag_hours: dict[tuple[int, int, int, str], TagHeard] = {}
        #: Hours that got readings, as (series id, hours since 2000).
        self.dirty: set[tuple[int, int]] = set()
        #: Ids of the stations' files by (station id, name in the rows); a file beyond the limit has none.
        self.file_ids: dict[tuple[int, str], int] = {}
        #: By file id: number of rows, and their first and last moment as `pg_time`.
        self.file_rows: dict[int, tuple[int, int | None, int | None]] = {}
        #: By file id: lines that became events, whose rows do not name the file.
        self.file_events: dict[int, int] = {}
        #: Stations that named more files than Roost lists.
        self.overfull: set[int] = set()
        #: The newest account of each file by (station id, path).
        self.accounts: dict[tuple[int, str], Said] = {}
        #: Stations' reports about the files that they hold, in order of arrival.
        self.manifests: list[ToldManifest] = []
        #: Stations that sent something themselves, not only a desk with their card.
        self.present: set[int] = set()
        #: The newest report of each station in this batch, and its position in the station's own sequence.
        self.health: dict[int, tuple[StreamPlace, Health]] = {}
        self.hello: dict[int, tuple[StreamPlace, Hello]] = {}
        #: Unknown fields, by station id and kind.
        self.also_said: dict[tuple[int, str], dict[str, Any]] = {}
        #: Ids of ledger rows by station id and stream; they tell which of two streams began later.
        self.ranks: dict[tuple[int, str], int] = {}
        self.command_statuses: list[Arrival] = []
        #: By station id: seconds until the next contact, as last announced in this batch.
        self.announced: dict[int, tuple[StreamPlace, float]] = {}
        #: Range of station times that raise no suspicion, in seconds since 1970.
        self.believable = (_Y2010_S, self.received_at + AHEAD_S)
        #: By station id: seconds by which its clock is ahead of ours, before the batch and now.
        self.clocks_before: dict[int, float | None] = {}
        self.clocks: dict[int, float] = {}
        #: By station id: messages and bytes of bodies; and the agents' latest report on their link.
        self.traffic: dict[int, tuple[int, int]] = {}
        self.data_use: dict[int, DataUse] = {}
        #: Remaining quotas by payer, see `fleet.ingest.limits.quota`.
        self.buckets: dict[int, Buckets] = {}
        #: Messages without stream and number, by station id.
        self.unsequenced: dict[int, int] = {}
        #: Stations whose outboxes have nothing left to send, by the received numbers.
        self.all_home: set[int] = set()
        self._receipts = 0

    def sinks(self) -> tuple[Sink, ...]:
        """All row tables."""
        return (self.readings, self.converted, self.detections, self.positions, self.events)

    def rows_write(self) -> None:
        """Write the rows of all tables."""
        for sink in self.sinks():
            if sink.rows:
                sink.write()
        if self.one_each.rows:
            self.one_each.write(self.moment)

    @property
    def future(self) -> float:
        """Station times after this are ahead of ours, in seconds since 1970."""
        return self.believable[1]

    def place_of(self, arrival: Arrival, at: float) -> StreamPlace:
        """Position of a station's report in its own sequence."""
        envelope, is_doubtful = arrival.message.envelope, bool(self.suspicion(at))
        if envelope.stream is None or envelope.seq is None or arrival.delivery.is_reused:
            return StreamPlace(None, None, at, is_doubtful)
        rank = (
            self.ranks.get((arrival.station.id, branch_name(envelope.stream, envelope.run))) if envelope.run else None
        )
        if rank is None:
            rank = self.ranks.get((arrival.station.id, envelope.stream))
        return StreamPlace(rank, None if rank is None else envelope.seq, at, is_doubtful)

    def is_news(self, place: StreamPlace, known: tuple[StreamPlace, object] | None) -> bool:
        """Whether a report is newer than the one that this batch has so far."""
        return known is None or is_newer(place, known[0], self.future)

    def stage(self) -> None:
        """Switch to the staged way: some row may already be stored, and only comparing rows can show that."""
        for sink in self.sinks():
            sink.is_staged = True

    def receipt(self, delivery: Delivery) -> float | None:
        """The time of receipt of the next message, for times relative to it: each a microsecond after the previous one.

        Otherwise readings without a time of their own would be one row, however many messages of a backlog bring them.
        A message that is taken again also has its own microsecond, after those of the batch in which it first arrived.
        None for a message under a known number: if it is a repeat, it would make a second reading.
        """
        if delivery.is_reused:
            return None
        if delivery.number_held is not None:
            return self.received_at + (_HELD_FROM + delivery.number_held % _HELD_MOST) * 1e-6
        self._receipts += 1
        return self.received_at + self._receipts * 1e-6

    def suspicion(self, at: float, clock_code: str = "", *, damaged: bool = False) -> int:
        """Flags that say why a row is doubted; 0 if it is not. `damaged`: it comes from a damaged file."""
        flags = Suspicion.UNSYNCHRONISED.value if clock_code == "P" else 0
        if damaged:
            flags |= Suspicion.DAMAGED_FILE.value
        earliest, latest = self.believable
        if earliest <= at <= latest:
            return flags
        if at > latest:
            return flags | Suspicion.FUTURE.value
        if at < _YEAR_S or _Y2000_S - 86_400 <= at < _Y2000_S + _YEAR_S:
            return flags | Suspicion.EPOCH.value
        return flags | Suspicion.ANCIENT.value

    def file_of(self, station: StationRef, name: str) -> int | None:
        """The id of one of the station's own files; None without a name, or if there are too many."""
        return self.file_ids.get((station.id, name)) if name else None

    def file_lines(self, file_id: int | None, lines: int, low: float | None = None, high: float | None = None) -> None:
        """Count rows of a file, and extend its span; `low` and `high` in seconds since 1970."""
        if file_id is None:
            return
        count, first, last = self.file_rows.get(file_id, (0, None, None))
        if low is not None and high is not None:
            first = pg_time(low) if first is None else min(first, pg_time(low))
            last = pg_time(high) if last is None else max(last, pg_time(high))
        self.file_rows[file_id] = count + lines, first, last

    def file_words(self, arrival: Arrival, file_id: int | None, lines: int) -> None:
        """Count lines of a file that became events; not those under a known number, which look like a repeat."""
        if file_id is not None and not arrival.delivery.is_reused:
            self.file_events[file_id] = self.file_events.get(file_id, 0) + lines


def moment_of(seconds: float) -> datetime:
    """A station's time as a datetime, clamped to what both Python and PostgreSQL can store."""
    return clock.from_seconds(min(max(seconds, -2_208_988_800.0), 99_999_999_999.0))
