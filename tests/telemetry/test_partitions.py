"""Partitions: each time has one, months are created ahead and take their waiting rows, and DEFAULT stays empty."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.core.cache import cache
from django.db import IntegrityError, OperationalError, connection, connections, transaction
from telemetry.stored_readings import series_make

from fleet.core import clock
from fleet.telemetry import partitions
from fleet.telemetry.models import Detection, Reading
from workers.tasks.telemetry import make_partitions

READINGS = "telemetry_reading"


def where(series) -> dict[float, str]:
    """The partition of each reading, by value."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT value, tableoid::regclass::text FROM telemetry_reading WHERE series_id = %s ORDER BY value",
            [series.pk],
        )
        return {value: name.removeprefix("telemetry_reading_") for value, name in cursor.fetchall()}


def store(series, *moments: datetime) -> None:
    Reading.objects.bulk_create(
        Reading(series=series, occurred_at=moment, received_at=moment, value=n) for n, moment in enumerate(moments)
    )


@pytest.mark.django_db
def test_every_time_of_a_stations_clock_has_a_partition(institute):
    series = series_make(institute)
    now = clock.now()
    years = (1900, 1970, 2000, 2010, 2019, now.year - 1, 2038, 5138)
    store(series, *(datetime(year, 3, 1, tzinfo=UTC) for year in years), now)
    assert list(where(series).values()) == [
        *("ancient", "ancient", "ancient", "2010", "2019"),
        *(str(now.year - 1), "future", "future", f"{now:%Y_%m}"),
    ]
    assert partitions.partitions_trouble() is None


@pytest.mark.django_db
@pytest.mark.parametrize("table", partitions.TABLES)
def test_partitions_follow_each_other_without_a_hole_for_half_a_year_ahead(table):
    parts = partitions.partition_list(table=table)
    assert (parts[0].start, parts[-1].end) == (None, None)
    assert [part.end for part in parts[:-1]] == [part.start for part in parts[1:]]
    assert parts[-1].start > clock.now() + timedelta(days=150)
    assert partitions.partitions_ensure() == []


@pytest.mark.django_db
def test_a_year_later_rows_from_then_lie_in_months_and_none_is_lost(institute):
    series = series_make(institute)
    first = partitions.partition_list(table=READINGS)[-1].start
    moments = [first, first + timedelta(days=40), first + timedelta(days=4000)]
    store(series, *moments)
    assert set(where(series).values()) == {"future"}
    made = partitions.partitions_ensure(moment=first + timedelta(days=45))
    assert f"{READINGS}_{first:%Y_%m}" in made
    assert where(series) == {0: f"{first:%Y_%m}", 1: f"{moments[1]:%Y_%m}", 2: "future"}
    assert list(Reading.objects.order_by("occurred_at").values_list("occurred_at", flat=True)) == moments
    assert partitions.partitions_ensure(moment=first + timedelta(days=45)) == []


@pytest.mark.django_db
@pytest.mark.parametrize(("lost", "moment"), [("2015", 2015), ("ancient", 1970), ("future", 2099)])
def test_rows_in_default_are_told_and_move_to_where_they_belong(institute, lost, moment):
    series = series_make(institute)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {READINGS}_{lost}")
    store(series, datetime(moment, 3, 1, tzinfo=UTC), datetime(moment, 3, 2, tzinfo=UTC))
    assert set(where(series).values()) == {"default"}
    assert "telemetry_reading_default" in partitions.partitions_trouble()
    partitions.partitions_ensure()
    assert where(series) == {0: lost, 1: lost}
    assert partitions.partitions_trouble() is None


