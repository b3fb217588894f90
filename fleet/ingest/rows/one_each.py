"""Readings of series that store one in each interval: the others are kept back and counted.

Intervals are counted from the year 1, by the station's clock, so a reading always belongs to the same interval, however
late it arrives. The reading that is stored first stays; of several that arrive together, the earliest is stored. A
repeat of a stored reading is a repeat as everywhere, and does not count as kept back.
"""

from datetime import datetime
from typing import Final

from fleet.ingest.database import cursor, numbers
from fleet.ingest.rows.tables import CONVERTED, CopyTable, copy_of
from fleet.telemetry.keeping.intervals import interval_sql
from fleet.telemetry.keeping.tallies import ADDING
from fleet.telemetry.models import NOT_NEWEST, Suspicion

TABLE: Final = CopyTable(CONVERTED.name, CONVERTED.columns, stage="stage_one_each")
_COLUMNS: Final = ", ".join(TABLE.columns)
_STAGE: Final = TABLE.stage
# A message that is taken again locks no contact, so two workers may have readings of one station.
_LOCK: Final = (
    "SELECT pg_advisory_xact_lock(hashtext('telemetry.one_each'), (n %% 2147483647)::int) "
    "FROM (SELECT DISTINCT station_id AS n FROM telemetry_series WHERE id = ANY(%s::bigint[]) ORDER BY 1) AS stations"
)
_COUNT: Final = ADDING.format(
    found="SELECT k.series_id, s.station_id, k.count, %(moment)s::timestamptz, 0 FROM kept_back k "
    "JOIN telemetry_series s ON s.id = k.series_id ORDER BY 1"
)
_BEGIN, _END = interval_sql("s.occurred_at", "i.seconds")
# OFFSET 0 forces a lookup by key for each row sent, because the planner has no statistics of the temporary table.
_WRITE: Final = f"""
WITH sent AS MATERIALIZED (
    SELECT DISTINCT ON (s.series_id, s.occurred_at, s.value) s.*, {_BEGIN} AS begun, {_END} AS ended
    FROM {_STAGE} s JOIN unnest(%(series)s::bigint[], %(seconds)s::int[]) AS i(series_id, seconds) USING (series_id)
), first AS (
    SELECT DISTINCT ON (s.series_id, s.begun) s.* FROM sent s ORDER BY s.series_id, s.begun, s.occurred_at, s.value
), new AS (
    INSERT INTO telemetry_reading ({_COLUMNS}) SELECT {_COLUMNS} FROM first f WHERE NOT EXISTS (
        SELECT 1 FROM telemetry_reading r
        WHERE r.series_id = f.series_id AND r.occurred_at >= f.begun AND r.occurred_at < f.ended OFFSET 0
    ) ON CONFLICT DO NOTHING RETURNING {_COLUMNS}
), newest AS (
    UPDATE telemetry_series s
    SET last_at = n.occurred_at, last_value = n.value, last_flags = n.flags, last_received_at = %(moment)s
    FROM (SELECT DISTINCT ON (series_id) * FROM new WHERE flags & {int(NOT_NEWEST)} = 0
          ORDER BY series_id, occurred_at DESC) AS n
    WHERE s.id = n.series_id AND (s.last_at IS NULL OR s.last_at <= n.occurred_at)
), kept_back AS (
    SELECT s.series_id, count(*) AS count FROM sent s
    WHERE NOT EXISTS (SELECT 1 FROM new n WHERE (n.series_id, n.occurred_at, n.value) = (s.series_id, s.occurred_at, s.value))
      AND NOT EXISTS (
        SELECT 1 FROM telemetry_reading r WHERE r.series_id = s.series_id AND r.value = s.value
        AND r.occurred_at >= s.occurred_at AND r.occurred_at < s.occurred_at + interval '1 millisecond'
        AND (r.occurred_at = s.occurred_at OR r.flags & {Suspicion.SAME_MOMENT.value} <> 0) OFFSET 0)
    GROUP BY 1
)
{_COUNT}
"""  # noqa: S608 - names of our own tables


class OneEach:
    """Rows of `CONVERTED` that wait to be stored, one for each interval of their series."""

    def __init__(self) -> None:
        self.rows: list[bytes] = []
        #: Seconds of the intervals by id of the series.
        self.intervals: dict[int, int] = {}

    def add(self, series_id: int, interval_s: int, row: bytes) -> None:
        """Add a row of a series with an interval."""
        self.intervals[series_id] = interval_s
        self.rows.append(row)

    def write(self, moment: datetime) -> None:
        """Store one reading in each interval that has none, and count those kept back."""
        act = cursor()
        act.execute(_LOCK, [numbers(sorted(self.intervals))])
        act.execute(f"CREATE TEMP TABLE IF NOT EXISTS {_STAGE} (LIKE {TABLE.name}) ON COMMIT DELETE ROWS")
        act.execute(f"TRUNCATE {_STAGE}")
        with act.copy(f"COPY {_STAGE} ({_COLUMNS}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(copy_of(self.rows))
        act.execute(
            _WRITE,
            {"series": numbers(self.intervals), "seconds": numbers(self.intervals.values()), "moment": moment},
        )
