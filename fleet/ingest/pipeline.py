"""From raw deliveries to committed rows: the stages, in order, in one transaction.

    identify ─▶ decode ─▶ lock contact and ledger rows ─▶ drop repeats ─▶ hand over ─▶ handlers ─▶ COPY
             ─▶ newest values, counts, files ─▶ ledger ─▶ contact ─▶ quarantine ─▶ commit

Acknowledged means committed: the caller acknowledges only after `take` returned. One bad message never costs its
neighbours: an unreadable one goes to quarantine, and if the database refuses a batch, it is split until the message is
found. No batch takes long: it ends when reading it has cost enough, and the rest is handed back with the exchange that
cost most. If the database is away, `DatabaseAway` is raised; nothing was stored and the caller tries again.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime

import psycopg
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction

from fleet.alerts.services import station_heard_again
from fleet.commands.reports import Report, commands_report
from fleet.core import clock
from fleet.ingest import database
from fleet.ingest.batch import Batch
from fleet.ingest.delivery import LEFT_OUT, Arrival, Delivery, Refusal, StationRef
from fleet.ingest.handlers import handlers
from fleet.ingest.ledger import (
    Key,
    Streams,
    Taken,
    number_of,
    number_of_refusal,
    ranks_read,
    streams_lock,
    streams_read,
    streams_write,
    unsequenced_write,
)
from fleet.ingest.limits.quota import OVER_QUOTA, UNREAD_SENTENCE
from fleet.ingest.outcome import Outcome
from fleet.ingest.quarantine import quarantine_write
from fleet.ingest.reading import Portion, Reader, unread, weight_said
from fleet.ingest.stages.admission import (
    numbers_take,
    numbers_take_unread,
    quota_keep,
    refusals_first,
    traffic_count,
    weight_note,
)
from fleet.ingest.stages.contact import ContactRow, contacts_lock, contacts_read, contacts_write
from fleet.ingest.stages.dirty_hours import NotedHours
from fleet.ingest.stages.file_accounts import accounts_write
from fleet.ingest.stages.files import FileBook, files_write
from fleet.ingest.stages.latest_words import contacts_peek, said_write
from fleet.ingest.stages.metering import Counter, metering_write
from fleet.ingest.stages.newest import hours_write, newest_write
from fleet.ingest.stages.predecessors import StationMoved, arrivals_hand_over, line_of, moved_only, refusals_hand_over
from fleet.ingest.stages.reused_numbers import may_be_reused, refusals_settle
from fleet.ingest.stages.series import SeriesBook
from fleet.ingest.stages.stations import StationBook
from fleet.ingest.uploads import present_stations
from fleet.stations.contact.announcing import contacts_announce
from message_queue.errors import MessageRefused
from message_queue.routing import serial_of_exchange

_log = logging.getLogger(__name__)

#: A read-only database (a standby, or a full disk that an operator is working on) counts as away.
_AWAY = (
    *(OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError),
    psycopg.errors.ReadOnlySqlTransaction,
)
#: Some row of the batch already exists in its table: the batch is written again, the staged way.
_REPEATED = psycopg.errors.UniqueViolation
#: Conflicts with other transactions that another try resolves: deadlock, serialization failure, lock timeout.
_CONTENTION = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure, psycopg.errors.LockNotAvailable)
_TRIES = 3
#: How much is read at once; the second for late messages.
PORTION = Portion(seconds=0.15, rows=100_000, size=16_000_000)
LATE_PORTION = Portion(seconds=0.04, rows=10_000, size=16_000_000)
#: Weight of searching for a message that the database refuses: it takes some transactions.
NOT_STORED_WEIGHT = 500_000
#: Once the database has refused a batch, no further part of it is examined after this many seconds.
PARTS_S = 0.5


class _NotWritten(Exception):
    """The database, or a handler, refused a batch."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class DatabaseAway(Exception):
    """PostgreSQL cannot be reached or accepts no writes now. Nothing of the batch was stored."""


