"""From raw deliveries to committed rows: the stages, in order, in one transaction.

    identify ─▶ decode ─▶ lock contact and ledger rows ─▶ drop repeats ─▶ handlers ─▶ COPY
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
from fleet.ingest.batch import Batch
from fleet.ingest.book import StationBook
from fleet.ingest.contact import ContactRow, contacts_lock, contacts_read, contacts_write
from fleet.ingest.delivery import Arrival, Delivery, Refusal, StationRef
from fleet.ingest.derived import files_write, hours_write, newest_write
from fleet.ingest.handlers import handlers
from fleet.ingest.ledger import Key, StreamState, key_of, streams_lock, streams_read, streams_write, unsequenced_write
from fleet.ingest.quarantine import quarantine_write
from fleet.ingest.series import SeriesBook
from message_queue.codec import decode, stream_is_valid
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

    def add(self, other: "Outcome") -> None:
        """Count another outcome in."""
        self.stored += other.stored
        self.repeats += other.repeats
        self.quarantined += other.quarantined
        for organization_id, serials in other.changed.items():
            self.changed.setdefault(organization_id, set()).update(serials)


class Pipeline:
    """Takes batches for one worker, and remembers stations and series between them. Not for several threads."""

    def __init__(self) -> None:
        self._stations = StationBook()
        self._series = SeriesBook()

    def take(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Commit these messages, each as rows, as a repeat, or in quarantine. Raises `DatabaseAway`."""
        try:
            return self._take(deliveries)
        except _AWAY as error:
            self.forget()
            connection.close()
            raise DatabaseAway(str(error).strip().splitlines()[0] if str(error).strip() else "no answer") from error

    def take_dead(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Quarantine messages that the broker set aside. Raises `DatabaseAway`."""
        sentence = (
            "The broker set the message aside: it was delivered too often and its reader died each time, "
            "or the time that its sender gave it ran out before it was read."
        )
        serials = [serial_of_exchange(d.exchange) for d in deliveries]
        try:
            with transaction.atomic():
                known = self._stations.look_up({s for s in serials if s is not None})
                refusals = [
                    Refusal(delivery, known.get(serial or ""), "dead-lettered", sentence)
                    for delivery, serial in zip(deliveries, serials, strict=True)
                ]
                return Outcome(quarantined=quarantine_write(refusals, clock.now()))
        except _AWAY as error:
            self.forget()
            connection.close()
            raise DatabaseAway(str(error)) from error

    def forget(self) -> None:
        """Trust nothing that is remembered."""
        self._stations.forget()
        self._series.forget()

    def _take(self, deliveries: Sequence[Delivery]) -> Outcome:
        is_staged, tries = False, 0
        while True:
            try:
                with transaction.atomic():
                    outcome = self._write(deliveries, clock.now(), is_staged=is_staged)
            except Exception as error:
                self._series.drop()
                cause = error.__cause__ if isinstance(error, DatabaseError) else error
                if isinstance(cause, _REPEATED) and not is_staged:
                    is_staged = True
                    continue
                tries += 1
                if isinstance(cause, _CONTENTION) and tries < _TRIES:
                    continue
                if isinstance(error, _AWAY) or isinstance(cause, _AWAY):
                    raise
                return self._look_closer(deliveries, error)
            else:
                self._series.keep()
                return outcome

    def _look_closer(self, deliveries: Sequence[Delivery], error: Exception) -> Outcome:
        """Something in this batch cannot be written: halve it, or set the one message aside."""
        self.forget()
        if len(deliveries) > 1:
            return self._halve(deliveries)
        _log.error("One message was refused by the database or its handler and goes to quarantine", exc_info=error)
        return self._set_aside(deliveries[0], error)

    def _halve(self, deliveries: Sequence[Delivery]) -> Outcome:
        middle = len(deliveries) // 2
        outcome = self._take(deliveries[:middle])
        outcome.add(self._take(deliveries[middle:]))
        return outcome

    def _set_aside(self, delivery: Delivery, error: Exception) -> Outcome:
        """Quarantine one message that could be read but not written."""
        sentence = f"The message was read but could not be stored: {type(error).__name__}: {error}"
        moment = clock.now()
        with transaction.atomic():
            arrivals, refusals = self._read([delivery])
            station = arrivals[0].station if arrivals else refusals[0].station if refusals else None
            if arrivals and (key := key_of(arrivals[0])) is not None:
                streams = streams_read(streams_lock([key]), [key], moment)
                if not _take_number(arrivals[0], streams):
                    streams_write(streams.values(), moment)
                    return Outcome(repeats=1)
                streams_write(streams.values(), moment)
            quarantine_write([Refusal(delivery, station, "not-stored", sentence)], moment)
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
            except MessageRefused as error:
                refusals.append(Refusal(delivery, station, error.reason, str(error)))
            except RecursionError:
                refusals.append(Refusal(delivery, station, "too-deep", "The message is nested too deeply."))
            else:
                arrivals.append(Arrival(delivery, station, message))
        return arrivals, refusals

    def _write(self, deliveries: Sequence[Delivery], moment: datetime, *, is_staged: bool) -> Outcome:
        arrivals, refusals = self._read(deliveries)
        heard: dict[int, StationRef] = {a.station.id: a.station for a in arrivals}
        heard |= {r.station.id: r.station for r in refusals if r.station is not None}
        refused = {named[0] for r in refusals if (named := _key_of_refusal(r)) is not None}
        keys = list({key for a in arrivals if (key := key_of(a)) is not None} | refused)
        contacts, streams = _lock(sorted(heard), keys, moment)
        batch = Batch(moment, is_staged=is_staged)
        outcome = Outcome()
        unsequenced = self._handle(arrivals, streams, batch, refusals, outcome)
        kept = [r for r in refusals if _is_first(r, streams)]
        outcome.repeats += len(refusals) - len(kept)
        for sink in batch.sinks():
            if sink.rows:
                sink.write()
        with database.pipeline():
            newest_write(batch)
            hours_write(batch)
            files_write(batch)
            streams_write(streams.values(), moment)
            unsequenced_write(unsequenced, moment)
            silent_before = contacts_write(contacts, batch)
        for station, status in batch.command_statuses:
            command_report(station_id=station.id, status=status, moment=moment)
        if silent_before:
            station_heard_again(station_ids=silent_before, moment=moment)
        outcome.quarantined = quarantine_write(kept, moment) if kept else 0
        for station in heard.values():
            outcome.changed.setdefault(station.organization_id, set()).add(station.serial)
        return outcome

    def _handle(
        self,
        arrivals: list[Arrival],
        streams: dict[Key, StreamState],
        batch: Batch,
        refusals: list[Refusal],
        outcome: Outcome,
    ) -> dict[int, int]:
        """Drop the repeats and let the handlers fill the batch; return the unsequenced messages by station id."""
        by_kind, series = handlers(), self._series
        unsequenced: dict[int, int] = {}
        for arrival in arrivals:
            envelope = arrival.message.envelope
            if envelope.stream is None:
                unsequenced[arrival.station.id] = unsequenced.get(arrival.station.id, 0) + 1
                for sink in batch.sinks():
                    sink.is_staged = True
            elif not _take_number(arrival, streams):
                outcome.repeats += 1
                continue
            try:
                by_kind[envelope.kind](arrival, batch, series)
            except MessageRefused as error:
                # Its number is noted already: the message is here, only not as rows.
                refusals.append(Refusal(arrival.delivery, arrival.station, error.reason, str(error), is_counted=True))
            else:
                outcome.stored += 1
        return unsequenced


def _lock(
    station_ids: list[int], keys: list[Key], moment: datetime
) -> tuple[dict[int, ContactRow], dict[Key, StreamState]]:
    """Lock contacts, then streams, each in the order of ids: no two workers wait for each other in a circle."""
    if not station_ids:
        return {}, {}
    with database.pipeline():
        asked = contacts_lock(station_ids), streams_lock(keys)
    return contacts_read(asked[0], station_ids), streams_read(asked[1], keys, moment)


def _take_number(arrival: Arrival, streams: dict[Key, StreamState]) -> bool:
    envelope = arrival.message.envelope
    key = key_of(arrival)
    if key is None or envelope.seq is None:
        return True
    return streams[key].take(envelope.seq, envelope.oldest, envelope.next)


def _key_of_refusal(refusal: Refusal) -> tuple[Key, int] | None:
    """Stream and number of a message that could not be read, where its headers still say them."""
    if refusal.station is None or refusal.is_counted:
        return None
    fields = refusal.delivery.properties.get("application_headers") or {}
    stream, seq = fields.get("stream"), fields.get("seq")
    if not stream_is_valid(stream) or type(seq) is not int or not 0 < seq < 9_000_000_000_000_000_000:
        return None
    return (refusal.station.id, stream), seq


def _is_first(refusal: Refusal, streams: dict[Key, StreamState]) -> bool:
    """Whether this message is new to the ledger; a repeat in quarantine would be no news."""
    named = _key_of_refusal(refusal)
    return named is None or streams[named[0]].take(named[1], None, None)
