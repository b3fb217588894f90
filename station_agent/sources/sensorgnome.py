"""The Sensorgnome source: follows the data folder, sends every line once, and remembers its position.

A file's position, its account and the messages that carry its lines are committed together, so a crash at any moment
neither loses a line nor sends it under a second number. Unread data is safe in the station's own files: while the
outbox is over a quarter full, nothing more is read into it. A problem with one file affects only that file.
"""

import logging
import math
import sqlite3
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from formats.lines import UNREADABLE
from formats.sensorgnome.account import OpenAccount, Tally, file_messages
from formats.sensorgnome.bursts import BurstRule
from formats.sensorgnome.portion import Pulses, Wishes
from formats.sensorgnome.position import FilePosition
from formats.sensorgnome.reader import CHUNK_BYTES, Unreadable
from message_queue.contracts.base import Scalar
from message_queue.contracts.file import FileState, FileTotals
from message_queue.contracts.readings import RELATIVE_BELOW
from station_agent.outbox import ACCOUNT, READING
from station_agent.profiles import Positions
from station_agent.sensorgnome import accounts, contents, counts, positions
from station_agent.sensorgnome.accounts import Accounts
from station_agent.sensorgnome.counts import PulseCounts, records_make
from station_agent.sensorgnome.folder import AHEAD, RENAMED, DataFile, Folder, OtherFile, Seen
from station_agent.sensorgnome.positions import FilePositions
from station_agent.sensorgnome.serials import serials_taken
from station_agent.sensorgnome.taking import Taker, nothing_taken
from station_agent.sources.base import Source, SourceKind, SourceSettings
from station_agent.station import Station

log = logging.getLogger(__name__)

#: Chunks read in one poll, so that the other sources get their turn.
CHUNKS_A_POLL = 16
#: Number of health reports between two accounts of a growing file; the sums of all files are in each report.
GROWING_TOLD_REPORTS = 4
#: Seconds before an unreadable file is tried again, first and maximum.
RETRY_FIRST, RETRY_MOST = 30.0, 3_600.0


