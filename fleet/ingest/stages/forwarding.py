"""Notes for forwarders: which series and stations got rows in which hours, in the transaction of the rows."""

from collections.abc import Collection
from typing import NamedTuple

from fleet.ingest.batch import Batch
from fleet.ingest.database import cursor, numbers
from fleet.ingest.delivery import StationRef
from fleet.ingest.memory.dirty_hours import HOUR
from fleet.telemetry.models import Detection

_FED = """
SELECT organization_id, bool_or(wants_readings), bool_or(detections <> 'none'), bool_or(detections = 'all')
FROM forward_forwarder WHERE is_fed AND organization_id = ANY(%s::bigint[]) GROUP BY 1
"""
_NOTE = """
WITH readings AS (
    SELECT o.organization_id, array_agg(d.series_id) AS ids, array_agg(d.hour) AS hours
    FROM unnest(%s::bigint[], %s::int[]) AS d(series_id, hour)
    JOIN telemetry_series s ON s.id = d.series_id JOIN stations_station o ON o.id = s.station_id
    WHERE o.organization_id = ANY(%s::bigint[]) GROUP BY 1
), heard AS (
    SELECT organization_id, array_agg(station_id) AS ids, array_agg(hour) AS hours FROM (
        SELECT DISTINCT o.organization_id, d.station_id, d.hour
        FROM unnest(%s::bigint[], %s::int[], %s::bool[]) AS d(station_id, hour, is_tag)
        JOIN stations_station o ON o.id = d.station_id
        WHERE o.organization_id = ANY(CASE WHEN d.is_tag THEN %s::bigint[] ELSE %s::bigint[] END)
    ) AS one GROUP BY 1
)
INSERT INTO forward_forwardnote
    (organization_id, xact, received_at, series_ids, hours, station_ids, station_hours, noted_at)
SELECT organization_id, pg_current_xact_id()::text::bigint, %s, coalesce(r.ids, '{}'), coalesce(r.hours, '{}'),
    h.ids, h.hours, statement_timestamp()
FROM readings r FULL JOIN heard h USING (organization_id)
"""


class Fed(NamedTuple):
    """Ids of organizations that forward readings, tags, and pulses."""

    readings: Collection[int] = ()
    tags: Collection[int] = ()
    pulses: Collection[int] = ()


def organizations_fed(stations: Collection[StationRef], batch: Batch) -> Fed:
    """The senders' organizations that forward data now: queried with each batch, not remembered."""
    if not batch.dirty and not batch.hours:
        return Fed()
    asked = {station.organization_id for station in stations}
    act = cursor()
    act.execute(_FED, [numbers(sorted(asked))])
    found = act.fetchall()
    return Fed(*([row[0] for row in found if row[place]] for place in (1, 2, 3)))


def notes_write(batch: Batch, fed: Fed) -> None:
    """Note the hours of these organizations' series and stations; `fleet.forward.feed` reads the notes."""
    if not any(fed):
        return
    pairs = sorted(batch.dirty) if fed.readings else []
    heard: list[tuple[int, int, bool]] = []
    if fed.tags:
        of_tags = Detection.Kind.TAG.value
        heard = sorted({(station, start // HOUR, kind == of_tags) for station, start, _port, kind in batch.hours})
    if not pairs and not heard:
        return
    cursor().execute(
        _NOTE,
        [
            numbers([pair[0] for pair in pairs]),
            numbers([pair[1] for pair in pairs]),
            numbers(sorted(fed.readings)),
            numbers([one[0] for one in heard]),
            numbers([one[1] for one in heard]),
            [one[2] for one in heard],
            numbers(sorted(fed.tags)),
            numbers(sorted(fed.pulses)),
            batch.moment,
        ],
    )
