"""Readings stored as ingest would store them: rows and the notes of their hours."""

from datetime import UTC, datetime

from django.db import connection, transaction
from people import station_of

from fleet.ingest.memory.dirty_hours import HOUR, NotedHours
from fleet.ingest.rows.tables import pg_time
from fleet.telemetry.models import Reading, Series

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def series_make(institute, name="temp") -> Series:
    return Series.objects.create(station=station_of(institute), name=name, unit="Cel", created_at=NOON)


def readings_store(series, rows, noted=None) -> None:
    """Store rows of (moment, value) or (moment, value, flags), and their notes, in one transaction."""
    book = noted or NotedHours()
    with transaction.atomic():
        Reading.objects.bulk_create(
            Reading(series=series, occurred_at=row[0], received_at=NOON, value=row[1], flags=sum(row[2:]))
            for row in rows
        )
        book.write({(series.pk, pg_time(row[0].timestamp()) // HOUR) for row in rows})
    book.keep()


def rows_fill(table: str, select: str) -> None:
    """Insert many rows from a query, and update the planner's statistics."""
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} {select}")
        cursor.execute(f"ANALYZE {table}")
