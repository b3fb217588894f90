"""Late readings of a cold month, compared with its file before both are merged.

Ingest does not see cold rows, so a late reading may repeat a cold one, or have the moment of one but another value. The
rules are those of `fleet.ingest.rows.same_moment`: a value that is stored at its moment, or moved from it by
microseconds, is known; another value gets the next free microsecond and a mark; if none is free, it is left out and an
event records that. A reading whose series stores one in each interval, and has a cold one there, is kept back, as in
`fleet.ingest.rows.one_each`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from fleet.telemetry.cold.tables import READINGS
from fleet.telemetry.keeping.intervals import interval_sql, station_intervals
from fleet.telemetry.keeping.tallies import ADDING
from fleet.telemetry.left_out import VALUES_LEFT_OUT, note_sql
from fleet.telemetry.models import Suspicion

_MARK: Final = Suspicion.SAME_MOMENT.value
_FAR: Final = "interval '1 millisecond'"
_LATE: Final = (
    "s.station_id = %(station)s AND h.series_id = s.id AND h.occurred_at >= %(start)s AND h.occurred_at < %(end)s "
    "AND (s.raw_from IS NULL OR h.occurred_at >= s.raw_from)"
)
_NOTE: Final = (
    "INSERT INTO telemetry_dirtyhour (series_id, hour, noted_at) "
    "SELECT DISTINCT series_id, date_trunc('hour', occurred_at, 'UTC'), statement_timestamp() FROM {0} "
    "ORDER BY 1, 2 ON CONFLICT DO NOTHING"
)
_KNOWN: Final = f"""
WITH gone AS (
    DELETE FROM {READINGS.hot} h USING telemetry_series s WHERE {_LATE} AND EXISTS (
        SELECT 1 FROM {READINGS.cold} c WHERE c.series_id = h.series_id AND c.value = h.value
        AND c.occurred_at > h.occurred_at - {_FAR} AND c.occurred_at < h.occurred_at + {_FAR}
        AND (c.occurred_at = h.occurred_at OR (c.flags | h.flags) & {_MARK} <> 0))
    RETURNING h.series_id, h.occurred_at
), noted AS ({_NOTE.format("gone")})
SELECT count(*) FROM gone
"""  # noqa: S608 - our own names
_COUNT: Final = ADDING.format(
    found="SELECT g.series_id, %(station)s, count(*), max(g.received_at), 0 FROM gone g GROUP BY 1 ORDER BY 1"
)
_BEGIN, _END = interval_sql("h.occurred_at", "i.seconds")
_KEPT_BACK: Final = f"""
WITH gone AS (
    DELETE FROM {READINGS.hot} h
    USING unnest(%(series)s::bigint[], %(seconds)s::int[], %(since)s::timestamptz[]) AS i(series_id, seconds, since)
    WHERE h.series_id = i.series_id AND h.occurred_at >= %(start)s AND h.occurred_at < %(end)s
        AND h.received_at >= i.since AND EXISTS (
            SELECT 1 FROM {READINGS.cold} c
            WHERE c.series_id = h.series_id AND c.occurred_at >= {_BEGIN} AND c.occurred_at < {_END})
    RETURNING h.series_id, h.occurred_at, h.received_at
), noted AS ({_NOTE.format("gone")})
{_COUNT}
"""  # noqa: S608 - our own names
_LOST: Final = note_sql(f"""
    SELECT s.station_id, clock_timestamp(), '{VALUES_LEFT_OUT}', s.id %% 2147483647, '', lost.received_at,
        jsonb_build_object('series', s.name, 'count', lost.count, 'reason', 'too many different values at one moment'), 0
    FROM lost JOIN telemetry_series s ON s.id = lost.series_id
""")  # noqa: S608 - our own names
# One reading of every other 2 ms at a time, then of the 2 ms between: neighbours would take the same free microsecond.
_BESIDE: Final = f"""
WITH chosen AS (
    SELECT DISTINCT ON (h.series_id, date_bin('4 milliseconds', h.occurred_at, '2000-01-01 00:00:00+00'))
        h.series_id, h.occurred_at
    FROM telemetry_series s, {READINGS.hot} h JOIN {READINGS.cold} c ON c.series_id = h.series_id AND c.occurred_at = h.occurred_at
    WHERE {_LATE} AND (h.occurred_at - date_bin('4 milliseconds', h.occurred_at, '2000-01-01 00:00:00+00')
        >= interval '2 milliseconds') = %(odd)s
    ORDER BY 1, date_bin('4 milliseconds', h.occurred_at, '2000-01-01 00:00:00+00'), 2
), gone AS (
    DELETE FROM {READINGS.hot} h USING chosen g WHERE h.series_id = g.series_id AND h.occurred_at = g.occurred_at RETURNING h.*
), placed AS (
    SELECT g.*, interval '1 microsecond' + greatest(
        (SELECT max(c.occurred_at) FROM {READINGS.cold} c WHERE c.series_id = g.series_id
         AND c.occurred_at >= g.occurred_at AND c.occurred_at < g.occurred_at + {_FAR}),
        (SELECT max(h.occurred_at) FROM {READINGS.hot} h WHERE h.series_id = g.series_id
         AND h.occurred_at >= g.occurred_at AND h.occurred_at < g.occurred_at + {_FAR})) AS place
    FROM gone g
), new AS (
    INSERT INTO {READINGS.hot} ({READINGS.listed})
    SELECT {", ".join({"occurred_at": "place", "flags": f"flags | {_MARK}"}.get(name, name) for name in READINGS.names)}
    FROM placed WHERE place < occurred_at + {_FAR} RETURNING series_id
), noted AS ({_NOTE.format("gone")}), lost AS (
    SELECT series_id, max(received_at) AS received_at, count(*) AS count
    FROM placed WHERE place >= occurred_at + {_FAR} GROUP BY 1
), told AS (
    {_LOST}
)
SELECT (SELECT count(*) FROM new), (SELECT coalesce(sum(count), 0)::bigint FROM lost)
"""  # noqa: S608 - our own names


@dataclass(frozen=True, slots=True)
class Settled:
    """Numbers of late rows of a cold month that were known, moved beside another value, and left out."""

    known: int = 0
    moved: int = 0
    left_out: int = 0


def late_settle(cursor: Any, *, station_id: int, start: datetime, end: datetime) -> Settled:
    """Compare the table's rows of a station's month with the loaded and indexed cold ones, in the current transaction.

    Afterwards no key is in both.
    """
    arguments = {"station": station_id, "start": start, "end": end}
    cursor.execute(_KNOWN, arguments)
    known = int(cursor.fetchone()[0])
    if intervals := station_intervals([station_id]):
        series, seconds, since = (list(column) for column in zip(*intervals, strict=True))
        cursor.execute(_KEPT_BACK, {**arguments, "series": series, "seconds": seconds, "since": since})
    moved = left_out = 0
    while True:
        some = 0
        for odd in (False, True):
            cursor.execute(_BESIDE, {**arguments, "odd": odd})
            new, lost = cursor.fetchone()
            moved, left_out, some = moved + new, left_out + lost, some + new + lost
        if not some:
            return Settled(known, moved, left_out)
