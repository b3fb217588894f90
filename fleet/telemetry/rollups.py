"""Hourly and daily roll-ups of readings, and rebuilding those that new or late rows made wrong.

Ingest notes each hour of a series that got rows (`DirtyHour`) in the transaction of the rows. Queries read the rows
themselves for a noted hour, so an answer is never stale; the job only makes it cheap again.

A worker relies on its own note for `RELIED_S` and writes no new one for the same hour, so the job leaves younger notes
alone. Before it takes older ones, it notes which transactions are writing and waits until the last of them has ended.
Then all rows that rely on these notes are visible, and later rows bring notes of their own.
"""

import time
from datetime import datetime, timedelta

import psycopg
from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import F

from fleet.core.audit import audit_write
from fleet.core.locks import transaction_lock
from fleet.telemetry.cold.reading import cold_load, cold_plan
from fleet.telemetry.cold.tables import READINGS
from fleet.telemetry.keeping.models import RetentionRule
from fleet.telemetry.keeping.tallies import ADDING
from fleet.telemetry.models import RollUp, Suspicion

LOCK = RollUp.LOCK
#: Seconds for which a worker relies on its own note.
RELIED_S = 1_800
#: Seconds after which nobody relies on a note; the margin is for batches that came a little late.
SETTLED_S = RELIED_S + 600
#: Maximum hours of series rebuilt in one transaction, and maximum if cold rows must be read.
HOURS_MOST = 4_000
COLD_HOURS_MOST = 500
_HOUR = timedelta(hours=1)
_WAIT_S = 5.0

#: The columns of a roll-up, computed from rows `r` of readings. Values are cut because a sum of the greatest floats
#: would overflow. Figures leave out values outside the limits of their quantity, unless there are no others.
_INSIDE = f"FILTER (WHERE r.flags & {Suspicion.OUTSIDE.value} = 0)"
_CUT = "sum(least(greatest(r.value, -1e290), 1e290))"
FROM_ROWS = (
    f"count(*) AS count, coalesce({_CUT} {_INSIDE}, {_CUT}) AS sum, "
    f"coalesce(min(r.value) {_INSIDE}, min(r.value)) AS minimum, "
    f"coalesce(max(r.value) {_INSIDE}, max(r.value)) AS maximum, bit_or(r.flags) AS flags, "
    f"count(*) FILTER (WHERE r.flags <> 0) AS suspicious, count(*) - count(*) {_INSIDE} AS outside"
)
#: The same, computed from finer roll-ups `r`.
_SOME_INSIDE = "FILTER (WHERE r.count > r.outside)"
FROM_ROLLUPS = (
    f"sum(r.count)::bigint AS count, coalesce(sum(r.sum) {_SOME_INSIDE}, sum(r.sum)) AS sum, "
    f"coalesce(min(r.minimum) {_SOME_INSIDE}, min(r.minimum)) AS minimum, "
    f"coalesce(max(r.maximum) {_SOME_INSIDE}, max(r.maximum)) AS maximum, "
    "bit_or(r.flags) AS flags, sum(r.suspicious)::bigint AS suspicious, sum(r.outside)::bigint AS outside"
)
#: The mean of a roll-up: its sum divided by the number of values in the sum.
MEAN = "sum / CASE WHEN count > outside THEN count - outside ELSE count END"
COLUMNS = "count, sum, minimum, maximum, flags, suspicious, outside"
_COLUMNS = f"(series_id, start, {COLUMNS})"
_REPLACE = (
    "ON CONFLICT (series_id, start) DO UPDATE SET count = excluded.count, sum = excluded.sum, "
    "minimum = excluded.minimum, maximum = excluded.maximum, flags = excluded.flags, suspicious = excluded.suspicious, "
    "outside = excluded.outside"
)


def _merge_sql(column: str, both: str) -> str:
    """SQL that merges a figure of two roll-ups: of both, unless only one has values within their limits."""
    return (
        f"{column} = CASE WHEN (t.count > t.outside) = (excluded.count > excluded.outside) THEN {both} "
        f"WHEN t.count > t.outside THEN t.{column} ELSE excluded.{column} END"
    )


_ADD = (
    "ON CONFLICT (series_id, start) DO UPDATE SET count = t.count + excluded.count, "
    f"{_merge_sql('sum', 't.sum + excluded.sum')}, {_merge_sql('minimum', 'least(t.minimum, excluded.minimum)')}, "
    f"{_merge_sql('maximum', 'greatest(t.maximum, excluded.maximum)')}, flags = t.flags | excluded.flags, "
    "suspicious = t.suspicious + excluded.suspicious, outside = t.outside + excluded.outside"
)

