"""Locks of a batch: contacts, then streams, each in the order of ids, so that no two workers deadlock."""

from fleet.ingest import database
from fleet.ingest.contacts import contacts_lock, contacts_read
from fleet.ingest.ledger import Key, Streams, number_of_refusal, streams_lock, streams_read
from fleet.ingest.round import Round
from fleet.ingest.stages.predecessors import StationMoved
from fleet.ingest.uploads import present_stations


def lock_rows(work: Round) -> None:
    """Lock the senders' contacts and streams. Raises `StationMoved` if what was remembered of a sender is outdated."""
    station_ids, batch = sorted(work.heard), work.batch
    if station_ids:
        keys = _streams_named(work)
        with database.pipeline():
            asked = contacts_lock(station_ids), streams_lock(keys)
        work.contacts = work.known = contacts_read(asked[0], station_ids)
        work.streams = Streams(streams_read(asked[1], keys, work.moment), work.moment)
    for station_id, station in work.heard.items():
        row = work.contacts.get(station_id)
        if row is None or row.epoch != station.epoch:
            raise StationMoved(station.serial)
    batch.present = present_stations(work.arrivals, work.refusals)
    batch.clocks_before = {station_id: row.clock_offset_s for station_id, row in work.contacts.items()}


def _streams_named(work: Round) -> list[Key]:
    named: set[Key] = {
        (arrival.station.id, stream)
        for arrival in work.arrivals
        if (stream := arrival.message.envelope.stream) is not None
    }
    named |= {
        (refusal.station.id, number.stream)
        for refusal in work.refusals
        if refusal.station is not None and (number := number_of_refusal(refusal)) is not None
    }
    return list(named)
