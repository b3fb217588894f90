"""The Sensorgnome source: follows the data folder, sends every line once, remembers where it was.

A file's place and the messages that carry its lines are committed together, so a crash at any moment neither loses a
line nor sends it under a second number. What is not read yet lies safe in the station's own files: while the outbox
is a quarter full, nothing more is read into it.
"""

import logging
import time
from pathlib import Path
from typing import Annotated, NamedTuple

from msgspec import Meta

from message_queue.contracts.base import Scalar
from message_queue.contracts.readings import RELATIVE_BELOW
from station_agent.outbox import BACK_FILL, READING, Rank
from station_agent.profiles import Positions as PositionsSent
from station_agent.profiles import Pulses
from station_agent.sensorgnome import counts, positions
from station_agent.sensorgnome.bursts import BurstRule, Heard, bursts_find, pulse_heard
from station_agent.sensorgnome.counts import PulseCounts, records_make
from station_agent.sensorgnome.folder import DataFile, Folder
from station_agent.sensorgnome.lines import Fix, Line, Note, Pulse, line_parse, unparsed
from station_agent.sensorgnome.messages import Message, Numbered, messages_make, moments_fill
from station_agent.sensorgnome.places import Places
from station_agent.sensorgnome.positions import Position, Positions
from station_agent.sensorgnome.reader import CHUNK_BYTES, Chunk, LineReader
from station_agent.sources.base import Source, SourceKind, SourceSettings
from station_agent.station import Station

log = logging.getLogger(__name__)

#: Chunks read in one poll, so that the other sources get their turn.
CHUNKS_A_POLL = 16
#: Bytes of a file's beginning by which it is known again.
HEAD_BYTES = 64
#: Seconds after which a finished file counts as the past, which is sent behind the present.
BACK_FILL_AFTER = 6 * 3_600.0
#: Most pulses kept from one chunk to judge the next.
_RECENT_MOST = 400


