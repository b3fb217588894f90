"""Months of readings that become cold in tests, and what is there afterwards, read without Roost's own selectors."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest
from django.core.files.storage import storages
from django.db import connection, transaction
from telemetry.stored_readings import NOON

from fleet.ingest.memory.dirty_hours import HOUR, NotedHours
from fleet.ingest.rows.tables import pg_time
from fleet.telemetry.cold.services import Moved, cold_run
from fleet.telemetry.cold.tables import READINGS
from fleet.telemetry.cold_files import ColdFile
from fleet.telemetry.models import Reading, Series
from fleet.telemetry.rollups import rollups_rebuild

FEBRUARY, MARCH, APRIL, MAY = (datetime(2026, month, 1, tzinfo=UTC) for month in (2, 3, 4, 5))
MINUTE = timedelta(minutes=1)
_ROWS = f"SELECT {READINGS.listed} FROM telemetry_reading WHERE series_id = ANY(%s)"


@pytest.fixture
def cold(settings, tmp_path):
    """Months that are older than half a year become cold, in a folder of this test."""
    settings.MEDIA_ROOT, settings.ROOST_COLD_AFTER_MONTHS = tmp_path, 6
    return tmp_path


def months_fill(series: Series, *, start: datetime = FEBRUARY, end: datetime = APRIL, step: str = "10 minutes") -> None:
    """Store readings of every kind, note their hours, and roll them up."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO telemetry_reading (series_id, occurred_at, received_at, value, flags, sent_value, sent_unit) "
            "SELECT %s, t, t + interval '90 seconds', CASE n %% 7 WHEN 0 THEN -0.0 ELSE sin(n) * 1e3 END, "
            "CASE WHEN n %% 11 = 0 THEN 32 ELSE 0 END, CASE WHEN n %% 5 = 0 THEN n / 3.0 END, "
            "CASE WHEN n %% 5 = 0 THEN 'degF' WHEN n %% 13 = 0 THEN '' END "
            "FROM (SELECT t, row_number() OVER (ORDER BY t) AS n FROM generate_series(%s::timestamptz, "
            "%s::timestamptz - interval '1 second', %s::interval) t) AS moments",
            [series.pk, start, end, step],
        )
        cursor.execute(
            "INSERT INTO telemetry_dirtyhour (series_id, hour, noted_at) SELECT DISTINCT series_id, "
            "date_trunc('hour', occurred_at, 'UTC'), now() FROM telemetry_reading WHERE series_id = %s "
            "ON CONFLICT DO NOTHING",
            [series.pk],
        )
    rollups_rebuild(settled_s=0)


def late_store(series: Series, rows: list[tuple]) -> None:
    """Store rows of (moment, value) or (moment, value, flags) and their notes, as ingest does with late ones."""
    book = NotedHours()
    with transaction.atomic():
        for at, value, *flags in rows:
            Reading.objects.create(series=series, occurred_at=at, received_at=NOON, value=value, flags=sum(flags))
        book.write({(series.pk, pg_time(row[0].timestamp()) // HOUR) for row in rows})
    book.keep()


def rows_of(*series: Series) -> list[tuple]:
    """All rows of series, of the table and of the cold files, sorted; one that is in both is here twice."""
    ids = [one.pk for one in series]
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, [ids])
        rows = cursor.fetchall()
    stations = {one.station_id for one in series}
    for file in ColdFile.objects.filter(state=ColdFile.State.COLD, station__in=stations, kind="readings"):
        with storages[file.place].open(file.name) as opened:
            rows += [
                tuple(row[name] for name in READINGS.names)
                for row in pq.read_table(opened).to_pylist()
                if row["series_id"] in ids
            ]
    return sorted(((*row[:3], str(row[3]), *row[4:]) for row in rows), key=lambda row: row[:2])


def hot_count(*series: Series) -> int:
    """Number of rows of the table."""
    return Reading.objects.filter(series__in=series).count()


def moved(name: str = "Institute") -> Moved:
    """Move what is due; return what was done for an organization."""
    return cold_run().get(name, Moved())


def merged(name: str = "Institute") -> Moved:
    """The same a day later: files that are there may be merged with late rows."""
    for file in ColdFile.objects.filter(state=ColdFile.State.COLD):
        ColdFile.objects.filter(pk=file.pk).update(cold_at=file.cold_at - timedelta(days=1))
    return moved(name)


class Killed(BaseException):
    """The process was killed."""


@contextmanager
def killed_at(number: int) -> Iterator[list[int]]:
    """Die before the statement of this number; the list holds how many were begun."""
    begun = [0]

    def count(execute, sql, params, many, context):
        begun[0] += 1
        if begun[0] == number:
            raise Killed
        return execute(sql, params, many, context)

    with connection.execute_wrapper(count):
        yield begun
