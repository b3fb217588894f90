"""Rows with the key of a stored row but other figures: the first stays, and an event records the loss.

A client that does not number lines gives two tags of the same second the same key. Only one can be kept, but not
silently. Of an event, `fleet.ingest.rows.same_event` may keep both.
"""

from fleet.ingest.database import cursor
from fleet.telemetry.left_out import ROWS_LEFT_OUT, note_sql
from fleet.telemetry.same_rows import IDENTITIES

#: Keeps the events about different tables apart: the line of each.
_LINES = {"telemetry_detection": 1, "telemetry_position": 2, "telemetry_stationevent": 3}

# OFFSET 0 forces a lookup by key for each row sent, because the planner has no statistics of the temporary table.
_NOTE = """
SELECT s.station_id, max(s.received_at), '{event}', {line}, '', max(s.received_at),
    jsonb_build_object('rows', '{rows}', 'count', count(*), 'first_at', min(s.occurred_at),
                       'reason', 'another row has the same moment and line'), 0
FROM {stage} s, LATERAL (
    SELECT 1 FROM {table} r WHERE r.occurred_at = s.occurred_at AND {same_key} AND NOT ({same_figures}) OFFSET 0
) AS other
WHERE {only} GROUP BY s.station_id
"""


def different_note(table: str, stage: str, *, only: str = "true") -> None:
    """Record an event per station with the number of rows of `stage` that were dropped although they differ.

    `only` is a condition on the rows `s`.
    """
    line, identity = _LINES[table], IDENTITIES[table]
    found = _NOTE.format(
        event=ROWS_LEFT_OUT,
        line=line,
        rows=table.removeprefix("telemetry_").removeprefix("station") + "s",
        stage=stage,
        table=table,
        only=only,
        same_key=identity.same_key_sql("r", "s"),
        same_figures=identity.same_figures_sql("s", "r"),
    )
    cursor().execute(note_sql(found))