class SensorgnomeSettings(SourceSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of the files is sent; None takes the profile's. What is not stays in them, and `hello` says so.

    `pulses`: `all`; `bursts`: those in a burst, and hourly counts; `counts`: only these. `positions`: `all`, or those
    that `changed`. `events_kept`: events that are not sent.
    """

    directory: str = "/data/SGdata"
    pulses: Pulses | None = None
    positions: PositionsSent | None = None
    events_kept: list[str] | None = None
    #: Seconds that a batch waits at most; None takes the profile's.
    batch_age: Annotated[float, Meta(ge=0)] | None = None
    burst_pulses: Annotated[int, Meta(ge=2, le=20)] = 3
    burst_seconds: Annotated[float, Meta(gt=0, le=10)] = 0.5
    burst_khz: Annotated[float, Meta(gt=0, le=100)] = 0.5
    #: Seconds without a change after which a file is finished though none followed it.
    finished_after: Annotated[float, Meta(ge=1)] = 7_200.0


class _Selection(NamedTuple):
    """What of a chunk is taken now: the first lines of it, which pulses to leave out, which to remember."""

    lines: int
    left_out: frozenset[int]
    recent: tuple[Heard, ...]


class SensorgnomeSource:
    """Polled by the main loop."""

    def __init__(self, station: Station, settings: SensorgnomeSettings) -> None:
        self._station = station
        self._settings = settings
        self._outbox = station.outbox
        self._positions = Positions(station.outbox.database)
        self._counts = PulseCounts(station.outbox.database)
        self._rule = BurstRule(settings.burst_pulses, settings.burst_seconds, settings.burst_khz)
        self._reports = -1
        self._places = Places()
        self._folder = Folder(Path(settings.directory), self._positions.all(), finished_after=settings.finished_after)
        self._view = station.vitals.sources["sensorgnome"]
        self._budget = 0
        self._newest_start = 0
        self._keep()

    def poll(self) -> float:
        """Read what is due."""
        if not self._folder.root.is_dir():
            self._view.note = f"The folder {self._folder.root} is not there yet."
            return 10.0
        for key in self._folder.look():
            self._station.event("file_gone", {"file": key[-200:]})
        self._budget = CHUNKS_A_POLL
        self._view.note = ""
        self._keep()
        reports = self._station.reports
        for file in self._folder.work():
            if self._outbox.backlog().bytes > self._outbox.cap_bytes // 4:
                self._view.note = "Waits with reading until the outbox has been sent; the data is safe in its files."
                break
            if self._budget <= 0:
                break
            self._advance(file)
        self._hours_send()
        if self._budget > 0:
            self._reports = reports
        self._station.vitals.unread_bytes = sum(file.unread for file in self._folder.active.values())
        return 0.0 if self._budget <= 0 else min(max(self._batch_age / 2, 0.25), 10.0)

    @property
    def _batch_age(self) -> float:
        return self._station.tuning.batch_age if self._settings.batch_age is None else self._settings.batch_age

    @property
    def _is_called(self) -> bool:
        """Whether a report was made since all was read last: a link that only visits takes along what is there."""
        return self._station.reports != self._reports

    @property
    def _pulses(self) -> Pulses:
        return self._settings.pulses or self._station.tuning.pulses

    def _keep(self) -> None:
        """Apply the settings, which a change of profile changes, and say what is not sent."""
        tuning, wanted = self._station.tuning, self._settings
        self._events_kept = frozenset(tuning.events_kept if wanted.events_kept is None else wanted.events_kept)
        self._places.only_changes = (wanted.positions or tuning.positions) == "changed"
        kept = {f"event/{name}" for name in self._events_kept}
        if self._pulses != "all":
            kept.add("detections/pulse" if self._pulses == "counts" else "detections/pulse/no_burst")
        if self._places.only_changes:
            kept.add("gps/unchanged")
        self._station.vitals.kept = kept

    def _advance(self, file: DataFile) -> None:
        """Read a file as far as it is due."""
        finished = self._folder.is_finished(file)
        if (finished and self._waits_for_visit) or (not finished and not self._is_due(file)):
            return
        if finished and file.compressed and file.size == 0:
            self._store(file, file.position._replace(done=True, size=0), [], [], finished=True)
            return
        self._budget -= 1
        try:
            with LineReader(file.path) as reader:
                self._recognize(file, reader)
                while self._budget > 0 and self._step(file, reader, finished=finished):
                    self._budget -= 1
        except OSError as error:
            self._view.note = f"The file {file.name.name} cannot be read: {error.strerror or error}."
            return
        if file.unread == 0:
            file.unread_since = None

    @property
    def _waits_for_visit(self) -> bool:
        return not self._station.tuning.stays and not self._is_called

    def _is_due(self, file: DataFile) -> bool:
        """Whether a growing file has a whole chunk to read, or something that has waited long enough."""
        if file.unread == 0 and file.size >= file.position.offset:
            return False
        now = time.monotonic()
        if file.unread_since is None:
            file.unread_since = now
        if not self._station.tuning.stays:
            return self._is_called
        if file.unread >= CHUNK_BYTES or file.size < file.position.offset or now - file.unread_since >= self._batch_age:
            file.unread_since = None
            return True
        return False

    def _recognize(self, file: DataFile, reader: LineReader) -> None:
        """Begin again with a file that is another than before; step back in one that lost its end."""
        position = file.position
        head = reader.head(HEAD_BYTES)
        cut = not file.compressed and file.size < position.offset
        if head[: len(position.head)] != position.head and not (cut and position.head.startswith(head)):
            self._station.event("file_replaced", {"file": file.name.name, "lines_sent": position.line})
            file.position = Position(head=head)
        elif cut:
            text = file.path.read_bytes()
            end = text.rfind(b"\n") + 1
            self._station.event("file_truncated", {"file": file.name.name, "from": position.offset, "to": end})
            file.position = position._replace(offset=end, line=text.count(b"\n"), head=head, recent=())
        elif len(position.head) < len(head):
            file.position = position._replace(head=head)

    def _step(self, file: DataFile, reader: LineReader, *, finished: bool) -> bool:
        """Take one chunk into the outbox; False when there is nothing more to take now."""
        position = file.position
        chunk = reader.chunk(position.offset)
        if chunk.damage and not self._folder.is_still(file):
            # A compressed file that ends too early may be one that is being written.
            finished = False
        last = chunk.ended and finished
        lines = _numbered(chunk, position, file, last=last)
        chosen = self._select(lines, position, chunk, last=last)
        taken = lines[: chosen.lines]
        if not taken and not last:
            return False
        offset = chunk.offset
        if chosen.lines < len(lines):
            offset = position.offset + sum(len(line) + 1 for line in chunk.lines[: chosen.lines])
        elif last and chunk.rest:
            offset += chunk.rest_bytes
        fresh = position._replace(
            offset=offset,
            line=position.line + len(taken),
            last_at=taken[-1].at if taken else position.last_at,
            recent=chosen.recent,
            done=last,
            size=file.size,
        )
        told = [row for i, row in enumerate(taken) if i not in chosen.left_out and self._is_told(row)]
        messages = messages_make(told, file.name)
        self._store(file, fresh, messages, taken, finished=finished, damage=chunk.damage if last else "")
        return not chunk.ended

    def _is_told(self, row: Numbered) -> bool:
        """Whether this line is sent, pulses aside."""
        if isinstance(row.line, Note):
            return row.line.name not in self._events_kept
        return not isinstance(row.line, Fix) or self._places.is_told(row.line)

    def _select(self, lines: list[Numbered], position: Position, chunk: Chunk, *, last: bool) -> _Selection:
        """Which lines to take now and which of their pulses to leave out, by the setting `pulses`."""
        mode = self._pulses
        if mode == "all":
            return _Selection(len(lines), frozenset(), ())
        pulses = [(index, row.line) for index, row in enumerate(lines) if isinstance(row.line, Pulse)]
        if mode == "counts":
            return _Selection(len(lines), frozenset(index for index, _ in pulses), ())
        unmarked = [(index, pulse) for index, pulse in pulses if not pulse.marked]
        heard = [*position.recent, *(pulse_heard(pulse) for _, pulse in unmarked)]
        in_burst = bursts_find(heard, self._rule)[len(position.recent) :]
        until = len(lines)
        if unmarked and not last:
            # The newest pulses wait for the next lines: these may make a burst of them.
            limit = unmarked[-1][1].at - self._rule.microseconds
            until = next(index for index, pulse in unmarked if pulse.at > limit)
            if until == 0 and not chunk.ended:
                until = len(lines)
        left_out = {index for (index, _), found in zip(unmarked, in_burst, strict=True) if not found}
        left_out |= {index for index, pulse in pulses if pulse.marked and not pulse.used}
        seen = [*position.recent, *(pulse_heard(pulse) for index, pulse in unmarked if index < until)]
        newest = max((pulse.at for pulse in seen), default=0)
        recent = [pulse for pulse in seen if pulse.at > newest - 2 * self._rule.microseconds]
        return _Selection(until, frozenset(left_out), tuple(recent[-_RECENT_MOST:]))

    def _store(
        self,
        file: DataFile,
        position: Position,
        messages: list[Message],
        taken: list[Numbered],
        *,
        finished: bool,
        damage: str = "",
    ) -> None:
        """Commit the lines and the place together."""
        past = finished and time.time() - file.mtime > BACK_FILL_AFTER
        with self._outbox.database.transaction():
            for kind, body, rank in messages:
                self._outbox.put(kind, body, Rank(rank.sending + BACK_FILL, rank.worth) if past else rank)
            if damage:
                self._station.event(
                    "file_damaged", {"file": file.name.name, "why": damage[:200], "lines_read": position.line}
                )
            if taken and self._pulses != "all":
                self._counts.add((row.line.port, row.line.at) for row in taken if isinstance(row.line, Pulse))
            self._positions.store(file.key, position)
        file.position = position
        if taken:
            self._seen(file, [row.line for row in taken])
        if position.done:
            self._folder.finish(file)

    def _seen(self, file: DataFile, lines: list[Line]) -> None:
        """Tell the rest of the agent what the newest lines say about the station."""
        self._view.last_data_at = time.time()
        if file.name.start < self._newest_start:
            return
        self._newest_start = file.name.start
        self._station.vitals.clock_code = file.name.clock
        fixes = [line for line in lines if isinstance(line, Fix)]
        if fixes:
            self._station.vitals.gps_state = "no fix" if fixes[-1].lat is None else "fix"

    def _hours_send(self) -> None:
        """Send the counts of the hours to which no file can add any more."""
        if self._pulses == "all" or self._waits_for_visit:
            return
        open_files = [max(file.position.last_at, file.name.start) for file in self._folder.active.values()]
        before = min(open_files) / 1_000_000 if open_files else time.time()
        with self._outbox.database.transaction():
            hours = self._counts.take(before)
            dated = [count for count in hours if count.hour >= RELATIVE_BELOW]
            if dated:
                self._outbox.put("readings", records_make(dated), READING)
            for count in hours:
                if count.hour < RELATIVE_BELOW:
                    # SenML takes a time this early for a distance from now: an unset clock cannot be said in it.
                    self._station.event("pulses_counted_unset_clock", _figures(count._asdict()), port=count.port)
            for count in self._counts.late():
                self._station.event("pulses_counted_late", _figures(count._asdict()), port=count.port)


def _figures(values: dict[str, int]) -> dict[str, Scalar]:
    return {**values}


def _numbered(chunk: Chunk, position: Position, file: DataFile, *, last: bool) -> list[Numbered]:
    """The chunk's lines read, with their numbers; at a finished file's end also the line that has no end."""
    read = [line_parse(raw.removesuffix(b"\r").decode("utf-8", "replace")) for raw in chunk.lines]
    if last and chunk.rest:
        read.append(unparsed(chunk.rest.decode("utf-8", "replace"), "the line has no end"))
    return moments_fill(enumerate(read, position.line + 1), position.last_at or file.name.start)


def _make(station: Station, settings: SensorgnomeSettings) -> Source:
    return SensorgnomeSource(station, settings)


SOURCE = SourceKind(
    name="sensorgnome",
    settings=SensorgnomeSettings,
    make=_make,
    schema=positions.SCHEMA + counts.SCHEMA,
)
