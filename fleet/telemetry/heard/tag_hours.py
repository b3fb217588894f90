"""Keeping the hours of tags equal to the rows: recounting hours, and counting those from before Roost counted tags.

Ingest adds to the hours as it stores rows. Code that moves rows recounts the hours that lost or got some, with the
station's contact locked, so that ingest of that station waits. Messages that are taken again lock no contact; the
advisory lock keeps them from adding to an hour while it is counted.
"""

import time
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction

from fleet.stations.models import StationContact
from fleet.telemetry.cold.conditions import Narrowed
from fleet.telemetry.cold.heard import heard_plan
from fleet.telemetry.cold.reading import rows_read
from fleet.telemetry.keeping.models import ClearedDetections
from fleet.telemetry.models import Detection, TagHourDue

#: Retention removes no detections from before this moment: their clock was not set.
PAST = datetime(2010, 1, 1, tzinfo=UTC)
COLUMNS = "station_id, hour, port, tag, count, first_at, last_at, strongest"
#: The columns of an hour, computed from detections `d`. `{rows}` is their table, `{where}` starts with AND or is empty.
FROM_ROWS = (
    "SELECT d.station_id, date_trunc('hour', d.occurred_at, 'UTC'), d.port, d.tag, count(*), min(d.occurred_at), "  # noqa: S608 - a constant
    f"max(d.occurred_at), max(d.rssi) FROM {{rows}} d WHERE d.kind = {Detection.Kind.TAG.value} AND d.tag IS NOT NULL "
    "{where} GROUP BY 1, 2, 3, 4"
)
#: Stations share this many locks: the server has room for a few thousand, and one batch may have as many stations.
_LOCKS = 64
#: Held until the end of the transaction: shared for adding to a station's hours, exclusive for counting them again.
ADDING_LOCK = (
    "SELECT pg_advisory_xact_lock_shared(hashtext('telemetry.taghour'), n) "  # noqa: S608 - a constant
    f"FROM (SELECT DISTINCT (id %% {_LOCKS})::int AS n FROM unnest(%s::bigint[]) AS id ORDER BY 1) AS locks"
)
_COUNTING_LOCK = f"SELECT pg_advisory_xact_lock(hashtext('telemetry.taghour'), (%s %% {_LOCKS})::int)"
#: Maximum hours of a station counted in one transaction, because its ingest waits meanwhile.
_HOURS_MOST = 24

_RECOUNT = (
    f"INSERT INTO telemetry_taghour ({COLUMNS}) SELECT counted.* FROM unnest(%(hours)s::timestamptz[]) AS h(hour), "  # noqa: S608 - constants
    f"LATERAL ({FROM_ROWS}) AS counted"
).replace(
    "{where}",
    "AND d.station_id = %(station)s AND d.occurred_at >= h.hour AND d.occurred_at < h.hour + interval '1 hour'",
)
_HOUR = timedelta(hours=1)
_TAGS = Narrowed(kinds=(Detection.Kind.TAG.value,))


def counting_order(station_id: int) -> int:
    """Sort key for recounting several stations in one transaction; ingest takes its locks in this order."""
    return station_id % _LOCKS


def tag_hours_recount(*, station_id: int, hours: Collection[datetime]) -> None:
    """Count these hours of a station again, in the current transaction; its contact must be locked.

    Hours whose detections retention has removed keep their counts. Cold detections count too; raises `Unavailable` if
    they cannot be read.
    """
    cleared = ClearedDetections.objects.filter(station=station_id).values_list("before", flat=True).first()
    hours = [hour for hour in hours if cleared is None or not PAST <= hour < cleared]
    if not hours:
        return
    hours = sorted(set(hours))

    def recount(rows: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM telemetry_taghour WHERE station_id = %s AND hour = ANY(%s)", [station_id, hours]
            )
            cursor.execute(_RECOUNT.replace("{rows}", rows), {"station": station_id, "hours": hours})

    with connection.cursor() as cursor:
        cursor.execute(_COUNTING_LOCK, [station_id])
    rows_read(lambda: heard_plan([station_id], [(hour, hour + _HOUR) for hour in hours], _TAGS), recount)


def tag_hours_fill(*, seconds: float = 20.0) -> int:
    """Count hours from before Roost counted tags, the newest first, until none is left or the time is up.

    Each transaction counts at most 24 hours of one station. Returns the number of counted hours.
    """
    until, done = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        newest = TagHourDue.objects.order_by("-hour").values_list("station_id", flat=True).first()
        if newest is None:
            break
        done += _fill_some(newest)
    return done


@transaction.atomic
def _fill_some(station_id: int) -> int:
    """Count some of a station's hours. Once we have the contact's lock, all rows that ingest wrote are visible."""
    list(StationContact.objects.select_for_update().filter(station=station_id).values_list("pk"))
    due = TagHourDue.objects.filter(station=station_id).order_by("-hour")
    hours = list(due.values_list("hour", flat=True)[:_HOURS_MOST])
    tag_hours_recount(station_id=station_id, hours=hours)
    TagHourDue.objects.filter(station=station_id, hour__in=hours).delete()
    return len(hours)


def tag_hours_due(*, station_ids: Collection[int]) -> int:
    """Number of hours of these stations that are not counted yet."""
    return TagHourDue.objects.filter(station__in=station_ids).count()
