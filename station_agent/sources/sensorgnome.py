"""The Sensorgnome source: follows the data folder, sends every line once, remembers where it was.

A file's place, its account and the messages that carry its lines are committed together, so a crash at any moment
neither loses a line nor sends it under a second number. What is not read yet lies safe in the station's own files:
while the outbox is a quarter full, nothing more is read into it. What goes wrong with one file stays with that file.
"""

import logging
import sqlite3
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from message_queue.contracts.base import Scalar
from message_queue.contracts.file import FileTotals
from message_queue.contracts.readings import RELATIVE_BELOW
from station_agent.outbox import ACCOUNT, BACK_FILL, READING, Rank
from station_agent.profiles import Positions as PositionsSent
from station_agent.profiles import Pulses
from station_agent.sensorgnome import account, counts, positions
from station_agent.sensorgnome.account import UNREADABLE, Account, Accounts, Tally, file_messages
from station_agent.sensorgnome.bursts import BurstRule
from station_agent.sensorgnome.counts import PulseCounts, records_make
from station_agent.sensorgnome.folder import AHEAD, DataFile, Folder, OtherFile, Seen
from station_agent.sensorgnome.lines import Fix, Line, Pulse, line_read, line_without_end
from station_agent.sensorgnome.messages import Message, messages_make, moments_fill
from station_agent.sensorgnome.names import file_name_parse, serials_taken
from station_agent.sensorgnome.places import Places
from station_agent.sensorgnome.portion import (
    Lines,
    Portion,
    Wishes,
    back_note,
    back_take,
    lines_select,
    lost_add,
    portion_take,
    shows_marks,
    zeros_take,
)
from station_agent.sensorgnome.positions import Position, Positions
from station_agent.sensorgnome.reader import CHUNK_BYTES, Chunk, LineReader, Unreadable
from station_agent.sources.base import Source, SourceKind, SourceSettings
from station_agent.station import Station

log = logging.getLogger(__name__)

#: Chunks read in one poll, so that the other sources get their turn.
CHUNKS_A_POLL = 16
#: Bytes of a file's beginning by which it is known again.
HEAD_BYTES = 64
#: Seconds after which a finished file counts as the past, which is sent behind the present.
BACK_FILL_AFTER = 6 * 3_600.0
#: Seconds between two accounts of files that still grow.
GROWING_TOLD_EVERY = 300.0
#: Seconds until a file that could not be read is tried again, at first and at most.
RETRY_FIRST, RETRY_MOST = 30.0, 3_600.0