class SensorgnomeSettings(SourceSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The lines to send from the files; None means the profile's. The others stay in the files, and `hello` says so.

    `pulses`: `all`; `bursts`: those in a burst, and hourly counts; `counts`: only counts. `positions`: `all`, or those
    that `changed`. `events_kept`: events that are not sent.
    """

    directory: str = "/data/SGdata"
    #: Serials whose files are also taken as this station's; `any_station` takes all.
    also_of: list[str] = []
    any_station: bool = False
    pulses: Pulses | None = None
    positions: Positions | None = None
    events_kept: list[str] | None = None
    #: Maximum seconds that a batch waits; None means the profile's.
    batch_age: Annotated[float, Meta(ge=0)] | None = None
    burst_pulses: Annotated[int, Meta(ge=2, le=20)] = 3
    burst_seconds: Annotated[float, Meta(gt=0, le=10)] = 0.5
    burst_khz: Annotated[float, Meta(gt=0, le=100)] = 0.5
    #: Seconds without a change after which a file is finished without a successor.
    finished_after: Annotated[float, Meta(ge=1)] = 7_200.0


class SensorgnomeSource:
    """Polled by the main loop."""

    def __init__(self, station: Station, settings: SensorgnomeSettings) -> None:
        self._station = station
        self._settings = settings
        self._outbox = station.outbox
        self._positions = FilePositions(station.outbox.database)
        self._accounts = Accounts(station.outbox.database)
        self._counts = PulseCounts(station.outbox.database)
        self._rule = BurstRule(settings.burst_pulses, settings.burst_seconds, settings.burst_khz)
        self._reports = -1
        known = self._positions.all()
        self._folder = Folder(
            Path(settings.directory),
            known,
            finished_after=settings.finished_after,
            serials=serials_taken(station.config.serial, settings.also_of, any_station=settings.any_station),
            others=self._others_known(known),
        )
        self._view = station.vitals.sources["sensorgnome"]
        self._taker = Taker(station, self._view, self._folder, known)
        self._growing_told_at = -math.inf
        station.vitals.file_totals = self.totals
        self._keep()

    def _others_known(self, known: dict[str, FilePosition]) -> list[OtherFile]:
        """Files found in the folder earlier that are not to be read."""
        return [
            OtherFile(key, found.size, found.state, found.reason, found.start, counts=found.tally.bytes_refused > 0)
            for key, found in self._accounts.settled("refused", "foreign", "open").items()
            if key not in known and (found.state != "open" or found.reason == RENAMED)
        ]

    def poll(self) -> float:
        """Read what is due."""
        if not self._folder.root.is_dir():
            self._view.note = f"The folder {self._folder.root} is not there yet."
            return 10.0
        self._note(self._folder.look())
        self._taker.budget = CHUNKS_A_POLL
        self._view.note = ""
        self._keep()
        reports = self._station.reports
        for file in self._folder.work():
            if self._outbox.backlog().bytes > self._outbox.cap_bytes // 4:
                self._view.note = "Reading is paused until the outbox has been sent; the data is safe in its files."
                break
            if self._taker.budget <= 0:
                break
            self._advance(file)
        self._hours_send()
        self._accounts_send()
        if self._taker.budget > 0:
            self._reports = reports
        self._station.vitals.unread_bytes = sum(file.unread for file in self._folder.active.values())
        return 0.0 if self._taker.budget <= 0 else min(max(self._batch_age / 2, 0.25), 10.0)

    def totals(self) -> FileTotals:
        """Current totals of all files."""
        totals = self._accounts.totals()
        grown = sum(file.unread - file.account.unread for file in self._folder.active.values())
        return msgspec.structs.replace(totals, bytes_unread=max(totals.bytes_unread + grown, 0))

    @property
    def _batch_age(self) -> float:
        return self._station.tuning.batch_age if self._settings.batch_age is None else self._settings.batch_age

    @property
    def _is_called(self) -> bool:
        """Whether a report was made since everything was last read: a link that only visits then sends all data."""
        return self._station.reports != self._reports

    @property
    def _pulses(self) -> Pulses:
        return self._settings.pulses or self._station.tuning.pulses

    def _keep(self) -> None:
        """Apply the settings, which may change with the profile, and record what is not sent."""
        tuning, wanted = self._station.tuning, self._settings
        events_kept = frozenset(tuning.events_kept if wanted.events_kept is None else wanted.events_kept)
        self._taker.wishes = Wishes(self._pulses, self._rule, events_kept)
        self._taker.places.only_changes = (wanted.positions or tuning.positions) == "changed"
        kept = {f"event/{name}" for name in events_kept}
        if self._pulses != "all":
            kept.add("detections/pulse" if self._pulses == "counts" else "detections/pulse/no_burst")
        if self._pulses == "counts":
            kept.add("bursts")
        if self._taker.places.only_changes:
            kept.add("gps/unchanged")
        self._station.vitals.kept = kept

    def _note(self, seen: Seen) -> None:
        """Begin the accounts of new files, and end those of files that disappeared."""
        if not (seen.gone or seen.fresh or seen.others):
            return
        with self._outbox.database.transaction():
            for file in seen.gone:
                if file.unread:
                    self._station.event("file_gone", {"file": file.key[-200:], "bytes_unread": file.unread})
                state: FileState = "gone" if file.unread else "done"
                self._accounts.store(file.key, replace(file.account, state=state, unread=file.unread))
            for file in seen.fresh:
                before = self._accounts.read(file.key) or OpenAccount()
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
        self._taker.budget -= 1
        try:
            self._taker.read(file, finished=finished)
        except sqlite3.Error:
            raise
        except Unreadable as error:
            self._refuse(file, str(error))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one file must not stop the others
            self._fail(file, error)
        else:
            file.failures = 0
            if self._taker.budget > 0:
                file.looked = looked
            if file.unread == 0:
                file.unread_since = None

    def _fail(self, file: DataFile, error: Exception) -> None:
        """Record in the file's account that it cannot be read now, and try again later."""
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
        """Refuse a file of which nothing can ever be read."""
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
        self._taker.store(file, nothing_taken(position, refused), [], finished=True)

    @property
    def _waits_for_visit(self) -> bool:
        return not self._station.tuning.stays and not self._is_called

    def _is_due(self, file: DataFile) -> bool:
        """Whether a growing file has a whole chunk to read, or data that has waited long enough."""
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

    def _accounts_send(self) -> None:
        """Send changed accounts: settled ones at once, those of growing files now and then."""
        if self._waits_for_visit:
            return
        since = time.monotonic() - self._growing_told_at
        growing = since >= GROWING_TOLD_REPORTS * self._station.reporting_interval or not self._station.tuning.stays
        with self._outbox.database.transaction():
            if growing:
                self._growing_told_at = time.monotonic()
                self._sizes_store()
            untold = self._accounts.untold(growing=growing, trouble_only=not self._station.tuning.stays)
            for body in file_messages(untold):
                self._outbox.put("file", body, ACCOUNT)
            self._accounts.told(account.name for account in untold)

    def _sizes_store(self) -> None:
        """Record how far the files have grown since their accounts were written."""
        for file in self._folder.active.values():
            if (file.size, file.unread) != (file.account.size, file.account.unread):
                file.account = replace(file.account, size=file.size, unread=file.unread)
                self._accounts.unread_set(file.key, size=file.size, unread=file.unread)

    def _hours_send(self) -> None:
        """Send the counts of hours to which no file can add any more."""
        if self._pulses == "all" or self._waits_for_visit:
            return
        # An unreadable file must not hold back the hours of all others; what it adds later is reported as late.
        open_files = [
            max(file.position.last_at, file.name.start) for file in self._folder.active.values() if not file.failures
        ]
        now = time.time()
        before = min(open_files) / 1_000_000 if open_files else now
        # Hours from a clock that ran years ahead would otherwise wait for years.
        ahead = now + AHEAD if max(open_files, default=0) <= (now + AHEAD) * 1_000_000 else None
        with self._outbox.database.transaction():
            hours = self._counts.take(before, ahead)
            dated = [count for count in hours if count.hour >= RELATIVE_BELOW]
            if dated:
                self._outbox.put("readings", records_make(dated), READING)
            for count in hours:
                if count.hour < RELATIVE_BELOW:
                    # SenML reads a time this early as relative to now: it cannot express an unset clock.
                    self._station.event("pulses_counted_unset_clock", _figures(count._asdict()), port=count.port)
            for count in self._counts.late():
                self._station.event("pulses_counted_late", _figures(count._asdict()), port=count.port)


def _figures(values: dict[str, int]) -> dict[str, Scalar]:
    return {**values}


def _other_account(other: OtherFile) -> OpenAccount:
    """The account of a file that is not read: refused, left because it is not this station's data, or not read yet."""
    if other.state == "open":
        return OpenAccount(size=other.size, unread=other.size, reason=other.reason)
    tally = Tally(bytes_refused=other.size) if other.counts else Tally(bytes_kept_back=other.size)
    refusals = {UNREADABLE: 1} if other.counts else {}
    return OpenAccount(
        state=other.state,
        start=other.start,
        size=other.size,
        tally=tally,
        refusals=refusals,
        reason=other.reason,
    )


def _make(station: Station, settings: SensorgnomeSettings) -> Source:
    return SensorgnomeSource(station, settings)


SOURCE = SourceKind(
    name="sensorgnome",
    settings=SensorgnomeSettings,
    make=_make,
    schema=positions.SCHEMA + counts.SCHEMA + accounts.SCHEMA + contents.SCHEMA,
)
