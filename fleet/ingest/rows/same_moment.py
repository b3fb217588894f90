"""Several values of one series at one moment: all are kept, the later ones microseconds after the first.

With a clock of whole seconds, a sensor's ten values of one second have the same moment, which is a reading's key. So a
value that differs from the one at its moment moves to the next free microsecond and is marked. A value that is already
stored, at its moment or moved from it, is a repeat.
"""

from fleet.ingest.database import cursor
from fleet.telemetry.left_out import VALUES_LEFT_OUT, note_sql
from fleet.telemetry.models import Suspicion

#: Maximum further values of one moment. The rest is left out, and an event of the station records that.
PLACES = 999
#: Places are nearer than this to the moment.
FAR = "interval '1 millisecond'"
_COLUMNS = "series_id, occurred_at, received_at, value, flags, sent_value, sent_unit"

_NOTE = note_sql(f"""
SELECT s.station_id, lost.received_at, '{VALUES_LEFT_OUT}', s.id % 2147483647, '', lost.received_at,
    jsonb_build_object('series', s.name, 'count', lost.count, 'reason', 'too many different values at one moment'), 0
FROM lost JOIN telemetry_series s ON s.id = lost.series_id
""")  # noqa: S608 - our own names

# Finds values that are neither stored nor repeats of one another, and the last place taken after their moment.
# OFFSET 0 forces a lookup by key for each value. The planner has no statistics of the temporary table, and otherwise
# compared each repeat of a series that keeps its value with all its stored readings.
_PART = f"""
WITH different AS (
    SELECT DISTINCT ON (s.series_id, s.occurred_at, s.value) s.* FROM {{stage}} s
    WHERE NOT EXISTS (
        SELECT 1 FROM telemetry_reading r WHERE r.series_id = s.series_id AND r.value = s.value
        AND r.occurred_at >= s.occurred_at AND r.occurred_at < s.occurred_at + {FAR}
        AND (r.occurred_at = s.occurred_at OR r.flags & {Suspicion.SAME_MOMENT.value} <> 0)
        OFFSET 0
    )
), placed AS (
    SELECT d.*, coalesce((
        SELECT max(r.occurred_at) FROM telemetry_reading r WHERE r.series_id = d.series_id
        AND r.occurred_at >= d.occurred_at AND r.occurred_at < d.occurred_at + {FAR}
        AND r.flags & {Suspicion.SAME_MOMENT.value} <> 0
    ), d.occurred_at) + interval '1 microsecond' * row_number() OVER (PARTITION BY d.series_id, d.occurred_at) AS place
    FROM different d
), new AS (
    INSERT INTO telemetry_reading ({_COLUMNS})
    SELECT series_id, place, received_at, value, flags | {Suspicion.SAME_MOMENT.value}, sent_value, sent_unit
    FROM placed WHERE place < occurred_at + {FAR} ON CONFLICT DO NOTHING RETURNING {_COLUMNS}
), noted AS (
    INSERT INTO {{stage}}_new ({_COLUMNS}) SELECT {_COLUMNS} FROM new RETURNING series_id
), lost AS (
    SELECT p.series_id, max(p.received_at) AS received_at, count(*) AS count FROM placed p
    WHERE NOT EXISTS (SELECT 1 FROM new n WHERE n.series_id = p.series_id AND n.occurred_at = p.place)
    GROUP BY p.series_id
)
{_NOTE}
"""  # noqa: S608 - names of our own tables


def moments_part(stage: str) -> None:
    """Move rows of `stage` whose moment is taken to free microseconds, store them, and add them to `<stage>_new`."""
    cursor().execute(_PART.format(stage=stage))