@pytest.mark.django_db
def test_no_row_of_default_can_exist_in_its_partition_too(institute):
    """Such a row would be lost when DEFAULT is emptied: PostgreSQL attaches no table that has one."""
    series = series_make(institute)
    store(series, datetime(2015, 3, 1, tzinfo=UTC))
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {READINGS} DETACH PARTITION {READINGS}_default")
        cursor.execute(f"INSERT INTO {READINGS}_default SELECT * FROM {READINGS}_2015")
        with pytest.raises(IntegrityError, match="partition constraint"), transaction.atomic():
            cursor.execute(f"ALTER TABLE {READINGS} ATTACH PARTITION {READINGS}_default DEFAULT")
        # If one were there all the same, moving it would be an error, and the row would stay.
        with pytest.raises(IntegrityError, match="duplicate key"), transaction.atomic():
            partitions._move_rows(cursor, f"{READINGS}_default", READINGS, None)
        cursor.execute(f"SELECT count(*) FROM {READINGS}_default")
        assert cursor.fetchone() == (1,)
        cursor.execute(f"TRUNCATE {READINGS}_default")
        cursor.execute(f"ALTER TABLE {READINGS} ATTACH PARTITION {READINGS}_default DEFAULT")
    assert where(series) == {0: "2015"}


@pytest.mark.django_db
def test_detections_in_default_move_with_all_their_columns(institute):
    series = series_make(institute)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE telemetry_detection_2015")
    at = datetime(2015, 3, 1, tzinfo=UTC)
    Detection.objects.create(
        station=series.station, occurred_at=at, port=2, kind=2, line=7, received_at=at, tag="78664c33", rssi=-75
    )
    before = Detection.objects.values().get()
    partitions.partitions_ensure()
    assert Detection.objects.values().get() == before
    assert not partitions.default_is_used(table="telemetry_detection")


@pytest.mark.django_db
def test_months_that_nobody_makes_are_told():
    later = partitions.partition_list(table=READINGS)[-1].start - timedelta(days=10)
    assert "telemetry.make_partitions is not running" in partitions.partitions_trouble(moment=later)


@pytest.mark.django_db
def test_administrators_are_told_of_rows_in_default_once(institute, settings, admin_user):
    settings.MAIL_TRANSPORT = "django.core.mail.backends.locmem.EmailBackend"
    cache.clear()
    series = series_make(institute)
    for _ in range(2):
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE {READINGS}_2015")
        store(series, datetime(2015, 3, 1, tzinfo=UTC))
        make_partitions()
        assert where(series) == {0: "2015"}
        Reading.objects.all().delete()
    assert [(m.to, m.subject) for m in mail.outbox] == [([admin_user.email], "Roost: trouble with partitions")]
    assert "telemetry_reading_default" in mail.outbox[0].body


@pytest.mark.django_db(transaction=True)
def test_a_writer_is_never_made_to_wait_for_a_long_transaction_of_another(institute):
    """The job that creates partitions gives up its place in the queue, changes nothing, and can succeed later."""
    series = series_make(institute)
    later = partitions.partition_list(table=READINGS)[-1].start
    before = partitions.partition_list(table=READINGS)
    refused: list[Exception] = []

    def make() -> None:
        try:
            partitions.partitions_ensure(moment=later)
        except OperationalError as error:
            refused.append(error)
        finally:
            connections.close_all()

    with transaction.atomic():
        store(series, later)
        maker = threading.Thread(target=make)
        maker.start()
        maker.join()
    assert len(refused) == 1
    assert partitions.partition_list(table=READINGS) == before
    try:
        partitions.partitions_ensure(moment=later)
        assert where(series) == {0: f"{later:%Y_%m}"}
    finally:
        # Later tests use the tables too: restore the partitions that a migration creates.
        Reading.objects.all().delete()
        shrink(before)


def shrink(before: list[partitions.Partition]) -> None:
    for table in partitions.TABLES:
        names = {part.name for part in before}
        with transaction.atomic(), connection.cursor() as cursor:
            for part in partitions.partition_list(table=table):
                if part.name not in names or part.name == "future":
                    cursor.execute(f"DROP TABLE {table}_{part.name}")
        partitions.partitions_ensure()
