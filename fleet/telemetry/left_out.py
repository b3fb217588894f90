"""Events of a station that say how many of its rows or values were left out, and why.

Their key has the moment of receipt, so parts of what arrived together, as messages that leave quarantine in several
batches, say one thing: their counts are added.
"""

from typing import Final

ROWS_LEFT_OUT: Final = "rows_left_out"
VALUES_LEFT_OUT: Final = "values_left_out"

_COLUMNS: Final = "station_id, occurred_at, name, line, source, received_at, data, flags"
# A station may send an event of this name with any data, so what is stored there may be no number.
_COUNT: Final = (
    "CASE WHEN jsonb_typeof({row}.data -> 'count') = 'number' THEN ({row}.data ->> 'count')::numeric ELSE 0 END"
)
_BOTH: Final = f"{_COUNT.format(row='said')} + {_COUNT.format(row='excluded')}"


def note_sql(found: str) -> str:
    """SQL that stores these events; `found` selects their columns, no two with one key, with a `count` in their data."""
    return (
        f"INSERT INTO telemetry_stationevent AS said ({_COLUMNS}) {found} "
        "ON CONFLICT (station_id, occurred_at, name, line, source) DO UPDATE SET data = said.data || "
        f"jsonb_strip_nulls(jsonb_build_object('count', {_BOTH}, "
        "'first_at', least(said.data ->> 'first_at', excluded.data ->> 'first_at')))"
    )
