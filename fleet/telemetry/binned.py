"""Readings in buckets: whole days and hours from the roll-ups where these are valid, everything else from the rows."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from fleet.stations.models import Station
from fleet.telemetry.cold.reading import ColdPlan, cold_plan, rows_read
from fleet.telemetry.models import Series
from fleet.telemetry.rollups import COLUMNS, FROM_ROLLUPS, FROM_ROWS, MEAN

#: Buckets are counted from here, so that equal widths always have the same boundaries.
_ORIGIN = datetime(2000, 1, 1, tzinfo=UTC)
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)

#: One bucket: start, mean, least, greatest, count, flags, number of readings with any flag.
Bucket = tuple[datetime, float, float, float, int, int, int]

# Takes clean days first, then clean hours in the gaps, then rows for the rest. A dirty roll-up is also used where
# retention removed the rows it was made of: rows that came since are added to it. A single statement sees one
# consistent state of notes, roll-ups and rows.
_ROLLED = f"""
WITH kept AS MATERIALIZED (
    SELECT coalesce(raw_from, '-infinity') AS raw_from, coalesce(hours_from, '-infinity') AS hours_from
    FROM telemetry_series WHERE id = %(series)s
), dirty AS MATERIALIZED (
    SELECT DISTINCT hour, date_trunc('day', hour, 'UTC') AS day FROM telemetry_dirtyhour
    WHERE series_id = %(series)s AND hour > %(start)s::timestamptz - interval '1 day' AND hour < %(end)s
), days AS MATERIALIZED (
    SELECT start, start + interval '1 day' AS stop, start IN (SELECT day FROM dirty) AS is_dirty, {COLUMNS}
    FROM telemetry_readingday
    WHERE %(by_day)s AND series_id = %(series)s AND start >= %(start)s AND start <= %(end)s::timestamptz - interval '1 day'
), ends AS (
    VALUES (%(start)s::timestamptz, %(start)s::timestamptz), (%(end)s::timestamptz, %(end)s::timestamptz)
), beside_days AS MATERIALIZED (
    SELECT * FROM (
        SELECT lag(stop) OVER (ORDER BY start, stop) AS start, start AS stop
        FROM (SELECT start, stop FROM days WHERE NOT is_dirty UNION ALL TABLE ends) AS e
    ) AS g WHERE start < stop
), hours AS MATERIALIZED (
    SELECT h.start, h.start + interval '1 hour' AS stop, h.start IN (SELECT hour FROM dirty) AS is_dirty, {COLUMNS}
    FROM beside_days g JOIN telemetry_readinghour h
      ON h.series_id = %(series)s AND h.start >= g.start AND h.start <= g.stop - interval '1 hour'
), holes AS (
    SELECT * FROM (
        SELECT lag(stop) OVER (ORDER BY start, stop) AS start, start AS stop
        FROM (SELECT start, stop FROM days WHERE NOT is_dirty UNION ALL
              SELECT start, stop FROM hours WHERE NOT is_dirty UNION ALL TABLE ends) AS e
    ) AS g WHERE start < stop
), parts AS (
    SELECT date_bin(make_interval(secs => %(every)s), start, %(origin)s) AS at, {COLUMNS} FROM days
    WHERE NOT is_dirty OR start < (SELECT hours_from FROM kept)
    UNION ALL
    SELECT date_bin(make_interval(secs => %(every)s), start, %(origin)s), {COLUMNS} FROM hours
    WHERE NOT is_dirty OR start < (SELECT raw_from FROM kept)
    UNION ALL
    SELECT found.* FROM holes, LATERAL (
        SELECT date_bin(make_interval(secs => %(every)s), r.occurred_at, %(origin)s), {FROM_ROWS} FROM {{rows}} r
        WHERE r.series_id = %(series)s AND r.occurred_at >= holes.start AND r.occurred_at < holes.stop GROUP BY 1
    ) AS found
)
SELECT at, {MEAN}, minimum, maximum, count, flags, suspicious
FROM (SELECT r.at, {FROM_ROLLUPS} FROM parts r GROUP BY r.at) AS whole ORDER BY at
"""  # noqa: S608 - constants

_ROWS = f"""
SELECT at, {MEAN}, minimum, maximum, count, flags, suspicious FROM (
    SELECT date_bin(make_interval(secs => %(every)s), r.occurred_at, %(origin)s) AS at, {FROM_ROWS} FROM {{rows}} r
    WHERE r.series_id = %(series)s AND r.occurred_at >= %(start)s AND r.occurred_at < %(end)s GROUP BY 1
) AS whole ORDER BY at
"""  # noqa: S608 - constants

_DIRTY = """
SELECT DISTINCT d.hour FROM telemetry_dirtyhour d
WHERE d.series_id = ANY(%(series)s) AND d.hour > %(start)s::timestamptz - interval '1 hour' AND d.hour < %(end)s
  AND EXISTS (SELECT 1 FROM telemetry_coldpart p WHERE p.series_id = d.series_id
              AND p.first_at < d.hour + interval '1 hour' AND p.last_at >= d.hour)