class Pipeline:
    """Takes batches for one worker, and remembers stations and series between them. Not thread-safe."""

    def __init__(self, *, progress: Callable[[], None] = lambda: None) -> None:
        self._stations = StationBook()
        self._series = SeriesBook()
        self._files = FileBook()
        self._noted = NotedHours()
        self._reader = Reader()
        self._is_unread = False
        #: Called between the transactions of one take.
        self._progress = progress

    def take(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Commit these messages as rows, as repeats, or in quarantine; some may be left over. Raises `DatabaseAway`."""
        return self._take_portion(deliveries, PORTION)

    def take_late(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Like `take`, for messages that can wait: a smaller portion, so that nobody waits for them."""
        return self._take_portion(deliveries, LATE_PORTION)

    def take_unread(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Quarantine these as if they were over quota, without the cost of reading them. Raises `DatabaseAway`."""
        self._is_unread = True
        try:
            return self._take_or_away(deliveries)
        finally:
            self._is_unread = False

    def _take_portion(self, deliveries: Sequence[Delivery], portion: Portion) -> Outcome:
        try:
            count, costly = self._reader.ahead(deliveries, portion)
            outcome = self._take_or_away(deliveries[:count])
            outcome.left += deliveries[count:]
            if costly is not None:
                outcome.costly.add(costly)
            return outcome
        finally:
            self._reader.forget()

    def _take_or_away(self, deliveries: Sequence[Delivery]) -> Outcome:
        try:
            return self._take(deliveries)
        except _AWAY as error:
            self.forget()
            connection.close()
            raise DatabaseAway(str(error).strip().splitlines()[0] if str(error).strip() else "no answer") from error

    def retake(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Take messages out of quarantine again. Raises `DatabaseAway`.

        The ledger has their numbers, and they are no contact: only their rows are written, each once, with the moment
        at which they first arrived. Messages that still cannot be stored are quarantined as new ones.
        """
        by_moment: dict[datetime, list[Delivery]] = {}
        for delivery in deliveries:
            by_moment.setdefault(delivery.received_at or clock.now(), []).append(delivery)
        outcome = Outcome()
        for moment in sorted(by_moment):
            try:
                outcome.add(self._take(by_moment[moment], again_from=moment))
            except _AWAY as error:
                raise DatabaseAway(str(error)) from error
            finally:
                self._reader.forget()
        return outcome

    def take_dead(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Quarantine messages that the broker set aside. Raises `DatabaseAway`."""
        sentence = (
            "The broker set the message aside: it was delivered too often because its reader died each time, "
            "or it expired before it was read."
        )
        serials = [serial_of_exchange(d.exchange) for d in deliveries]
        # They are few, and nothing is locked here that would reveal a moved station.
        self._stations.forget()
        try:
            with transaction.atomic():
                known = self._stations.look_up({s for s in serials if s is not None})
                refusals = [
                    Refusal(delivery, known.get(serial or ""), "dead-lettered", sentence)
                    for delivery, serial in zip(deliveries, serials, strict=True)
                ]
                return Outcome(quarantined=quarantine_write(refusals_hand_over(refusals), clock.now()))
        except _AWAY as error:
            self.forget()
            connection.close()
            raise DatabaseAway(str(error)) from error

    def forget(self) -> None:
        """Forget everything remembered between batches."""
        self._stations.forget()
        self._series.forget()
        self._files.forget()
        self._noted.forget()

    def _take(self, deliveries: Sequence[Delivery], *, again_from: datetime | None = None) -> Outcome:
        """Commit a batch; if the database refuses it, split it by station first, then into ever smaller parts."""
        outcome, end = Outcome(), time.monotonic() + PARTS_S
        parts: deque[Sequence[Delivery]] = deque([deliveries])
        # Parts of one station that contain something that cannot be written: examined last, down to single messages.
        suspects: list[Sequence[Delivery]] = []
        while parts or suspects:
            part = parts.popleft() if parts else suspects.pop()
            try:
                outcome.add(self._take_whole(part, again_from))
            except _NotWritten as refused:
                self.forget()
                if len({delivery.exchange for delivery in part}) > 1:
                    parts.extend(_by_station(part))
                elif len(part) > 1:
                    suspects += [part[len(part) // 2 :], part[: len(part) // 2]]
                else:
                    outcome.add(self._quarantine_one(part[0], refused.error, again_from))
                    if again_from is None and time.monotonic() > end:
                        outcome.left = [delivery for rest in (*parts, *suspects) for delivery in rest]
                        outcome.costly = {part[0].exchange}
                        break
            self._progress()
        return outcome

    def _take_whole(self, deliveries: Sequence[Delivery], again_from: datetime | None) -> Outcome:
        """Commit a batch in one transaction. Raises `_NotWritten` if something in it cannot be written."""
        is_staged, tries = again_from is not None, 0
        while True:
            try:
                with transaction.atomic():
                    outcome = self._write(deliveries, is_staged=is_staged, again_from=again_from)
            except StationMoved:
                self.forget()
            except Exception as error:
                self._series.drop()
                self._files.drop()
                self._noted.drop()
                cause = error.__cause__ if isinstance(error, DatabaseError) else error
                if isinstance(cause, _REPEATED) and not is_staged:
                    is_staged = True
                    continue
                tries += 1
                if isinstance(cause, _CONTENTION) and tries < _TRIES:
                    continue
                if isinstance(error, _AWAY) or isinstance(cause, _AWAY):
                    raise
                raise _NotWritten(error) from error
            else:
                self._series.keep()
                self._files.keep()
                self._noted.keep()
                return outcome

    def _quarantine_one(self, delivery: Delivery, error: Exception, again_from: datetime | None) -> Outcome:
        """Quarantine one message that was readable but could not be written."""
        _log.error("One message was refused by the database or its handler and goes to quarantine", exc_info=error)
        sentence = f"The message is readable but could not be stored: {type(error).__name__}: {error}"
        moment, outcome = again_from or clock.now(), Outcome()
        with transaction.atomic():
            arrivals, refusals = self._read([delivery])
            station = arrivals[0].station if arrivals else refusals[0].station if refusals else None
            if station is not None and again_from is None:
                weight_note(station, delivery.exchange, weight_said(delivery) + NOT_STORED_WEIGHT, moment)
            if arrivals and again_from is None and (number := number_of(arrivals[0])) is not None:
                key = (arrivals[0].station.id, number.stream)
                streams = Streams(streams_read(streams_lock([key]), [key], moment), moment)
                outcome.repeats += streams.take(key[0], number) is Taken.REPEAT
                streams_write(streams.states(), moment)
                delivery.is_reused = bool(outcome.repeats) and may_be_reused(number)
                if outcome.repeats and not delivery.is_reused:
                    return outcome
            kept = refusals_hand_over([Refusal(delivery, station, "not-stored", sentence)])
            outcome.quarantined = quarantine_write(refusals_settle(kept, outcome), moment)
        return outcome

    def _read(self, deliveries: Sequence[Delivery]) -> tuple[list[Arrival], list[Refusal]]:
        """Identify each sender by its exchange and decode; unreadable messages become refusals."""
        serials = [serial_of_exchange(d.exchange) for d in deliveries]
        known = self._stations.look_up({s for s in serials if s is not None})
        arrivals: list[Arrival] = []
        refusals: list[Refusal] = []
        for delivery, serial in zip(deliveries, serials, strict=True):
            station = known.get(serial) if serial is not None else None
            if station is None:
                sentence = f"No registered station sends through {delivery.exchange[:80]!r}."
                refusals.append(Refusal(delivery, None, "unknown-station", sentence))
                continue
            read = unread(delivery, station) if self._is_unread else self._reader.message(delivery, station)
            if isinstance(read, Arrival):
                arrivals.append(read)
            else:
                refusals.append(read)
        return arrivals, refusals

    def _write(self, deliveries: Sequence[Delivery], *, is_staged: bool, again_from: datetime | None) -> Outcome:
        """Do the work of one transaction. `again_from`: when messages that are taken again first arrived."""
        moment = again_from or clock.now()
        arrivals, refusals = self._read(deliveries)
        heard: dict[int, StationRef] = {a.station.id: a.station for a in arrivals}
        heard |= {r.station.id: r.station for r in refusals if r.station is not None}
        moved = moved_only(heard.values())
        self._series.meet([*heard, *(before.id for station in moved for before in line_of(station))])
        batch = Batch(moment, is_staged=is_staged)
        outcome = Outcome()
        if again_from is None:
            contacts, streams = _lock(sorted(heard), arrivals, refusals, moment)
            _check_unmoved(heard, contacts)
            batch.present = present_stations(arrivals, refusals)
            batch.clocks_before = {station_id: row.clock_offset_s for station_id, row in contacts.items()}
            fresh = numbers_take(arrivals, streams, batch, refusals, outcome)
            batch.ranks = streams.ranks()
            taken = quota_keep(arrivals, fresh, contacts, batch, refusals, outcome)
            fresh = self._hold_unread(taken, refusals)
            traffic_count(arrivals, refusals, batch)
            kept = refusals_first(refusals, streams, outcome)
        else:
            contacts = {}
            fresh, streams = numbers_take_unread(arrivals, batch, refusals, outcome)
            batch.ranks = ranks_read(arrivals)
            kept = refusals
        if moved:
            kept = refusals_hand_over(kept)
            fresh = arrivals_hand_over(fresh, batch, kept)
            heard |= {a.station.id: a.station for a in fresh}
        self._files.meet(fresh, batch)
        self._handle(fresh, batch, kept, outcome)
        accounts_write(batch)
        batch.rows_write()
        known = contacts_peek(batch) if again_from is not None else contacts
        with database.pipeline():
            newest_write(batch)
            hours_write(batch)
            self._noted.write(batch.dirty)
            files_write(batch)
            streams_write(streams.states(), moment)
            unsequenced_write(batch.unsequenced, moment)
            batch.all_home = streams.all_home()
            before = contacts_write(contacts, batch)
            said_write(known, batch)
            metering_write(
                batch, {i: Counter(r.data_counter, r.data_sent, r.data_received) for i, r in contacts.items()}
            )
        kept += _apply_command_reports(batch)
        kept = refusals_settle(kept, outcome) if again_from is None else kept
        _announce_contacts(before, moment)
        # Messages stored in part are in quarantine as well; here each message counts once.
        outcome.quarantined = (quarantine_write(kept, moment) if kept else 0) - outcome.partial
        for station in heard.values():
            outcome.changed.setdefault(station.organization_id, set()).add(station.serial)
        return outcome

    def _hold_unread(self, arrivals: list[Arrival], refusals: list[Refusal]) -> list[Arrival]:
        """Let messages that nobody has read wait like those over quota."""
        if not self._is_unread:
            return arrivals
        refusals += [
            Refusal(a.delivery, a.station, OVER_QUOTA, UNREAD_SENTENCE, is_counted=True, is_unread=True)
            for a in arrivals
        ]
        return []

    def _handle(self, arrivals: list[Arrival], batch: Batch, refusals: list[Refusal], outcome: Outcome) -> None:
        """Let the handlers fill the batch."""
        by_kind, series = handlers(), self._series
        for arrival in arrivals:
            try:
                by_kind[arrival.message.envelope.kind](arrival, batch, series)
            except MessageRefused as error:
                # Its number is already recorded: the message has arrived, only not as rows.
                refusals.append(Refusal(arrival.delivery, arrival.station, error.reason, str(error), is_counted=True))
            else:
                # One under a known number counts as a repeat, but no longer if it comes from quarantine.
                outcome.stored += not arrival.delivery.is_reused or arrival.delivery.number_held is not None
                if arrival.left_out:
                    outcome.partial += 1
                    sentence = arrival.left_out.sentence()
                    refusals.append(Refusal(arrival.delivery, arrival.station, LEFT_OUT, sentence, is_counted=True))


def _announce_contacts(before: dict[int, str], moment: datetime) -> None:
    """Announce contacts whose state changed, and close silence incidents of stations that were silent."""
    contacts_announce(before=before, moment=moment)
    silent = [station_id for station_id, state in before.items() if state == "silent"]
    station_heard_again(station_ids=silent, moment=moment)


def _check_unmoved(heard: dict[int, StationRef], contacts: dict[int, ContactRow]) -> None:
    """Raise `StationMoved` if a station, now that its contact is locked, differs from what was remembered."""
    for station_id, station in heard.items():
        row = contacts.get(station_id)
        if row is None or row.epoch != station.epoch:
            raise StationMoved(station.serial)


def _lock(
    station_ids: list[int], arrivals: list[Arrival], refusals: list[Refusal], moment: datetime
) -> tuple[dict[int, ContactRow], Streams]:
    """Lock contacts, then streams, each in the order of ids, so that no two workers deadlock."""
    if not station_ids:
        return {}, Streams({}, moment)
    numbered: set[Key] = {
        (arrival.station.id, stream) for arrival in arrivals if (stream := arrival.message.envelope.stream) is not None
    }
    numbered |= {
        (refusal.station.id, number.stream)
        for refusal in refusals
        if refusal.station is not None and (number := number_of_refusal(refusal)) is not None
    }
    keys = list(numbered)
    with database.pipeline():
        asked = contacts_lock(station_ids), streams_lock(keys)
    return contacts_read(asked[0], station_ids), Streams(streams_read(asked[1], keys, moment), moment)


def _apply_command_reports(batch: Batch) -> list[Refusal]:
    """Apply reports about commands; return refusals for those that are about another station's command."""
    reports = [Report(arrival.station.id, arrival.message.body) for arrival in batch.command_statuses]
    refused: list[Refusal] = []
    for stray in commands_report(reports, batch.moment):
        arrival = batch.command_statuses[stray]
        sentence = f"The station has no command {reports[stray].status.command}."
        refused.append(Refusal(arrival.delivery, arrival.station, "unknown-command", sentence, is_counted=True))
    return refused


def _by_station(deliveries: Sequence[Delivery]) -> tuple[list[Delivery], list[Delivery]]:
    """Two halves of a batch of several stations; each station's messages stay together."""
    exchanges = list(dict.fromkeys(delivery.exchange for delivery in deliveries))
    first = set(exchanges[: len(exchanges) // 2])
    return [d for d in deliveries if d.exchange in first], [d for d in deliveries if d.exchange not in first]
