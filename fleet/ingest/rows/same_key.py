"""Rows with the key of a stored row but other figures: the first stays, and an event records the loss.

A client that does not number lines gives two tags of the same second the same key. Only one can be kept, but not
silently.
"""

from typing import NamedTuple

from fleet.ingest.database import cursor

LEFT_OUT = "rows_left_out"


class _Table(NamedTuple):
    """Key and figures of a table's rows; `line` keeps the events of different tables apart."""

    key: tuple[str, ...]
    figures: tuple[str, ...]
    line: int


_TABLES = {
    "telemetry_detection": _Table(
        ("station_id", "occurred_at", "port", "kind", "line"),
        ("freq", "sig", "noise", "snr", "rssi", "tag", "node", "is_validated"),
        1,
    ),
    "telemetry_position": _Table(
        ("station_id", "occurred_at", "line", "source"), ("latitude", "longitude", "altitude_m"), 2
    ),
    "telemetry_stationevent": _Table(("station_id", "occurred_at", "name", "line", "source"), ("data",), 3),
}

# OFFSET 0 forces a lookup by key for each row sent, because the planner has no statistics of the temporary table.
_NOTE = """
INSERT INTO telemetry_stationevent (station_id, occurred_at, name, line, source, received_at, data, flags)
SELECT s.station_id, max(s.received_at), '{event}', {line}, '', max(s.received_at),
    jsonb_build_object('rows', '{rows}', 'count', count(*), 'first_at', min(s.occurred_at),
                       'reason', 'another row has the same moment and line'), 0
FROM {stage} s, LATERAL (
    SELECT 1 FROM {table} r WHERE {same} AND ({ours}) IS DISTINCT FROM ({theirs}) OFFSET 0
) AS other
GROUP BY s.station_id ON CONFLICT DO NOTHING
"""


def different_note(table: str, stage: str) -> None:
    """Record an event per station with the number of rows of `stage` that were dropped although they differ."""
    known = _TABLES.get(table)
    if known is None:
        return
    cursor().execute(
        _NOTE.format(
            event=LEFT_OUT,
            line=known.line,
            rows=table.removeprefix("telemetry_").removeprefix("station") + "s",
            stage=stage,
            table=table,
            same=" AND ".join(f"r.{name} = s.{name}" for name in known.key),
            ours=f"ROW({', '.join(f's.{name}' for name in known.figures)})",
            theirs=f"ROW({', '.join(f'r.{name}' for name in known.figures)})",
        )
    )
