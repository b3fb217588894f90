"""Rows whose key another row has already, with other figures in them: the first stays, and an event says so.

A client that numbers no lines gives two tags of one second the same key. Only one of them can be kept, but not without a word.
"""

from typing import NamedTuple

from fleet.ingest.database import cursor

LEFT_OUT = "rows_left_out"


class _Table(NamedTuple):
    """How rows of a table are told apart, and what else they say; `line` tells the events of several tables apart."""

    key: tuple[str, ...]
    figures: tuple[str, ...]
    line: int


_TABLES = {
    "telemetry_detection": _Table(
        ("station_id", "occurred_at", "port", "kind", "line"), ("freq", "sig", "noise", "snr", "rssi", "tag"), 1
    ),
    "telemetry_position": _Table(
        ("station_id", "occurred_at", "line", "source"), ("latitude", "longitude", "altitude_m"), 2
    ),
    "telemetry_stationevent": _Table(("station_id", "occurred_at", "name", "line", "source"), ("data",), 3),
}

# OFFSET 0: a look by key for each row that was sent, whatever the planner thinks of a table that it has never seen.
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
    """Count what could not be written from `stage` though it is no repeat, station by station."""
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
