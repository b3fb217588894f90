"""Late detections with the key of a cold one: the cold one stays, and an event records those that differ.

Ingest does not see cold rows, so it stored the late ones and counted them by hour. Here they are deleted, and the
counts corrected.
"""

from datetime import datetime
from typing import Any, Final

from fleet.stations.models import StationContact
from fleet.telemetry.cold.settling import Settled
from fleet.telemetry.cold.tables import DETECTIONS
from fleet.telemetry.left_out import ROWS_LEFT_OUT, note_sql
from fleet.telemetry.models import Detection
from fleet.telemetry.same_rows import DETECTION

#: As for `fleet.ingest.rows.same_key`.
_SAME: Final = DETECTION.same_figures_sql("h", "c")
_HOUR: Final = "date_trunc('hour', occurred_at, 'UTC')"
_IS_TAG: Final = f"(kind = {Detection.Kind.TAG.value} AND tag IS NOT NULL)"
_NOTE: Final = note_sql(f"""
    SELECT station_id, clock_timestamp(), '{ROWS_LEFT_OUT}', 1, '', max(received_at),
        jsonb_build_object('rows', 'detections', 'count', count(*), 'first_at', min(occurred_at),
                           'reason', 'another row has the same moment and line'), 0
    FROM gone WHERE NOT is_known GROUP BY station_id
""")  # noqa: S608 - our own names
#: A repeat only changes how often its tag was heard. A different row may have been the strongest, so its hour is
#: counted again.
_GONE: Final = f"""
WITH gone AS (
    DELETE FROM {DETECTIONS.hot} h USING {DETECTIONS.cold} c
    WHERE h.station_id = %(station)s AND h.occurred_at >= %(start)s AND h.occurred_at < %(end)s
        AND {DETECTIONS.same_key("c", "h")}
    RETURNING h.station_id, h.occurred_at, h.received_at, h.port, h.kind, h.tag, {_SAME} AS is_known
), corrected AS (
    UPDATE telemetry_detectioncount n SET count = n.count - g.count
    FROM (SELECT {_HOUR} AS hour, port, kind, count(*) AS count FROM gone GROUP BY 1, 2, 3) g
    WHERE n.station_id = %(station)s AND n.hour = g.hour AND n.port = g.port AND n.kind = g.kind
), tags AS (
    UPDATE telemetry_taghour n SET count = n.count - g.count
    FROM (SELECT {_HOUR} AS hour, port, tag, count(*) AS count FROM gone WHERE is_known AND {_IS_TAG} GROUP BY 1, 2, 3) g
    WHERE n.station_id = %(station)s AND n.hour = g.hour AND n.port = g.port AND n.tag = g.tag
), noted AS (
    INSERT INTO telemetry_taghourdue (station_id, hour)
    SELECT DISTINCT station_id, {_HOUR} FROM gone WHERE NOT is_known AND {_IS_TAG} ON CONFLICT DO NOTHING
), told AS (
    {_NOTE}
)
SELECT count(*) FILTER (WHERE is_known), count(*) FILTER (WHERE NOT is_known) FROM gone
"""  # noqa: S608 - our own names


def late_heard_settle(cursor: Any, *, station_id: int, start: datetime, end: datetime) -> Settled:
    """Delete the table's detections of a station's month whose key is loaded and indexed, in the current transaction.

    Ingest of the station waits until its end.
    """
    list(StationContact.objects.select_for_update().filter(station=station_id).values_list("pk"))
    cursor.execute(_GONE, {"station": station_id, "start": start, "end": end})
    known, left_out = cursor.fetchone()
    return Settled(known=known, left_out=left_out)