class SensorgnomeSettings(SourceSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of the files is sent; None takes the profile's. What is not stays in them, and `hello` says so.

    `pulses`: `all`; `bursts`: those in a burst, and hourly counts; `counts`: only these. `positions`: `all`, or those
    that `changed`. `events_kept`: events that are not sent.
    """

    directory: str = "/data/SGdata"
    #: Serials whose files are taken as this station's too; `any_station` takes those of all.
    also_of: list[str] = []
    any_station: bool = False
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


class SensorgnomeSource:
    """Polled by the main loop."""

    def __init__(self, station: Station, settings: SensorgnomeSettings) -> None:
        self._station = station
        self._settings = settings
        self._outbox = station.outbox
        self._positions = Positions(station.outbox.database)
        self._accounts = Accounts(station.outbox.database)
        self._counts = PulseCounts(station.outbox.database)
        self._rule = BurstRule(settings.burst_pulses, settings.burst_seconds, settings.burst_khz)
        self._reports = -1
        self._places = Places()
        known = self._known = self._positions.all()
        #: Keys of files by what rows say as their file: several where there are copies.
        self._twins: dict[str, set[str]] = {}
        for key in known:
            if name := file_name_parse(key.rpartition("/")[2]):
                self._twins.setdefault(name.name, set()).add(key)
        self._folder = Folder(
            Path(settings.directory),
            known,
            finished_after=settings.finished_after,
            serials=serials_taken(station.config.serial, settings.also_of, any_station=settings.any_station),
            others=self._others_known(known),
        )
        self._view = station.vitals.sources["sensorgnome"]
        self._budget = 0
        self._newest_start = 0
        self._growth_seen = False
        self._growing_told_at = -GROWING_TOLD_EVERY
        #: Source and boot of files whose writer tells noise itself.
        self._marked = {_line_of(key) for key in self._accounts.marked()}
        station.vitals.file_totals = self.totals
        self._keep()

    def _others_known(self, known: dict[str, Position]) -> list[OtherFile]:
        """What was found in the folder before and is no file to read."""
        return [
            OtherFile(key, found.size, found.state, found.reason, found.start, counts=found.tally.bytes_refused > 0)
            for key, found in self._accounts.settled("refused", "foreign").items()
            if key not in known
        ]

    def poll(self) -> float:
        """Read what is due."""
        if not self._folder.root.is_dir():
            self._view.note = f"The folder {self._folder.root} is not there yet."
            return 10.0
        self._note(self._folder.look())
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
        self._accounts_send()
        if self._budget > 0:
            self._reports = reports
        self._station.vitals.unread_bytes = sum(file.unread for file in self._folder.active.values())
        return 0.0 if self._budget <= 0 else min(max(self._batch_age / 2, 0.25), 10.0)

    def totals(self) -> FileTotals:
        """What became of all files together, as of now."""
        totals = self._accounts.totals()
        grown = sum(file.unread - file.account.unread for file in self._folder.active.values())
        return msgspec.structs.replace(totals, bytes_unread=max(totals.bytes_unread + grown, 0))

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
        events_kept = frozenset(tuning.events_kept if wanted.events_kept is None else wanted.events_kept)
        self._wishes = Wishes(self._pulses, self._rule, events_kept)
        self._places.only_changes = (wanted.positions or tuning.positions) == "changed"
        kept = {f"event/{name}" for name in events_kept}
        if self._pulses != "all":
            kept.add("detections/pulse" if self._pulses == "counts" else "detections/pulse/no_burst")
        if self._pulses == "counts":
            kept.add("bursts")
        if self._places.only_changes:
            kept.add("gps/unchanged")
        self._station.vitals.kept = kept

    def _note(self, seen: Seen) -> None:
        """Begin the accounts of what was found, and end those of what vanished."""
        if not (seen.gone or seen.fresh or seen.others):
            return
        with self._outbox.database.transaction():
            for file in seen.gone:
                self._station.event("file_gone", {"file": file.key[-200:], "bytes_unread": file.unread})
                self._accounts.store(file.key, replace(file.account, state="gone", unread=file.unread))
            for file in seen.fresh:
                before = self._accounts.read(file.key) or Account()
                file.account = replace(
                    before.read_before(file.position.offset, file.position.line),
                    state="open",
                    start=file.name.start,
                    size=file.size,
                    unread=file.unread,
                )
                self._accounts.seen(file.key, file.account)
            news = [other for other in seen.others if self._accounts.seen(other.key, _other_account(other))]
            foreign = [other for other in news if other.state == "foreign"]
            if foreign:
                first = foreign[0]
                self._station.event(
                    "files_foreign", {"files": len(foreign), "first": first.key[-200:], "why": first.reason}
                )

    def _advance(self, file: DataFile) -> None:
        """Read a file as far as it is due."""
        if file.retry_at > time.monotonic():
            return
        finished = self._folder.is_finished(file)
        if (finished and self._waits_for_visit) or (not finished and not self._is_due(file)):
            return
        looked = (file.size, file.mtime, finished, self._folder.is_still(file))
        if file.looked == looked:
            return
        self._budget -= 1
        try:
            self._read(file, finished=finished)
        except sqlite3.Error:
            raise
        except Unreadable as error:
            self._refuse(file, str(error))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one file must not stop the others
            self._fail(file, error)
        else:
            file.failures = 0
            if self._budget > 0:
                file.looked = looked
            if file.unread == 0:
                file.unread_since = None

    def _read(self, file: DataFile, *, finished: bool) -> None:
        """Take chunks from the file until it has no more or the budget is spent."""
        if file.size == 0:
            if finished:
                empty = replace(file.account, state="done", unread=0)
                self._store(file, _nothing(file.position._replace(done=True), empty), [], finished=True)
            return
        as_now = (file.size, file.mtime)
        with LineReader(file.path, checked=file.checked if file.checked_as == as_now else None) as reader:
            if finished and (reader.compressed or file.position.offset == 0):
                file.checked, file.checked_as = reader.check(), as_now
            if file.position.done and not self._read_on(file, reader):
                return
            self._recognize(file, reader)
            if file.position.offset == 0 and finished and self._is_known(file, reader):
                return
            while self._budget > 0 and self._step(file, reader, finished=finished):
                self._budget -= 1

    def _fail(self, file: DataFile, error: Exception) -> None:
        """It cannot be read now: say so in its account and try again later."""
        if isinstance(error, FileNotFoundError):
            return
        why = (error.strerror or str(error)) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
        sentence = f"It cannot be read: {why}."[:200]
        self._view.note = f"The file {file.name.name} cannot be read: {why}."
        if not file.failures:
            log.warning("%s: %s", file.key, sentence, exc_info=not isinstance(error, OSError))
        file.retry_at = time.monotonic() + min(RETRY_FIRST * 2**file.failures, RETRY_MOST)
        file.failures += 1
        stored = self._accounts.read(file.key) or file.account
        file.position = self._positions.read(file.key) or file.position
        file.account = replace(stored, reason=sentence, size=file.size, unread=file.unread)
        self._accounts.seen(file.key, file.account)

    def _refuse(self, file: DataFile, sentence: str) -> None:
        """Nothing of it can be read, today or ever."""
        position = file.position._replace(done=True, size=file.size)
        tally = Tally(bytes_refused=file.size)
        refused = replace(
            file.account,
            state="refused",
            size=file.size,
            unread=0,
            tally=tally,
            reason=sentence,
            refusals={UNREADABLE: 1},
        )
        self._store(file, _nothing(position, refused), [], finished=True)

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

    def _read_on(self, file: DataFile, reader: LineReader) -> bool:
        """Whether a file that was finished holds more; what was not sure at its end is read once more."""
        position = file.position
        length = reader.text_measure(position.offset) if reader.compressed else file.size
        if length == position.offset or (reader.compressed and length < position.offset):
            if reader.checked and reader.checked.damage and not self._folder.is_still(file):
                # A compressed file that ends too early may be one that is being written.
                return False
            same = replace(file.account, state="done", unread=0)
            self._store(file, _nothing(position, same), [], finished=True)
            return False
        file.position, file.account = back_take(position, file.account)
        return True

    def _recognize(self, file: DataFile, reader: LineReader) -> None:
        """Begin again with a file that is another than before; step back in one that lost its end."""
        position = file.position
        head = reader.head(HEAD_BYTES)
        cut = not reader.compressed and file.size < position.offset
        if head[: len(position.head)] != position.head and not (cut and position.head.startswith(head)):
            self._station.event("file_replaced", {"file": file.name.name, "lines_sent": position.line})
            file.position = Position(head=head)
            file.account = Account(start=file.name.start, size=file.size, unread=file.size)
        elif cut:
            text = file.path.read_bytes()
            end, lines = text.rfind(b"\n") + 1, text.count(b"\n")
            self._station.event("file_truncated", {"file": file.name.name, "from": position.offset, "to": end})
            file.position = position._replace(offset=end, line=lines, head=head, recent=())
            known = Tally(bytes_known=end, lines_known=lines)
            file.account = replace(file.account, tally=known, refusals={}, back="")
        elif len(position.head) < len(head):
            file.position = position._replace(head=head)

    def _is_known(self, file: DataFile, reader: LineReader) -> bool:
        """Whether this is a copy of a file that was read already, under another name or in another folder.

        A copy that goes on behind what was read is read from there.
        """
        twin = self._twin(file)
        if twin is None or (reader.checked and reader.checked.damage):
            return False
        length = reader.text_measure(0) if reader.compressed else file.size
        if length < twin.offset:
            text = b"".join(reader.pieces())
            lines = text.count(b"\n") + (not text.endswith(b"\n"))
            position = file.position._replace(offset=length, line=lines, done=True, size=file.size)
        else:
            lines = twin.line
            position = twin._replace(head=file.position.head, done=False, size=0)
        known = replace(file.account, tally=Tally(bytes_known=position.offset, lines_known=lines), counted=lines)
        if length <= twin.offset:
            done = replace(known, state="done", unread=0)
            self._store(file, _nothing(position._replace(done=True), done), [], finished=True)
            return True
        file.position, file.account = position, known
        return False

    def _step(self, file: DataFile, reader: LineReader, *, finished: bool) -> bool:
        """Take one chunk into the outbox; False when there is nothing more to take now."""
        position = file.position
        chunk = reader.chunk(position.offset)
        if chunk.damage and not self._folder.is_still(file):
            # A compressed file that ends too early may be one that is being written.
            finished = False
        last = chunk.ended and finished
        if chunk.zeros:
            return self._zeros_take(file, reader, chunk, last=last)
        lines = _lines_read(chunk, position, file, last=last)
        trusted = self._is_trusted(file, lines)
        chosen = lines_select(lines, position.recent, self._wishes, trusted=trusted, last=last)
        if not chosen.lines and not last:
            return False
        place = self._places.told
        taken = portion_take(lines, position, file.account, chosen, self._wishes, self._places)
        if last:
            taken = self._end(file, reader, lines, taken, trusted=trusted, has_rest=bool(chunk.rest))
        damaged = taken.account.damaged or bool(finished and reader.checked and reader.checked.damage)
        name = file.name
        if not finished and self._station.clock_base is not None:
            # What is written by a clock that is known to be wrong is not as good as the file's name says.
            name = name._replace(clock="P")
        messages = messages_make(taken.told, name, damaged=damaged)
        try:
            self._store(file, taken, messages, finished=finished)
        except BaseException:
            self._places.told = place
            raise
        return not chunk.ended

    def _zeros_take(self, file: DataFile, reader: LineReader, chunk: Chunk, *, last: bool) -> bool:
        """Pass over zero bytes; those at the end of a file that may still grow are waited upon."""
        if chunk.ended and not last:
            return False
        taken = zeros_take(chunk.zeros, file.position, file.account)
        if last:
            lines = Lines([], [], ended=True)
            taken = self._end(file, reader, lines, taken, trusted=True, has_rest=False)
        self._store(file, taken, [], finished=last)
        return not chunk.ended

    def _end(
        self, file: DataFile, reader: LineReader, lines: Lines, taken: Portion, *, trusted: bool, has_rest: bool
    ) -> Portion:
        """The end of a finished file: what is lost of it, and where to go on if it should not be finished after all."""
        checked = reader.checked
        sure = lines_select(lines, file.position.recent, self._wishes, trusted=trusted, last=False)
        sure = sure._replace(lines=min(sure.lines, len(lines.numbered) - has_rest))
        before = portion_take(lines, file.position, file.account, sure, self._wishes, Places())
        now = replace(taken.account, state="done", size=file.size, unread=0)
        if sure.lines < len(lines.numbered) or (checked and checked.lost):
            now = replace(now, back=back_note(before.position, before.account))
        if checked and checked.damage:
            now = lost_add(now, checked.lost, checked.damage)
        return taken._replace(position=taken.position._replace(done=True), account=now)

    def _is_trusted(self, file: DataFile, lines: Lines) -> bool:
        """Whether the writer of this file marks noise: it did so in this boot."""
        line = _line_of(file.key)
        if line not in self._marked and shows_marks(lines.numbered):
            self._marked.add(line)
            file.account = replace(file.account, marks=True)
        return line in self._marked

    def _twin(self, file: DataFile) -> Position | None:
        """The place in a file of the same name and beginning of which most was read, if there is one."""
        found = None
        for key in self._twins.get(file.name.name, ()):
            active = self._folder.active.get(key)
            position = active.position if active else self._known.get(key)
            if key == file.key or position is None or not position.head or not position.offset:
                continue
            length = min(len(position.head), len(file.position.head))
            if position.head[:length] != file.position.head[:length]:
                continue
            if found is None or position.offset > found.offset:
                found = position
        return found

    def _store(self, file: DataFile, taken: Portion, messages: list[Message], *, finished: bool) -> None:
        """Commit the lines, the place and the account together."""
        past = finished and time.time() - file.mtime > BACK_FILL_AFTER
        position = taken.position._replace(size=file.size)
        now = replace(taken.account, size=file.size)
        if not position.done:
            now = replace(now, unread=file.size if file.compressed else max(file.size - position.offset, 0))
        with self._outbox.database.transaction():
            for kind, body, rank in messages:
                self._outbox.put(kind, body, Rank(rank.sending + BACK_FILL, rank.worth) if past else rank)
            if now.damaged and not file.account.damaged:
                self._station.event(
                    "file_damaged", {"file": file.name.name, "why": now.reason[:200], "lines_read": position.line}
                )
            if self._pulses != "all":
                self._counts.add(
                    (row.line.port, row.line.at)
                    for row in taken.taken
                    if isinstance(row.line, Pulse) and row.number > file.account.counted
                )
            self._positions.store(file.key, position)
            self._accounts.store(file.key, now)
        file.position, file.account = position, now
        self._twins.setdefault(file.name.name, set()).add(file.key)
        if taken.taken:
            self._seen(file, [row.line for row in taken.taken])
        if position.done:
            self._folder.finish(file)

    def _seen(self, file: DataFile, lines: list[Line]) -> None:
        """Tell the rest of the agent what the newest lines say about the station.

        Those of a file that was seen to grow are; without one those of the latest start, as far as that can be true.
        """
        self._view.last_data_at = time.time()
        if file.has_grown and not self._folder.is_followed(file):
            self._growth_seen = True
        elif self._growth_seen or not self._newest_start <= file.name.start <= (time.time() + AHEAD) * 1_000_000:
            return
        else:
            self._newest_start = file.name.start
        self._station.vitals.clock_code = file.name.clock
        fixes = [line for line in lines if isinstance(line, Fix)]
        if fixes:
            self._station.vitals.gps_state = "no fix" if fixes[-1].lat is None else "fix"

    def _accounts_send(self) -> None:
        """Send the accounts that changed: those that are settled at once, those of growing files now and then."""
        if self._waits_for_visit:
            return
        growing = time.monotonic() - self._growing_told_at >= GROWING_TOLD_EVERY or not self._station.tuning.stays
        with self._outbox.database.transaction():
            if growing:
                self._growing_told_at = time.monotonic()
                self._sizes_store()
            untold = self._accounts.untold(growing=growing, trouble_only=not self._station.tuning.stays)
            for body in file_messages(untold, self._accounts.totals() if untold else None):
                self._outbox.put("file", body, ACCOUNT)
            self._accounts.told(account.name for account in untold)

    def _sizes_store(self) -> None:
        """Note how far the files have grown since their accounts were written."""
        for file in self._folder.active.values():
            if (file.size, file.unread) != (file.account.size, file.account.unread):
                file.account = replace(file.account, size=file.size, unread=file.unread)
                self._accounts.unread_set(file.key, size=file.size, unread=file.unread)

    def _hours_send(self) -> None:
        """Send the counts of the hours to which no file can add any more."""
        if self._pulses == "all" or self._waits_for_visit:
            return
        # A file that cannot be read must not hold back the hours of all others; what it adds later is told as late.
        open_files = [
            max(file.position.last_at, file.name.start) for file in self._folder.active.values() if not file.failures
        ]
        now = time.time()
        before = min(open_files) / 1_000_000 if open_files else now
        # Hours of a clock that ran years ahead would else wait for years.
        ahead = now + AHEAD if max(open_files, default=0) <= (now + AHEAD) * 1_000_000 else None
        with self._outbox.database.transaction():
            hours = self._counts.take(before, ahead)
            dated = [count for count in hours if count.hour >= RELATIVE_BELOW]
            if dated:
                self._outbox.put("readings", records_make(dated), READING)
            for count in hours:
                if count.hour < RELATIVE_BELOW:
                    # SenML takes a time this early for a distance from now: an unset clock cannot be said in it.
                    self._station.event("pulses_counted_unset_clock", _figures(count._asdict()), port=count.port)
            for count in self._counts.late():
                self._station.event("pulses_counted_late", _figures(count._asdict()), port=count.port)


def _nothing(position: Position, account: Account) -> Portion:
    """A new place and account without any line."""
    return Portion(position, account, [], [])


def _figures(values: dict[str, int]) -> dict[str, Scalar]:
    return {**values}


def _line_of(key: str) -> tuple[str, str, str]:
    """Source, serial and boot of a file by its key: the writer of one such line of files behaves in one way."""
    name = file_name_parse(key.rpartition("/")[2])
    return (name.source, name.serial, name.boot) if name else ("", "", "")


def _other_account(other: OtherFile) -> Account:
    """The account of a file that is not read: refused, or left because it is no data of this station."""
    tally = Tally(bytes_refused=other.size) if other.counts else Tally(bytes_kept_back=other.size)
    refusals = {UNREADABLE: 1} if other.counts else {}
    return Account(
        state=other.state,
        start=other.start,
        size=other.size,
        tally=tally,
        refusals=refusals,
        reason=other.reason,
    )


def _lines_read(chunk: Chunk, position: Position, file: DataFile, *, last: bool) -> Lines:
    """The chunk's lines with their numbers; at a finished file's end also the line that has no end."""
    read = [line_read(raw, passed=chunk.passed) for raw in chunk.lines]
    if last and chunk.rest:
        read.append(line_without_end(chunk.rest, chunk.rest_bytes))
    numbered = moments_fill(
        enumerate((row.line for row in read), position.line + 1), position.last_at or file.name.start
    )
    return Lines(read, numbered, chunk.ended)


def _make(station: Station, settings: SensorgnomeSettings) -> Source:
    return SensorgnomeSource(station, settings)


SOURCE = SourceKind(
    name="sensorgnome",
    settings=SensorgnomeSettings,
    make=_make,
    schema=positions.SCHEMA + counts.SCHEMA + account.SCHEMA,
)
