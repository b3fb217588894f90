"""From raw deliveries to committed rows: the stages, in order, in one transaction.

    identify ─▶ decode ─▶ lock contact and ledger rows ─▶ drop repeats ─▶ hand over ─▶ handlers ─▶ COPY
             ─▶ newest values, counts, files ─▶ ledger ─▶ contact ─▶ quarantine ─▶ commit

Acknowledged means committed: the caller acknowledges only after `take` returned. One bad message never costs its
neighbours: what cannot be read goes to quarantine, and when the database refuses a batch it is halved until the
one message is found. A database that is away raises `DatabaseAway`; nothing was taken and the caller tries again.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import psycopg
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction

from fleet.alerts.services import station_heard_again
from fleet.commands.services import command_report
from fleet.core import clock
from fleet.ingest import database
from fleet.ingest.accounts import accounts_write
from fleet.ingest.batch import Batch
from fleet.ingest.book import StationBook
from fleet.ingest.contact import ContactRow, contacts_lock, contacts_read, contacts_write
from fleet.ingest.delivery import FORKED, Arrival, Delivery, Refusal, StationRef
from fleet.ingest.derived import hours_write, newest_write
from fleet.ingest.gaps import TOO_MANY_GAPS, TOO_MANY_GAPS_SENTENCE, gaps_first
from fleet.ingest.handlers import handlers
from fleet.ingest.handover import StationMoved, arrivals_hand_over, line_of, moved_only, refusals_hand_over
from fleet.ingest.ledger import (
    Key,
    Streams,
    Taken,
    number_of,
    number_of_refusal,
    streams_lock,
    streams_read,
    streams_write,
    unsequenced_write,
)
from fleet.ingest.metering import Counter, metering_write
from fleet.ingest.noted import NotedHours
from fleet.ingest.quarantine import quarantine_write
from fleet.ingest.quota import OVER_QUOTA, OVER_QUOTA_SENTENCE, quota_apply, quota_default
from fleet.ingest.series import SeriesBook
from fleet.ingest.station_files import FileBook, files_write
from fleet.ingest.uploads import present_stations, upload_check
from message_queue.codec import decode
from message_queue.errors import MessageRefused
from message_queue.routing import serial_of_exchange

_log = logging.getLogger(__name__)

#: A database that only reads now (a standby, a full disk in its operator's hands) is as good as away.
_AWAY = (
    *(OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError),
    psycopg.errors.ReadOnlySqlTransaction,
)
#: Some row of the batch is in its table already: the batch is written again, the staged way.
_REPEATED = psycopg.errors.UniqueViolation
#: Waits for others that a second try settles: deadlock and serialization failure.
_CONTENTION = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure, psycopg.errors.LockNotAvailable)
_TRIES = 3
_FORKED_SENTENCE = (
    "Another life of this station's agent has sent a message of this number: there are two machines with its identity, "
    "or its outbox went back in time. The message waits until that is known."
)


class DatabaseAway(Exception):
    """PostgreSQL cannot be reached or takes no writes now. Nothing of the batch was taken."""


@dataclass(slots=True)
class Outcome:
    """What a batch came to."""

    stored: int = 0
    repeats: int = 0
    quarantined: int = 0
    #: Serials that changed, by organization id.
    changed: dict[int, set[str]] = field(default_factory=dict)
    #: Serials of which something waits because they are over their quota.
    over_quota: set[str] = field(default_factory=set)

    def add(self, other: "Outcome") -> None:
        """Count another outcome in."""
        self.stored += other.stored
        self.repeats += other.repeats
        self.quarantined += other.quarantined
        for organization_id, serials in other.changed.items():
            self.changed.setdefault(organization_id, set()).update(serials)
        self.over_quota |= other.over_quota


class Pipeline:
    """Takes batches for one worker, and remembers stations and series between them. Not for several threads."""

    def __init__(self) -> None:
        self._stations = StationBook()
        self._series = SeriesBook()
        self._files = FileBook()
        self._noted = NotedHours()

    def take(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Commit these messages, each as rows, as a repeat, or in quarantine. Raises `DatabaseAway`."""
        try:
            return self._take(deliveries)
        except _AWAY as error:
            self.forget()
            connection.close()
            raise DatabaseAway(str(error).strip().splitlines()[0] if str(error).strip() else "no answer") from error

    def retake(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Take messages out of quarantine again. Raises `DatabaseAway`.

        The ledger has their numbers and nobody is heard from: only their rows are written, each once, with the moment
        at which they first came. What still cannot be taken is in quarantine anew.
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
        return outcome

    def take_dead(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Quarantine messages that the broker set aside. Raises `DatabaseAway`."""
        sentence = (
            "The broker set the message aside: it was delivered too often and its reader died each time, "
            "or the time that its sender gave it ran out before it was read."
        )
        serials = [serial_of_exchange(d.exchange) for d in deliveries]
        # They are few, and nothing is locked here that would tell of a station that was moved.
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
        """Trust nothing that is remembered."""
        self._stations.forget()
        self._series.forget()
        self._files.forget()
        self._noted.forget()

    def _take(self, deliveries: Sequence[Delivery], *, again_from: datetime | None = None) -> Outcome:
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
                return self._look_closer(deliveries, error, again_from)
            else:
                self._series.keep()
                self._files.keep()
                self._noted.keep()
                return outcome

    def _look_closer(self, deliveries: Sequence[Delivery], error: Exception, again_from: datetime | None) -> Outcome:
        """Something in this batch cannot be written: halve it, or set the one message aside."""
        self.forget()
        if len(deliveries) > 1:
            middle = len(deliveries) // 2
            outcome = self._take(deliveries[:middle], again_from=again_from)
            outcome.add(self._take(deliveries[middle:], again_from=again_from))
            return outcome
        _log.error("One message was refused by the database or its handler and goes to quarantine", exc_info=error)
        return self._set_aside(deliveries[0], error, again_from)

    def _set_aside(self, delivery: Delivery, error: Exception, again_from: datetime | None) -> Outcome:
        """Quarantine one message that could be read but not written."""
        sentence = f"The message was read but could not be stored: {type(error).__name__}: {error}"
        moment = again_from or clock.now()
        with transaction.atomic():
            arrivals, refusals = self._read([delivery])
            station = arrivals[0].station if arrivals else refusals[0].station if refusals else None
            if arrivals and again_from is None and (number := number_of(arrivals[0])) is not None:
                key = (arrivals[0].station.id, number.stream)
                streams = Streams(streams_read(streams_lock([key]), [key], moment), moment)
                is_repeat = streams.take(key[0], number) is Taken.REPEAT
                streams_write(streams.states(), moment)
                if is_repeat:
                    return Outcome(repeats=1)
            quarantine_write(refusals_hand_over([Refusal(delivery, station, "not-stored", sentence)]), moment)
        return Outcome(quarantined=1)

    def _read(self, deliveries: Sequence[Delivery]) -> tuple[list[Arrival], list[Refusal]]:
        """Identify each sender by its exchange and decode; what cannot be read becomes a refusal."""
        serials = [serial_of_exchange(d.exchange) for d in deliveries]
        known = self._stations.look_up({s for s in serials if s is not None})
        arrivals: list[Arrival] = []
        refusals: list[Refusal] = []
        for delivery, serial in zip(deliveries, serials, strict=True):
            station = known.get(serial) if serial is not None else None
            if station is None:
                sentence = f"No station is registered that sends through {delivery.exchange[:80]!r}."
                refusals.append(Refusal(delivery, None, "unknown-station", sentence))
                continue
            try:
                message = decode(delivery.properties, delivery.routing_key, station.serial, delivery.body)
                upload_check(delivery.exchange, message)
            except MessageRefused as error:
                refusals.append(Refusal(delivery, station, error.reason, str(error)))
            except RecursionError:
                refusals.append(Refusal(delivery, station, "too-deep", "The message is nested too deeply."))
            else:
                arrivals.append(Arrival(delivery, station, message))
        return arrivals, refusals

    def _write(self, deliveries: Sequence[Delivery], *, is_staged: bool, again_from: datetime | None) -> Outcome:
        """One transaction's work. `again_from` is the moment at which messages came that are taken again."""
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
            _still_theirs(heard, contacts)
            batch.present = present_stations(arrivals, refusals)
            batch.clocks_before = {station_id: row.clock_offset_s for station_id, row in contacts.items()}
            fresh, gapped = _numbers_take(arrivals, streams, batch, refusals, outcome)
            fresh = _quota_keep(fresh, gapped, contacts, batch, refusals, outcome)
            _traffic_count(arrivals, refusals, batch)
            kept = gaps_first([r for r in refusals if _is_first(r, streams)])
            outcome.repeats += len(refusals) - len(kept)
        else:
            contacts, streams = {}, Streams({}, moment)
            fresh, kept = arrivals, refusals
        if moved:
            kept = refusals_hand_over(kept)
            fresh = arrivals_hand_over(fresh, batch, kept)
            heard |= {a.station.id: a.station for a in fresh}
        self._files.meet(fresh, batch)
        self._handle(fresh, batch, kept, outcome)
        accounts_write(batch)
        for sink in batch.sinks():
            if sink.rows:
                sink.write()
        with database.pipeline():
            newest_write(batch)
            hours_write(batch)
            self._noted.write(batch.dirty)
            files_write(batch)
            streams_write(streams.states(), moment)
            unsequenced_write(batch.unsequenced, moment)
            batch.all_home = streams.all_home()
            silent_before = contacts_write(contacts, batch)
            metering_write(
                batch, {i: Counter(r.data_counter, r.data_sent, r.data_received) for i, r in contacts.items()}
            )
        for station, status in batch.command_statuses:
            command_report(station_id=station.id, status=status, moment=moment)
        if silent_before:
            station_heard_again(station_ids=silent_before, moment=moment)
        outcome.quarantined = quarantine_write(kept, moment) if kept else 0
        for station in heard.values():
            outcome.changed.setdefault(station.organization_id, set()).add(station.serial)
        return outcome

    def _handle(self, arrivals: list[Arrival], batch: Batch, refusals: list[Refusal], outcome: Outcome) -> None:
        """Let the handlers fill the batch."""
        by_kind, series = handlers(), self._series
        for arrival in arrivals:
            try:
                by_kind[arrival.message.envelope.kind](arrival, batch, series)
            except MessageRefused as error:
                # Its number is noted already: the message is here, only not as rows.
                refusals.append(Refusal(arrival.delivery, arrival.station, error.reason, str(error), is_counted=True))
            else:
                outcome.stored += 1


def _still_theirs(heard: dict[int, StationRef], contacts: dict[int, ContactRow]) -> None:
    """Raise `StationMoved` when a station, now that its contact is locked, is not what was remembered of it."""
    for station_id, station in heard.items():
        row = contacts.get(station_id)
        if row is None or row.epoch != station.epoch:
            raise StationMoved(station.serial)


def _lock(
    station_ids: list[int], arrivals: list[Arrival], refusals: list[Refusal], moment: datetime
) -> tuple[dict[int, ContactRow], Streams]:
    """Lock contacts, then streams, each in the order of ids: no two workers wait for each other in a circle."""
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


def _numbers_take(
    arrivals: list[Arrival], streams: Streams, batch: Batch, refusals: list[Refusal], outcome: Outcome
) -> tuple[list[Arrival], list[Arrival]]:
    """Note the numbers; return what is new, and what waits for room. What has no number is told apart by its rows."""
    fresh: list[Arrival] = []
    gapped: list[Arrival] = []
    for arrival in arrivals:
        number, station_id = number_of(arrival), arrival.station.id
        if number is None:
            batch.unsequenced[station_id] = batch.unsequenced.get(station_id, 0) + 1
            batch.stage()
            fresh.append(arrival)
            continue
        taken = streams.take(station_id, number)
        if taken is Taken.NEW:
            fresh.append(arrival)
        elif taken is Taken.REPEAT:
            outcome.repeats += 1
        elif taken is Taken.GAPPED:
            gapped.append(arrival)
            sentence = TOO_MANY_GAPS_SENTENCE
            refusals.append(Refusal(arrival.delivery, arrival.station, TOO_MANY_GAPS, sentence, is_counted=True))
        else:
            refusals.append(Refusal(arrival.delivery, arrival.station, FORKED, _FORKED_SENTENCE, is_counted=True))
    return fresh, gapped


def _traffic_count(arrivals: list[Arrival], refusals: list[Refusal], batch: Batch) -> None:
    """Count what came from each station, repeats among it: the link carried them too."""
    traffic = batch.traffic
    for arrival in arrivals:
        count, size = traffic.get(arrival.station.id, (0, 0))
        traffic[arrival.station.id] = count + 1, size + len(arrival.delivery.body)
    for refusal in refusals:
        # One that was read before it was refused is among the arrivals.
        if refusal.station is not None and not refusal.is_counted:
            count, size = traffic.get(refusal.station.id, (0, 0))
            traffic[refusal.station.id] = count + 1, size + len(refusal.delivery.body)


def _quota_keep(
    arrivals: list[Arrival],
    gapped: list[Arrival],
    contacts: dict[int, ContactRow],
    batch: Batch,
    refusals: list[Refusal],
    outcome: Outcome,
) -> list[Arrival]:
    """Leave out what is beyond the stations' quotas; it waits in quarantine. What waits there anyway weighs as well."""
    default = quota_default()
    quotas = {station_id: row.quota(default) for station_id, row in contacts.items()}
    batch.buckets = {station_id: row.buckets for station_id, row in contacts.items()}
    taken, waits = quota_apply(arrivals, batch.buckets, quotas, batch.moment)
    if gapped:
        quota_apply(gapped, batch.buckets, quotas, batch.moment)
    refusals += [Refusal(a.delivery, a.station, OVER_QUOTA, OVER_QUOTA_SENTENCE, is_counted=True) for a in waits]
    outcome.over_quota = {arrival.station.serial for arrival in waits}
    return taken


def _is_first(refusal: Refusal, streams: Streams) -> bool:
    """Whether this message is new to the ledger; a repeat in quarantine would be no news."""
    number = number_of_refusal(refusal)
    if number is None or refusal.station is None:
        return True
    taken = streams.take(refusal.station.id, number)
    if taken is Taken.GAPPED:
        refusal.reason, refusal.sentence = TOO_MANY_GAPS, TOO_MANY_GAPS_SENTENCE
    return taken is not Taken.REPEAT
