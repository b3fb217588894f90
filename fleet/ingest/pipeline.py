"""From raw deliveries to committed rows: the stages, in order, in one transaction.

    read messages ─▶ load series ─▶ lock rows ─▶ drop repeats ─▶ apply quotas ─▶ hold unread ─▶ count traffic
    ─▶ drop repeated refusals ─▶ hand over ─▶ load files ─▶ run handlers ─▶ write accounts ─▶ write manifests
    ─▶ write rows ─▶ write facts ─▶ apply command reports ─▶ settle refusals ─▶ announce contacts
    ─▶ quarantine refusals ─▶ list changes ─▶ commit

Messages that are taken again, out of quarantine, lock no contact and meet no quota:

    read messages ─▶ load series ─▶ record unread numbers ─▶ hand over ─▶ load files ─▶ run handlers
    ─▶ write accounts ─▶ write manifests ─▶ write rows ─▶ peek contacts ─▶ write facts ─▶ apply command reports
    ─▶ announce contacts ─▶ quarantine refusals ─▶ list changes ─▶ commit

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

from fleet.core import clock
from fleet.ingest.batch import Batch
from fleet.ingest.delivery import Delivery, Refusal
from fleet.ingest.memory import Memory
from fleet.ingest.outcome import Outcome
from fleet.ingest.quarantine import quarantine_write
from fleet.ingest.reading import Portion, Reader
from fleet.ingest.round import Round
from fleet.ingest.stages.admission import (
    apply_quotas,
    count_traffic,
    drop_repeated_refusals,
    drop_repeats,
    hold_unread,
    record_unread_numbers,
)
from fleet.ingest.stages.contact import announce_contacts
from fleet.ingest.stages.file_accounts import write_accounts
from fleet.ingest.stages.handling import run_handlers
from fleet.ingest.stages.latest_words import peek_contacts
from fleet.ingest.stages.locks import lock_rows
from fleet.ingest.stages.lookups import load_files, load_series
from fleet.ingest.stages.manifests import write_manifests
from fleet.ingest.stages.messages import read_messages
from fleet.ingest.stages.not_stored import quarantine_unstored
from fleet.ingest.stages.predecessors import StationMoved, hand_over, refusals_hand_over
from fleet.ingest.stages.results import apply_command_reports, list_changes, quarantine_refusals
from fleet.ingest.stages.reused_numbers import settle_refusals
from fleet.ingest.stages.writing import write_facts, write_rows
from message_queue.routing import serial_of_exchange

_log = logging.getLogger(__name__)

Stage = Callable[[Round], None]
#: The stages of a batch in order, as drawn above. Locks are taken in this order by all workers.
STAGES: tuple[Stage, ...] = (
    read_messages,
    load_series,
    lock_rows,
    drop_repeats,
    apply_quotas,
    hold_unread,
    count_traffic,
    drop_repeated_refusals,
    hand_over,
    load_files,
    run_handlers,
    write_accounts,
    write_manifests,
    write_rows,
    write_facts,
    apply_command_reports,
    settle_refusals,
    announce_contacts,
    quarantine_refusals,
    list_changes,
)
#: The same for messages that are taken again.
STAGES_AGAIN: tuple[Stage, ...] = (
    read_messages,
    load_series,
    record_unread_numbers,
    hand_over,
    load_files,
    run_handlers,
    write_accounts,
    write_manifests,
    write_rows,
    peek_contacts,
    write_facts,
    apply_command_reports,
    announce_contacts,
    quarantine_refusals,
    list_changes,
)

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
PORTION = Portion(seconds=0.05, rows=50_000, size=16_000_000)
LATE_PORTION = Portion(seconds=0.04, rows=10_000, size=16_000_000)
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
        self._memory = Memory()
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
        self._memory.stations.forget()
        try:
            with transaction.atomic():
                known = self._memory.stations.look_up({s for s in serials if s is not None})
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
        self._memory.forget()

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
                self._memory.drop()
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
                self._memory.keep()
                return outcome

    def _quarantine_one(self, delivery: Delivery, error: Exception, again_from: datetime | None) -> Outcome:
        """Quarantine one message that was readable but could not be written."""
        _log.error("One message was refused by the database or its handler and goes to quarantine", exc_info=error)
        with transaction.atomic():
            work = self._round([delivery], is_staged=False, again_from=again_from)
            read_messages(work)
            quarantine_unstored(work, error)
        return work.outcome

    def _write(self, deliveries: Sequence[Delivery], *, is_staged: bool, again_from: datetime | None) -> Outcome:
        """Do the work of one transaction. `again_from`: when messages that are taken again first arrived."""
        work = self._round(deliveries, is_staged=is_staged, again_from=again_from)
        for stage in STAGES if again_from is None else STAGES_AGAIN:
            stage(work)
        return work.outcome

    def _round(self, deliveries: Sequence[Delivery], *, is_staged: bool, again_from: datetime | None) -> Round:
        return Round(
            deliveries,
            self._memory,
            self._reader,
            Batch(again_from or clock.now(), self._memory.series, is_staged=is_staged),
            is_again=again_from is not None,
            is_unread=self._is_unread,
        )


def _by_station(deliveries: Sequence[Delivery]) -> tuple[list[Delivery], list[Delivery]]:
    """Two halves of a batch of several stations; each station's messages stay together."""
    exchanges = list(dict.fromkeys(delivery.exchange for delivery in deliveries))
    first = set(exchanges[: len(exchanges) // 2])
    return [d for d in deliveries if d.exchange in first], [d for d in deliveries if d.exchange not in first]
