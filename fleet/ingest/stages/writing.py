"""Writing the batch: its rows with one COPY per table, then everything that follows from them in one go."""

from fleet.alerts.made.notes import NOTE_SQL
from fleet.ingest import database
from fleet.ingest.batch import Batch
from fleet.ingest.ledger import streams_write, unsequenced_write
from fleet.ingest.memory.dirty_hours import HOUR
from fleet.ingest.round import Round
from fleet.ingest.stages.contact import contacts_write
from fleet.ingest.stages.files import files_write
from fleet.ingest.stages.forwarding import notes_write, organizations_fed
from fleet.ingest.stages.latest_words import said_write
from fleet.ingest.stages.metering import Counter, metering_write
from fleet.ingest.stages.newest import hours_write, newest_write, tags_write


def write_rows(work: Round) -> None:
    """Copy the rows into their tables."""
    work.batch.rows_write()


def write_facts(work: Round) -> None:
    """Write newest values, counts, the ledger and contacts, waiting for the database only once."""
    batch, streams = work.batch, work.streams
    counters = {
        station_id: Counter(row.data_counter, row.data_sent, row.data_received)
        for station_id, row in work.contacts.items()
    }
    fed = organizations_fed(work.heard.values(), batch)
    with database.pipeline():
        newest_write(batch)
        hours_write(batch)
        work.memory.noted.write(batch.dirty)
        heard = {(station_id, start // HOUR) for station_id, start, _port, _kind in batch.hours}
        work.memory.heard.write(work.memory.noted.fresh, heard, work.moment)
        notes_write(batch, fed)
        _rules_note(batch, {station.organization_id for station in work.heard.values()})
        files_write(batch)
        streams_write(streams.states(), work.moment)
        unsequenced_write(batch.unsequenced, work.moment)
        batch.all_home = streams.all_home()
        work.states_before = contacts_write(work.contacts, batch)
        said_write(work.known, batch)
        metering_write(batch, counters)
        # Last, because it may wait for a move of rows, which may need locks that we would take later.
        tags_write(batch)


def _rules_note(batch: Batch, organizations: set[int]) -> None:
    """Note the hours of series that got rows, if any of the senders' organizations has alert rules of its own."""
    if batch.dirty:
        pairs = sorted(batch.dirty)
        columns = [pair[0] for pair in pairs], [pair[1] for pair in pairs], organizations
        database.cursor().execute(NOTE_SQL, [database.numbers(column) for column in columns])
