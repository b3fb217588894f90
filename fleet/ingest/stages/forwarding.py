"""Notes for forwarders: which series and hours got rows, in the transaction of the rows."""

from collections.abc import Collection

from fleet.ingest.batch import Batch
from fleet.ingest.database import cursor, numbers
from fleet.ingest.delivery import StationRef

_FED = "SELECT DISTINCT organization_id FROM forward_forwarder WHERE is_fed AND organization_id = ANY(%s::bigint[])"
_NOTE = """
INSERT INTO forward_forwardnote (organization_id, xact, received_at, series_ids, hours, noted_at)
SELECT o.organization_id, pg_current_xact_id()::text::bigint, %s, array_agg(d.series_id), array_agg(d.hour),
    statement_timestamp()
FROM unnest(%s::bigint[], %s::int[]) AS d(series_id, hour)
JOIN telemetry_series s ON s.id = d.series_id JOIN stations_station o ON o.id = s.station_id
WHERE o.organization_id = ANY(%s::bigint[]) GROUP BY 1
"""


def organizations_fed(stations: Collection[StationRef], batch: Batch) -> list[int]:
    """The senders' organizations that forward what arrives, as committed now: asked with each batch, not remembered."""
    if not batch.dirty:
        return []
    asked = {station.organization_id for station in stations}
    act = cursor()
    act.execute(_FED, [numbers(sorted(asked))])
    return [row[0] for row in act.fetchall()]


def notes_write(batch: Batch, organizations: Collection[int]) -> None:
    """Note the hours of these organizations' series; `fleet.forward.feed` reads the notes."""
    if not organizations:
        return
    pairs = sorted(batch.dirty)
    cursor().execute(
        _NOTE,
        [
            batch.moment,
            numbers([pair[0] for pair in pairs]),
            numbers([pair[1] for pair in pairs]),
            numbers(sorted(organizations)),
        ],
    )
