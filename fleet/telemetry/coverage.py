"""Coverage: which hours of a station's data have arrived, and how recent the newest is."""

from datetime import datetime

from django.db import connection

from fleet.core import clock
from fleet.stations.models import Station
from fleet.telemetry.models import DetectionCount

#: Series examined, most recently heard first. An hour with data costs an index probe or two, however many rows it has;
#: one without data costs a probe per series.
_SERIES_ASKED = 100

_HOURS = """
SELECT h FROM generate_series(date_trunc('hour', %(start)s::timestamptz, 'UTC'), %(end)s::timestamptz, '1 hour') AS h
WHERE EXISTS (SELECT 1 FROM telemetry_detectioncount d WHERE d.station_id = %(station)s AND d.hour = h)
   OR EXISTS (
        SELECT 1 FROM unnest(%(series)s::bigint[]) AS s(id), LATERAL (
            SELECT 1 FROM telemetry_reading r
            WHERE r.series_id = s.id AND r.occurred_at >= h AND r.occurred_at < h + interval '1 hour' LIMIT 1
        ) AS found
   )
ORDER BY h
"""


def hours_with_data(*, station: Station, start: datetime, end: datetime) -> list[datetime]:
    """Start times of the hours (station's clock, UTC) with readings or detections."""
    heard = station.series.filter(last_at__gte=start).order_by("-last_received_at")
    series = list(heard.values_list("id", flat=True)[:_SERIES_ASKED])
    with connection.cursor() as cursor:
        cursor.execute(_HOURS, {"start": start, "end": end, "station": station.pk, "series": series})
        return [row[0] for row in cursor.fetchall()]


def detection_newest_hour(*, station: Station) -> datetime | None:
    """The newest hour by the station's clock with detections; hours in the future do not count."""
    rows = DetectionCount.objects.filter(station=station, hour__lte=clock.now())
    return rows.order_by("-hour").values_list("hour", flat=True).first()
