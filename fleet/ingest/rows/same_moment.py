"""Several values of one series at one moment: each is kept, the later ones microseconds behind the first.

A clock of whole seconds gives a sensor's ten values of a second one moment. A reading's moment is its key, so what
differs from the value that has the moment moves to the next free microsecond and is marked. A value that is here already,
at its moment or moved from it, is a repeat and nothing more.
"""

from fleet.ingest.database import cursor
from fleet.telemetry.models import Suspicion

#: Values of one moment that find a place. What comes beyond is left out, which an event of the station says.
PLACES = 999
LEFT_OUT = "values_left_out"

_FAR = "interval '1 millisecond'"
_COLUMNS = "series_id, occurred_at, received_at, value, flags, sent_value, sent_unit"

# Those that are neither here nor repeats of one another, each with the last place that is taken behind its moment.
_PART = f"""
WITH different AS (
    SELECT DISTINCT ON (s.series_id, s.occurred_at, s.value) s.* FROM {{stage}} s
    WHERE NOT EXISTS (
        SELECT 1 FROM telemetry_reading r WHERE r.series_id = s.series_id AND r.value = s.value
        AND r.occurred_at >= s.occurred_at AND r.occurred_at < s.occurred_at + {_FAR}
        AND (r.occurred_at = s.occurred_at OR r.flags & {Suspicion.SAME_MOMENT.value} <> 0)
    )
), placed AS (
    SELECT d.*, coalesce((
        SELECT max(r.occurred_at) FROM telemetry_reading r WHERE r.series_id = d.series_id
        AND r.occurred_at >= d.occurred_at AND r.occurred_at < d.occurred_at + {_FAR}
        AND r.flags & {Suspicion.SAME_MOMENT.value} <> 0
    ), d.occurred_at) + interval '1 microsecond' * row_number() OVER (PARTITION BY d.series_id, d.occurred_at) AS place
    FROM different d
), new AS (
    INSERT INTO telemetry_reading ({_COLUMNS})
    SELECT series_id, place, received_at, value, flags | {Suspicion.SAME_MOMENT.value}, sent_value, sent_unit
    FROM placed WHERE place < occurred_at + {_FAR} ON CONFLICT DO NOTHING RETURNING {_COLUMNS}
), noted AS (
    INSERT INTO {{stage}}_new ({_COLUMNS}) SELECT {_COLUMNS} FROM new RETURNING series_id
), lost AS (
    SELECT p.series_id, max(p.received_at) AS received_at, count(*) AS count FROM placed p
    WHERE NOT EXISTS (SELECT 1 FROM new n WHERE n.series_id = p.series_id AND n.occurred_at = p.place)
    GROUP BY p.series_id
)
INSERT INTO telemetry_stationevent (station_id, occurred_at, name, line, source, received_at, data, flags)
SELECT s.station_id, lost.received_at, '{LEFT_OUT}', s.id % 2147483647, '', lost.received_at,
    jsonb_build_object('series', s.name, 'count', lost.count, 'reason', 'too many different values at one moment'), 0
FROM lost JOIN telemetry_series s ON s.id = lost.series_id ON CONFLICT DO NOTHING
"""  # noqa: S608 - names of our own tables


def moments_part(stage: str) -> None:
    """Find a place for what could not be written from `stage`, as another value has its moment; note it as new."""
    cursor().execute(_PART.format(stage=stage))
