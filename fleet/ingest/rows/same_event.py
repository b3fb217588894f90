"""Different events of one name and moment without line numbers: all are kept, later ones microseconds after the first.

Two ports that are switched on in one second are two events. An event that says the same as one at its moment, or moved
from it, is a repeat. A line number says which event it is, so of two with one line the first stays.
"""

from fleet.ingest.database import cursor
from fleet.ingest.rows.same_key import different_note
from fleet.ingest.rows.same_moment import FAR
from fleet.telemetry.left_out import ROWS_LEFT_OUT, note_sql
from fleet.telemetry.models import Suspicion
from fleet.telemetry.same_rows import EVENT

_TABLE = "telemetry_stationevent"
_MARK = Suspicion.SAME_MOMENT.value
_COLUMNS = "station_id, occurred_at, name, line, source, received_at, port, data, flags"
_BESIDE = "r.occurred_at >= {0}.occurred_at AND r.occurred_at < {0}.occurred_at + " + FAR
_SAME = "s.station_id, s.occurred_at, s.name, s.source, s.port, s.data"
# Line 4 keeps it apart from the event about rows with one line.
_NOTE = note_sql(f"""
SELECT station_id, max(received_at), '{ROWS_LEFT_OUT}', 4, '', max(received_at),
    jsonb_build_object('rows', 'events', 'count', count(*), 'first_at', min(occurred_at),
                       'reason', 'too many different events at one moment'), 0
FROM lost GROUP BY station_id
""")  # noqa: S608 - our own names
# Places are in the order in which the events were sent, which is that of `ctid` in a table that was just filled.
# OFFSET 0 forces a lookup by key for each event sent, because the planner has no statistics of the temporary table.
_PART = f"""
WITH different AS (
    SELECT DISTINCT ON ({_SAME}) s.*, s.ctid AS sent FROM {{stage}} s
    WHERE s.line = 0 AND NOT EXISTS (
        SELECT 1 FROM {_TABLE} r WHERE {EVENT.same_key_sql("r", "s")} AND {_BESIDE.format("s")}
        AND (r.occurred_at = s.occurred_at OR r.flags & {_MARK} <> 0) AND {EVENT.same_figures_sql("r", "s")} OFFSET 0
    )
    ORDER BY {_SAME}, s.ctid
), placed AS (
    SELECT d.*, coalesce((
        SELECT max(r.occurred_at) FROM {_TABLE} r WHERE {EVENT.same_key_sql("r", "d")} AND {_BESIDE.format("d")}
        AND r.flags & {_MARK} <> 0
    ), d.occurred_at) + interval '1 microsecond' * row_number() OVER (
        PARTITION BY d.station_id, d.occurred_at, d.name, d.source ORDER BY d.sent
    ) AS place
    FROM different d
), new AS (
    INSERT INTO {_TABLE} ({_COLUMNS})
    SELECT station_id, place, name, line, source, received_at, port, data, flags | {_MARK}
    FROM placed WHERE place < occurred_at + {FAR} ON CONFLICT DO NOTHING RETURNING {_COLUMNS}
), noted AS (
    INSERT INTO {{stage}}_new ({_COLUMNS}) SELECT {_COLUMNS} FROM new RETURNING station_id
), lost AS (
    SELECT p.* FROM placed p
    WHERE NOT EXISTS (SELECT 1 FROM new n WHERE {EVENT.same_key_sql("n", "p")} AND n.occurred_at = p.place)
)
{_NOTE}
"""  # noqa: S608 - names of our own tables


def events_part(stage: str) -> None:
    """Store the events of `stage` whose moment another has at a free microsecond, and tell of those left out."""
    cursor().execute(_PART.format(stage=stage))
    different_note(_TABLE, stage, only="s.line <> 0")
