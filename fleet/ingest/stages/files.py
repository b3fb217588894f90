"""Counts of the rows that came from each of a station's own files."""

from fleet.ingest.batch import Batch
from fleet.ingest.database import cursor, numbers


def files_write(batch: Batch) -> None:
    """Add the batch to each file's number of rows and first and last moment; mark stations with too many files."""
    if batch.overfull:
        cursor().execute(
            "INSERT INTO telemetry_filesummary (station_id, files, files_open, files_refused, files_foreign, "
            "files_gone, files_damaged, bytes_all, bytes_taken, bytes_known, bytes_kept_back, bytes_unread, "
            "bytes_refused, lines_refused, received_at, overfull_at) SELECT k.id, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, "
            "0, %s, %s FROM unnest(%s::bigint[]) AS k(id) ORDER BY k.id ON CONFLICT (station_id) DO UPDATE SET "
            "overfull_at = excluded.overfull_at",
            [batch.moment, batch.moment, numbers(sorted(batch.overfull))],
        )
    if batch.detections.is_staged:
        _of_rows_write(batch)
    else:
        _counts_write(batch, batch.file_rows)
    _counts_write(batch, {file_id: (lines, None, None) for file_id, lines in batch.file_events.items()})


def _of_rows_write(batch: Batch) -> None:
    """Count only rows that the staged way inserted; rows that already existed were counted before."""
    stages = [sink.table.stage for sink in (batch.detections, batch.positions) if sink.rows]
    if not batch.file_rows or not stages:
        return
    rows = " UNION ALL ".join(f"SELECT file_id, occurred_at FROM {stage}_new" for stage in stages)  # noqa: S608 - names of our own tables
    cursor().execute(
        "UPDATE files_stationfile f SET rows = f.rows + n.rows, rows_from = least(f.rows_from, n.low), "  # noqa: S608 - as above
        "rows_to = greatest(f.rows_to, n.high), last_received_at = %s "
        "FROM (SELECT file_id, count(*) AS rows, min(occurred_at) AS low, max(occurred_at) AS high "
        f"FROM ({rows}) AS r GROUP BY file_id) AS n WHERE f.id = n.file_id",
        [batch.moment],
    )


def _counts_write(batch: Batch, counts: dict[int, tuple[int, int | None, int | None]]) -> None:
    """Add to each file's rows. `counts`: rows, first and last moment as `pg_time`, by file id."""
    if not counts:
        return
    ids = sorted(counts)
    moment = "timestamptz '2000-01-01 00:00:00+00' + {} * interval '1 microsecond'"
    cursor().execute(
        "UPDATE files_stationfile f SET rows = f.rows + n.rows, "  # noqa: S608 - constants
        f"rows_from = least(f.rows_from, {moment.format('n.low')}), "
        f"rows_to = greatest(f.rows_to, {moment.format('n.high')}), last_received_at = %s "
        "FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[]) AS n(id, rows, low, high) "
        "WHERE f.id = n.id",
        [batch.moment, numbers(ids), *(numbers([counts[i][place] for i in ids]) for place in range(3))],
    )
