"""Ids that handlers need: of series, and of stations' own files."""

from fleet.ingest.round import Round
from fleet.ingest.stages.predecessors import line_of, moved_only


def load_series(work: Round) -> None:
    """Load the series of the senders and of the stations that had their serials before."""
    before = [older.id for station in moved_only(work.heard.values()) for older in line_of(station)]
    work.memory.series.meet([*work.heard, *before])


def load_files(work: Round) -> None:
    """Put the ids of the files that the messages name into the batch; create new files, up to the limit."""
    named = {(a.station.id, file) for a in work.fresh if (file := a.message.contract.file(a.message.body))}
    if named:
        work.batch.file_ids, work.batch.overfull = work.memory.files.meet(named, work.moment)