# `pg_current_snapshot()` would also list transactions of other databases on the same server.
_OLDER_WRITERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND age(backend_xid) > age(%s::xid8::xid)
"""

_CLAIM = """
WITH gone AS (
    DELETE FROM telemetry_dirtyhour WHERE (series_id, hour, noted_at) IN (
        SELECT series_id, hour, noted_at FROM telemetry_dirtyhour d WHERE noted_at <= %s AND %s = EXISTS (
            SELECT 1 FROM telemetry_coldpart p WHERE p.series_id = d.series_id
            AND p.first_at < d.hour + interval '1 hour' AND p.last_at >= d.hour)
        ORDER BY series_id, hour LIMIT %s)
    RETURNING series_id, hour
)
INSERT INTO claimed SELECT DISTINCT g.series_id, g.hour, date_trunc('day', g.hour, 'UTC'), s.raw_from, s.hours_from
FROM gone g JOIN telemetry_series s ON s.id = g.series_id
"""

_GONE = (
    "SELECT r.series_id, s.station_id, 0, NULL::timestamptz, count(*) FROM gone r "
    "JOIN telemetry_series s ON s.id = r.series_id GROUP BY 1, 2 ORDER BY 1"
)
# Adds readings of hours that retention has already cleared to the roll-ups, and removes them. Returns their number by
# organization.
_LATE = f"""
WITH gone AS (
    DELETE FROM telemetry_reading r USING claimed c
    WHERE c.hour < c.raw_from AND r.series_id = c.series_id
      AND r.occurred_at >= c.hour AND r.occurred_at < c.hour + interval '1 hour'
    RETURNING r.series_id, c.hour, c.day, c.hours_from, r.value, r.flags
), hours AS (
    INSERT INTO telemetry_readinghour AS t {_COLUMNS}
    SELECT r.series_id, r.hour, {FROM_ROWS} FROM gone r
    WHERE r.hours_from IS NULL OR r.hour >= r.hours_from GROUP BY 1, 2 {_ADD}
), days AS (
    INSERT INTO telemetry_readingday AS t {_COLUMNS}
    SELECT r.series_id, r.day, {FROM_ROWS} FROM gone r WHERE r.hour < r.hours_from GROUP BY 1, 2 {_ADD}
), counted AS (
    {ADDING.format(found=_GONE)}
)
SELECT o.organization_id, count(*) FROM gone r
JOIN telemetry_series s ON s.id = r.series_id JOIN stations_station o ON o.id = s.station_id GROUP BY 1
"""  # noqa: S608 - constants

_HOURS = f"""
INSERT INTO telemetry_readinghour {_COLUMNS}
SELECT c.series_id, c.hour, sums.* FROM claimed c, LATERAL (
    SELECT {FROM_ROWS} FROM {{rows}} r
    WHERE r.series_id = c.series_id AND r.occurred_at >= c.hour AND r.occurred_at < c.hour + interval '1 hour'
) sums WHERE sums.count > 0 AND (c.raw_from IS NULL OR c.hour >= c.raw_from) {_REPLACE}
"""  # noqa: S608 - constants

_DAYS = f"""
INSERT INTO telemetry_readingday {_COLUMNS}
SELECT c.series_id, c.day, sums.* FROM (SELECT DISTINCT series_id, day, hours_from FROM claimed) c, LATERAL (
    SELECT {FROM_ROLLUPS} FROM telemetry_readinghour r
    WHERE r.series_id = c.series_id AND r.start >= c.day AND r.start < c.day + interval '1 day'
) sums WHERE sums.count > 0 AND (c.hours_from IS NULL OR c.day >= c.hours_from) {_REPLACE}
"""  # noqa: S608 - constants


def rollups_rebuild(*, seconds: float = 60.0, settled_s: float = SETTLED_S) -> int:
    """Rebuild settled notes, thousands of hours per transaction, until none is left or the time is up.

    Returns the number of rebuilt hours. An aborted transaction leaves its notes in place; one that took too long,
    because a station may send a thousand readings a second, is tried again with fewer hours.

    Hours that also have cold rows come last. Raises `Unavailable` if their files cannot be read; until they can,
    queries cannot answer these hours either.
    """
    until = time.monotonic() + seconds
    moment = _moment_settled(settled_s)
    if moment is None:
        return 0
    rebuilt = _rebuild_all(moment, until, HOURS_MOST, is_cold=False)
    return rebuilt + _rebuild_all(moment, until, COLD_HOURS_MOST, is_cold=True)


def _rebuild_all(moment: datetime, until: float, most: int, *, is_cold: bool) -> int:
    rebuilt = 0
    while True:
        try:
            with transaction.atomic():
                if not transaction_lock(LOCK):
                    break
                done = _rebuild_some(moment, most, is_cold=is_cold)
        except OperationalError as error:
            if most == 1 or not isinstance(error.__cause__, psycopg.errors.QueryCanceled):
                raise
            most = max(most // 8, 1)
            continue
        rebuilt += done
        if done == 0 or time.monotonic() >= until:
            break
    return rebuilt


def _moment_settled(settled_s: float) -> datetime | None:
    """The moment up to which notes are settled; None if some transaction runs for too long."""
    with connection.cursor() as cursor:
        # Our own transaction id is younger than those of all present writers.
        cursor.execute("SELECT clock_timestamp() - make_interval(secs => %s), pg_current_xact_id()::text", [settled_s])
        moment, ours = cursor.fetchone() or (None, "0")
        until = time.monotonic() + _WAIT_S
        while time.monotonic() < until:
            cursor.execute(_OLDER_WRITERS, [ours])
            if cursor.fetchone() == (0,):
                return moment
            cursor.execute("SELECT pg_sleep(0.1), pg_stat_clear_snapshot()")
    return None


def _rebuild_some(moment: datetime, most: int, *, is_cold: bool) -> int:
    """Take notes and rebuild their hours and days, in the current transaction; return the number of hours."""
    rows = READINGS.hot
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE claimed (series_id bigint, hour timestamptz, day timestamptz, raw_from timestamptz, "
            "hours_from timestamptz) ON COMMIT DROP"
        )
        cursor.execute(_CLAIM, [moment, is_cold, most])
        rebuilt = cursor.rowcount
        if rebuilt and is_cold:
            rows = _cold_load(cursor)
        if rebuilt:
            cursor.execute("ANALYZE claimed")
            cursor.execute(_LATE)
            _count_late(dict(cursor.fetchall()))
            cursor.execute(_HOURS.format(rows=rows))
            _remove_empty(cursor, rows)
            cursor.execute(_DAYS)
        cursor.execute("DROP TABLE claimed")
    return int(rebuilt)


def _count_late(removed: dict[int, int]) -> None:
    """Count the late readings of each organization for the audit log; the next run of retention writes them there."""
    for organization_id, readings in removed.items():
        rule = RetentionRule.objects.filter(organization=organization_id).order_by("pk").values("pk")[:1]
        if not RetentionRule.objects.filter(pk__in=rule).update(late=F("late") + readings):
            # All rules have been removed since the time was cleared.
            audit_write(
                actor=None, organization_id=organization_id, action="retention.late", subject="*",
                detail={"late": readings},
            )  # fmt: skip


def _cold_load(cursor: CursorWrapper) -> str:
    """Load the cold rows of the claimed hours; return the source of rows. The lock keeps months from moving."""
    cursor.execute("SELECT DISTINCT series_id, hour FROM claimed ORDER BY 1, 2")
    found = cursor.fetchall()
    hours = sorted({hour for _series, hour in found})
    plan = cold_plan(sorted({series for series, _hour in found}), [(hour, hour + _HOUR) for hour in hours])
    if not plan.files:
        return READINGS.hot
    cold_load(plan)
    return READINGS.both


def _remove_empty(cursor: CursorWrapper, rows: str) -> None:
    """Delete roll-ups of noted hours that have no rows, and of days without hours."""
    cursor.execute(
        "DELETE FROM telemetry_readinghour h USING claimed c WHERE h.series_id = c.series_id AND h.start = c.hour "  # noqa: S608
        f"AND (c.raw_from IS NULL OR c.hour >= c.raw_from) AND NOT EXISTS (SELECT 1 FROM {rows} r "
        "WHERE r.series_id = c.series_id AND r.occurred_at >= c.hour AND r.occurred_at < c.hour + interval '1 hour')"
    )
    cursor.execute(
        "DELETE FROM telemetry_readingday d USING claimed c WHERE d.series_id = c.series_id AND d.start = c.day "
        "AND (c.hours_from IS NULL OR c.day >= c.hours_from) AND NOT EXISTS (SELECT 1 FROM telemetry_readinghour h "
        "WHERE h.series_id = c.series_id AND h.start >= c.day AND h.start < c.day + interval '1 day')"
    )