ORDER BY 1
"""


def buckets(*, series: Series, start: datetime, end: datetime, every: timedelta) -> list[Bucket]:
    """Buckets of the width `every` that contain readings, oldest first; the outer two are cut at `start` and `end`.

    Raises `Unavailable` if cold storage is needed and cannot be read.
    """
    is_rolled = every % _HOUR == timedelta()
    parameters: dict[str, bool | int | float | datetime] = {
        "series": series.pk,
        "start": start,
        "end": end,
        "every": every.total_seconds(),
        "origin": _ORIGIN,
        "by_day": every % _DAY == timedelta(),
    }

    def ask(rows: str) -> list[Bucket]:
        with connection.cursor() as cursor:
            cursor.execute((_ROLLED if is_rolled else _ROWS).format(rows=rows), parameters)
            return list(cursor.fetchall())

    return rows_read(lambda: _plan([series.pk], start, end, is_rolled=is_rolled), ask)


def buckets_of_several(
    *, series: Sequence[Series], start: datetime, end: datetime, every: timedelta
) -> dict[int, list[Bucket]]:
    """The buckets of several series by their id, in one query. `every` is a whole number of hours."""
    found: dict[int, list[Bucket]] = {one.pk: [] for one in series}
    if not series:
        return found
    part = f"SELECT %(series)s::bigint AS series, part.* FROM ({_ROLLED}) AS part"  # noqa: S608 - constants
    parts = [part.replace("%(series)s", f"%(series{place})s") for place in range(len(series))]
    parameters: dict[str, bool | int | float | datetime] = {
        "start": start,
        "end": end,
        "every": every.total_seconds(),
        "origin": _ORIGIN,
        "by_day": every % _DAY == timedelta(),
        **{f"series{place}": one.pk for place, one in enumerate(series)},
    }

    def ask(rows: str) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute((" UNION ALL ".join(parts) + " ORDER BY series, at").format(rows=rows), parameters)
            return list(cursor.fetchall())

    for row in rows_read(lambda: _plan(list(found), start, end, is_rolled=True), ask):
        found[row[0]].append(row[1:])
    return found


def _plan(series_ids: Sequence[int], start: datetime, end: datetime, *, is_rolled: bool) -> ColdPlan:
    """Plan of the cold rows that a plot needs: all, or with roll-ups, only cut hours at both ends and noted hours."""
    plan = cold_plan(series_ids, [(start, end)])
    if not plan.files or not is_rolled:
        return plan
    first, last = start.replace(minute=0, second=0, microsecond=0), end.replace(minute=0, second=0, microsecond=0)
    spans = [(start, min(first + _HOUR, end))] if first != start else []
    spans += [(max(last, start), end)] if last != end else []
    with connection.cursor() as cursor:
        cursor.execute(_DIRTY, {"series": list(series_ids), "start": start, "end": end})
        spans += [(hour, hour + _HOUR) for (hour,) in cursor.fetchall()]
    return cold_plan(series_ids, spans)


def detections_binned(
    *, station: Station, start: datetime, end: datetime, every: timedelta, since: datetime
) -> tuple[list[tuple[datetime, int]], int]:
    """Detections in steps of whole hours, oldest first, and their number since a moment, both from the roll-up."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT date_bin(make_interval(secs => %(every)s), hour, %(origin)s), sum(count)::bigint, "
            "coalesce(sum(count) FILTER (WHERE hour >= %(since)s), 0)::bigint "
            "FROM telemetry_detectioncount WHERE station_id = %(station)s AND hour >= %(start)s AND hour < %(end)s "
            "GROUP BY 1 ORDER BY 1",
            {
                "station": station.pk,
                "start": start,
                "end": end,
                "every": every.total_seconds(),
                "origin": _ORIGIN,
                "since": since,
            },
        )
        rows = cursor.fetchall()
    return [(at, count) for at, count, _ in rows], sum(lately for _, _, lately in rows)
