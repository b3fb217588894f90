"""Limits on the streams and branches of a station, because a row of the ledger stays permanently."""

from collections import Counter

from fleet.ingest.database import cursor, numbers
from fleet.telemetry.ledger import FILE_STREAM_PREFIXES

#: Maximum streams of a station. A new card or outbox begins a stream, and so does each file that is sent whole.
STREAMS_MOST, FILE_STREAMS_MOST = 2_000, 200_000
#: Most branches that nobody has decided about, and most branches overall.
UNDECIDED_MOST, BRANCHES_MOST = 32, 256


def streams_allowed(missing: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """The new (station id, stream) for which their stations have room, in the same order."""
    rows = cursor().execute(
        "SELECT station_id, stream LIKE ANY(%s::text[]), count(*) FROM telemetry_streamledger "
        "WHERE station_id = ANY(%s::bigint[]) AND branch = '' GROUP BY 1, 2",
        [[f"{prefix}%" for prefix in FILE_STREAM_PREFIXES], numbers({station_id for station_id, _ in missing})],
    )
    count: Counter[tuple[int, bool]] = Counter({(row[0], row[1]): row[2] for row in rows.fetchall()})
    allowed = []
    for station_id, stream in missing:
        is_file = stream.startswith(FILE_STREAM_PREFIXES)
        if count[station_id, is_file] < (FILE_STREAMS_MOST if is_file else STREAMS_MOST):
            count[station_id, is_file] += 1
            allowed.append((station_id, stream))
    return allowed


def branches_of(station_id: int) -> tuple[set[str], int]:
    """Names of this station's branches, and how many more it may have."""
    rows = (
        cursor()
        .execute(
            "SELECT stream, branch IN ('held', 'cloned') FROM telemetry_streamledger "
            "WHERE station_id = %s AND branch <> ''",
            [station_id],
        )
        .fetchall()
    )
    undecided = sum(is_undecided for _stream, is_undecided in rows)
    return {stream for stream, _ in rows}, min(BRANCHES_MOST - len(rows), UNDECIDED_MOST - undecided)
