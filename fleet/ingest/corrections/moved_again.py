"""Removing rows that were moved in time and arrive again at their old times, as from a card: they are repeats."""

from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import F

from fleet.core.live import live_announce
from fleet.ingest.corrections.repeats import repeat_sqls
from fleet.telemetry.heard.tag_hours import tag_hours_recount
from fleet.telemetry.models import Detection, TimeShift
from fleet.telemetry.same_rows import IDENTITIES


def moved_again_remove() -> int:
    """Remove rows that arrived after a standing move of the same rows; return how many. Each move counts its own."""
    removed = 0
    shifts = TimeShift.objects.filter(undone_at=None, station__deleted_at=None).select_related("station")
    for shift in shifts.order_by("pk"):
        if _any_again(shift):
            removed += _remove(shift)
    return removed


@transaction.atomic
def _remove(shift: TimeShift) -> int:
    """Remove the repeats of one move while ingest of the station waits, and correct the counts of their hours."""
    station, arguments, removed = shift.station, _arguments(shift), 0
    with connection.cursor() as cursor:
        cursor.execute("UPDATE stations_stationcontact SET epoch = epoch + 1 WHERE station_id = %s", [station.pk])
        if not TimeShift.objects.filter(pk=shift.pk, undone_at=None).exists():
            return 0
        for table in IDENTITIES:
            cursor.execute(f"CREATE TEMP TABLE again (LIKE {table}) ON COMMIT DROP")
            came = 0
            for is_again in _again_sqls(table):
                cursor.execute(
                    f"WITH gone AS (DELETE FROM {table} t USING {table} d WHERE {is_again} RETURNING t.*) "  # noqa: S608 - our own names
                    "INSERT INTO again SELECT * FROM gone",
                    arguments,
                )
                came += cursor.rowcount
            if came:
                removed += came
                _correct_counts(cursor, table, station.pk)
            cursor.execute("DROP TABLE again")
    TimeShift.objects.filter(pk=shift.pk).update(again=F("again") + removed)
    live_announce(changed={station.organization_id: [station.serial]})
    return removed


def _any_again(shift: TimeShift) -> bool:
    arguments = _arguments(shift)
    with connection.cursor() as cursor:
        for table in IDENTITIES:
            for is_again in _again_sqls(table):
                cursor.execute(
                    f"SELECT EXISTS (SELECT 1 FROM {table} t, {table} d WHERE {is_again})",  # noqa: S608 - our own names
                    arguments,
                )
                if cursor.fetchone() == (True,):
                    return True
    return False


def _again_sqls(table: str) -> list[str]:
    """SQL conditions: `t` arrived after the move, at the old time of its equal `d`, which was moved."""
    ours = "t.series_id = ANY(%(series)s)" if table == "telemetry_reading" else "t.station_id = %(station)s"
    late = (
        f"{ours} AND t.occurred_at BETWEEN %(first)s AND %(last)s AND t.shift_id IS NULL AND t.received_at >= %(made)s "
        "AND d.shift_id = %(shift)s"
    )
    return [f"{late} AND {is_repeat}" for is_repeat in repeat_sqls(table, "d", by="t")]


def _arguments(shift: TimeShift) -> dict[str, Any]:
    """Parameters of the statements; `first` and `last` are old times."""
    offset = timedelta(microseconds=shift.offset_us)
    return {
        "station": shift.station_id,
        "series": list(shift.station.series.values_list("pk", flat=True)),
        "first": shift.first_at - offset,
        "last": shift.last_at - offset,
        "made": shift.made_at,
        "offset": shift.offset_us,
        "shift": shift.pk,
    }


def _correct_counts(cursor: CursorWrapper, table: str, station_id: int) -> None:
    """Correct everything that counts the rows in `again`. None of them is a newest value: their times are doubtful."""
    if table == "telemetry_reading":
        cursor.execute(
            "INSERT INTO telemetry_dirtyhour (series_id, hour, noted_at) "
            "SELECT DISTINCT series_id, date_trunc('hour', occurred_at, 'UTC'), statement_timestamp() FROM again "
            "ORDER BY 1, 2 ON CONFLICT DO NOTHING"
        )
    if table == "telemetry_detection":
        cursor.execute(
            "UPDATE telemetry_detectioncount c SET count = c.count - n.count FROM ("
            "SELECT date_trunc('hour', occurred_at, 'UTC') AS hour, port, kind, count(*) AS count FROM again GROUP BY 1, 2, 3"
            ") n WHERE c.station_id = %s AND c.hour = n.hour AND c.port = n.port AND c.kind = n.kind",
            [station_id],
        )
        cursor.execute("DELETE FROM telemetry_detectioncount WHERE station_id = %s AND count <= 0", [station_id])
        cursor.execute(
            "SELECT DISTINCT date_trunc('hour', occurred_at, 'UTC') FROM again WHERE kind = %s",
            [Detection.Kind.TAG.value],
        )
        tag_hours_recount(station_id=station_id, hours=[row[0] for row in cursor.fetchall()])
