"""Values derived from a batch's rows: newest values of series, and hourly counts of detections and of tags."""

from fleet.ingest.batch import Batch
from fleet.ingest.database import cursor, numbers
from fleet.ingest.rows.tables import DETECTIONS
from fleet.telemetry.heard.tag_hours import ADDING_LOCK, COLUMNS, FROM_ROWS
from fleet.telemetry.models import NOT_NEWEST

_HOURS_SQL = (
    "INSERT INTO telemetry_detectioncount (station_id, hour, port, kind, count) {rows} "
    "ON CONFLICT (station_id, hour, port, kind) DO UPDATE SET count = telemetry_detectioncount.count + excluded.count"
)
_TAGS_SQL = (
    f"INSERT INTO telemetry_taghour AS t ({COLUMNS}) {{rows}} ON CONFLICT (station_id, hour, port, tag) DO UPDATE SET "
    "count = t.count + excluded.count, first_at = least(t.first_at, excluded.first_at), "
    "last_at = greatest(t.last_at, excluded.last_at), strongest = greatest(t.strongest, excluded.strongest)"
)
#: A `pg_time` as a timestamp.
_MOMENT = "timestamptz '2000-01-01 00:00:00+00' + {} * interval '1 microsecond'"


def newest_write(batch: Batch) -> None:
    """Update the newest values of series, which move only forward by the station's clock."""
    if not batch.newest:
        return
    if batch.readings.is_staged:
        _newest_of_rows(batch)
        return
    ids = sorted(batch.newest)
    moment = _MOMENT.format("n.at")
    cursor().execute(
        f"UPDATE telemetry_series s SET last_at = {moment}, last_value = n.value, last_flags = n.flags, "  # noqa: S608 - constants
        "last_received_at = %s FROM unnest(%s::bigint[], %s::bigint[], %s::float8[], %s::int[]) AS n(id, at, value, "
        "flags) "
        f"WHERE s.id = n.id AND (s.last_at IS NULL OR s.last_at <= {moment})",
        [
            batch.moment,
            numbers(ids),
            numbers([batch.newest[i][0] for i in ids]),
            numbers([batch.newest[i][1] for i in ids]),
            numbers([batch.newest[i][2] for i in ids]),
        ],
    )


def _newest_of_rows(batch: Batch) -> None:
    """Update newest values from the inserted rows only, so that of two values at one moment, a stored one is taken."""
    stages = [sink.table.stage for sink in (batch.readings, batch.converted) if sink.rows]
    rows = " UNION ALL ".join(f"SELECT series_id, occurred_at, value, flags FROM {stage}_new" for stage in stages)  # noqa: S608 - names of our own tables
    if not rows:
        return
    cursor().execute(
        "UPDATE telemetry_series s SET last_at = n.occurred_at, last_value = n.value, last_flags = n.flags, "  # noqa: S608 - as above
        "last_received_at = %s FROM (SELECT DISTINCT ON (series_id) * FROM "
        f"({rows}) AS r WHERE r.flags & {NOT_NEWEST} = 0 ORDER BY series_id, occurred_at DESC) AS n "
        "WHERE s.id = n.series_id AND (s.last_at IS NULL OR s.last_at <= n.occurred_at)",
        [batch.moment],
    )


def hours_write(batch: Batch) -> None:
    """Add to the counts per hour, port and kind, from the batch or from the rows that the staged way inserted."""
    if not batch.hours:
        return
    if batch.detections.is_staged:
        rows = (
            "SELECT station_id, date_trunc('hour', occurred_at, 'UTC'), port, kind, count(*) "  # noqa: S608 - names of our own tables
            f"FROM {DETECTIONS.stage}_new GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
        )
        cursor().execute(_HOURS_SQL.format(rows=rows))
        return
    keys = sorted(batch.hours)
    moment = _MOMENT.format("n.hour")
    rows = (
        f"SELECT n.station_id, {moment}, n.port, n.kind, n.count FROM "  # noqa: S608 - constants
        "unnest(%s::bigint[], %s::bigint[], %s::int[], %s::int[], %s::bigint[]) "
        "AS n(station_id, hour, port, kind, count)"
    )
    columns = [[key[i] for key in keys] for i in range(4)]
    cursor().execute(_HOURS_SQL.format(rows=rows), [*columns, [batch.hours[key] for key in keys]])


def tags_write(batch: Batch) -> None:
    """Add to the hours of tags, from the batch or from the rows that the staged way inserted."""
    if not batch.tag_hours:
        return
    cursor().execute(ADDING_LOCK, [numbers(sorted({key[0] for key in batch.tag_hours}))])
    if batch.detections.is_staged:
        rows = FROM_ROWS.format(rows=f"{DETECTIONS.stage}_new", where="")
        cursor().execute(_TAGS_SQL.format(rows=f"{rows} ORDER BY 1, 2, 3, 4"))
        return
    keys = sorted(batch.tag_hours)
    heard = [batch.tag_hours[key] for key in keys]
    rows = (
        f"SELECT n.station_id, {_MOMENT.format('n.hour')}, n.port, n.tag, n.count, {_MOMENT.format('n.first')}, "  # noqa: S608 - constants
        f"{_MOMENT.format('n.last')}, n.strongest FROM unnest(%s::bigint[], %s::bigint[], %s::int[], %s::text[], "
        "%s::bigint[], %s::bigint[], %s::bigint[], %s::float8[]) AS n(station_id, hour, port, tag, count, first, last, "
        "strongest)"
    )
    cursor().execute(
        _TAGS_SQL.format(rows=rows),
        [
            numbers([key[0] for key in keys]),
            numbers([key[1] for key in keys]),
            numbers([key[2] for key in keys]),
            [key[3] for key in keys],
            numbers([one.count for one in heard]),
            numbers([one.first for one in heard]),
            numbers([one.last for one in heard]),
            numbers([one.strongest for one in heard]),
        ],
    )
