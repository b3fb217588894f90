"""Roll-ups by hour and day agree with the rows, however late these arrive, and whatever dies meanwhile."""

import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import connection, connections, transaction
from telemetry.stored_readings import NOON, readings_store, series_make

from fleet.ingest.delivery import Delivery
from fleet.ingest.memory.dirty_hours import NotedHours
from fleet.ingest.pipeline import Pipeline
from fleet.telemetry import rollups, selectors
from fleet.telemetry.models import DirtyHour, Reading, ReadingDay, ReadingHour
from fleet.telemetry.rollups import rollups_rebuild

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: Widths that are served from days, from hours, and from the rows.
WIDTHS = (DAY, 7 * DAY, HOUR, 6 * HOUR, 30 * HOUR, timedelta(minutes=10), timedelta(minutes=90))


def from_rows(rows, start, end, every) -> list[tuple]:
    """The expected answer of `readings(every=…)`, computed here."""
    origin = datetime(2000, 1, 1, tzinfo=UTC)
    bins: dict[datetime, list[tuple]] = {}
    for at, value, flags in rows:
        if start <= at < end:
            bins.setdefault(origin + (at - origin) // every * every, []).append((value, flags))
    return [
        (
            at,
            pytest.approx(sum(v for v, _ in found) / len(found)),
            min(v for v, _ in found),
            max(v for v, _ in found),
            len(found),
            union(f for _, f in found),
        )
        for at, found in sorted(bins.items())
    ]


def union(flags) -> int:
    total = 0
    for each in flags:
        total |= each
    return total


def answer(series, start, end, every) -> list[tuple]:
    found = selectors.readings(series=series, start=start, end=end, every=every)
    return [(p.at, p.value, p.minimum, p.maximum, p.count, p.flags) for p in found]


def random_rows(rng, count, days) -> list[tuple]:
    moments = {NOON - timedelta(seconds=rng.randrange(days * 86_400)) for _ in range(count)}
    # Some are exactly at the edges of hours and days.
    moments |= {NOON - HOUR, NOON - 2 * HOUR + timedelta(microseconds=-1), NOON - 36 * HOUR}
    return [(at, rng.uniform(-50, 50), rng.choice((0, 0, 0, 1, 2, 4))) for at in sorted(moments)]


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(4))
def test_all_levels_answer_what_the_rows_say(institute, seed):
    """Right when rolled up and when half is noted again for late data, for any range and width."""
    rng = random.Random(seed)
    series, other = series_make(institute), series_make(institute, "other")
    rows = random_rows(rng, 400, 20)
    late = rng.sample(rows, 40)
    first = [row for row in rows if row not in late]
    readings_store(series, first)
    readings_store(other, [(at, 1_000.0) for at, _, _ in rows[:50]])
    assert rollups_rebuild(settled_s=0) > 0
    assert not DirtyHour.objects.exists()
    for stored in (first, rows):
        for every in WIDTHS:
            for _ in range(4):
                start = NOON - timedelta(seconds=rng.randrange(60, 25 * 86_400))
                end = start + timedelta(seconds=rng.randrange(60, 15 * 86_400))
                start, end = rng.choice([(start, end), (start.replace(hour=0, minute=0, second=0), end)])
                assert answer(series, start, end, every) == from_rows(stored, start, end, every)
        readings_store(series, late) if stored is first else None


@pytest.mark.django_db
def test_days_and_hours_are_really_used(institute):
    """The tables are read, not the rows: a changed value in them shows."""
    series = series_make(institute)
    midnight = NOON.replace(hour=0)
    readings_store(series, [(midnight - DAY + n * HOUR, 1.0) for n in range(24)])
    rollups_rebuild(settled_s=0)
    ReadingDay.objects.update(maximum=77.0)
    ReadingHour.objects.update(maximum=66.0)
    assert {p[3] for p in answer(series, midnight - DAY, midnight, DAY)} == {77.0}
    assert {p[3] for p in answer(series, midnight - DAY, midnight, HOUR)} == {66.0}
    assert {p[3] for p in answer(series, midnight - DAY, midnight - HOUR, DAY)} == {66.0}
    assert {p[3] for p in answer(series, midnight - DAY, midnight, HOUR / 2)} == {1.0}


@pytest.mark.django_db
def test_ingest_notes_what_it_stores_and_the_job_rolls_it_up(institute):
    station = series_make(institute).station
    hours = [NOON.timestamp() + 3600 * n for n in (0, -1, -30)]
    pack = [{"n": name, "v": n, "t": at + n} for name in ("temp", "wind") for at in hours for n in range(3)]
    message = [*pack, {"n": "said", "vs": "words", "t": NOON.timestamp()}]
    health = {"at": NOON.timestamp(), "cpu_percent": 3.5}
    pipeline = Pipeline()
    for kind, body in (("readings", message), ("readings", pack[:3]), ("health", health)):
        properties = {"type": kind, "application_headers": {"v": 1}}
        outcome = pipeline.take([Delivery(f"in.{station.serial}", kind, properties, json.dumps(body).encode())])
        assert outcome.stored == 1
    assert rollups_rebuild(settled_s=0) == 7
    found = ReadingHour.objects.filter(series__name="temp").order_by("start")
    assert list(found.values_list("start", "count", "sum", "minimum", "maximum")) == [
        (NOON + n * HOUR, 3, 3.0, 0.0, 2.0) for n in (-30, -1, 0)
    ]
    days = ReadingDay.objects.filter(series__name="wind").order_by("start")
    assert list(days.values_list("count", flat=True)) == [3, 6]
    assert ReadingHour.objects.get(series__name="health/cpu_percent").sum == 3.5


@pytest.mark.django_db
def test_the_greatest_figures_and_unbelievable_times_break_nothing(institute):
    series = series_make(institute)
    year = datetime(1970, 1, 1, tzinfo=UTC)
    readings_store(series, [(NOON, 1.7e308), (NOON + HOUR / 4, 1.7e308, 4), (year, 5.0, 1), (NOON + HOUR / 2, -1e308)])
    rollups_rebuild(settled_s=0)
    found = ReadingHour.objects.get(start=NOON)
    assert (found.maximum, found.minimum, found.count, found.suspicious, found.flags) == (1.7e308, -1e308, 3, 1, 4)
    for every in (HOUR, HOUR * 1.5):
        assert answer(series, NOON, NOON + HOUR, every)[0][4] == 3
    assert ReadingDay.objects.get(start=year).flags == 1


@pytest.mark.django_db
def test_young_notes_are_left_alone_as_their_writer_still_relies_on_them(institute):
    series = series_make(institute)
    readings_store(series, [(NOON, 1.0)])
    assert rollups_rebuild() == 0
    assert DirtyHour.objects.count() == 1
    DirtyHour.objects.update(noted_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert rollups_rebuild() == 1


@pytest.mark.django_db
def test_a_worker_notes_an_hour_once_until_its_note_is_too_old(institute, monkeypatch):
    series, clock = series_make(institute), [1_000.0]
    monkeypatch.setattr("fleet.ingest.memory.dirty_hours.time.monotonic", lambda: clock[0])
    book = NotedHours()
    noted = []
    for seconds in (0, 600, 330, 600, 350, 10_000):
        clock[0] += seconds
        before = DirtyHour.objects.count()
        # Each batch has a different moment in the database, though all are in one transaction here.
        readings_store(series, [(NOON + timedelta(seconds=len(noted)), 1.0)], book)
        noted.append(DirtyHour.objects.count() - before)
    assert noted == [1, 0, 0, 0, 1, 1]
    # Two generations of half that time and a minute each: nobody relies on a note as long as the job waits.
    assert rollups.RELIED_S + 120 < rollups.SETTLED_S


@pytest.mark.django_db
def test_a_note_that_was_rolled_back_is_written_again(institute):
    series, book = series_make(institute), NotedHours()
    pair = {(series.pk, 200_000)}
    with transaction.atomic():
        book.write(pair)
        transaction.set_rollback(True)
    book.drop()
    book.write(pair)
    assert DirtyHour.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_job_that_dies_leaves_its_notes(institute, monkeypatch):
    series = series_make(institute)
    readings_store(series, [(NOON, 1.0), (NOON + HOUR, 2.0)])
    monkeypatch.setattr(rollups, "_DAYS", "SELECT 1 / 0")
    with pytest.raises(Exception, match="division by zero"):
        rollups_rebuild(settled_s=0)
    monkeypatch.undo()
    assert DirtyHour.objects.count() == 2
    assert not ReadingHour.objects.exists()
    assert rollups_rebuild(settled_s=0) == 2
    assert ReadingDay.objects.get().count == 2


@pytest.mark.django_db(transaction=True)
def test_only_one_rebuilds_at_a_time(institute):
    series = series_make(institute)
    readings_store(series, [(NOON, 1.0)])
    found = []

    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [rollups.LOCK])
        other = threading.Thread(target=lambda: found.append(closing(lambda: rollups_rebuild(settled_s=0))))
        other.start()
        other.join()
    assert found == [0]
    assert rollups_rebuild(settled_s=0) == 1


@pytest.mark.django_db(transaction=True)
def test_rows_of_a_transaction_that_relies_on_an_old_note_are_not_missed(institute, monkeypatch):
    """The job waits for transactions that write meanwhile; if that takes too long, it leaves the note for the next run."""
    series, book = series_make(institute), NotedHours()
    readings_store(series, [(NOON, 1.0)], book)
    monkeypatch.setattr(rollups, "_WAIT_S", 0.5)
    found = []

    with transaction.atomic():
        Reading.objects.create(series=series, occurred_at=NOON + HOUR / 2, received_at=NOON, value=3.0)
        book.write({(series.pk, 0)})
        other = threading.Thread(target=lambda: found.append(closing(lambda: rollups_rebuild(settled_s=0))))
        other.start()
        other.join()
    assert found == [0]
    assert rollups_rebuild(settled_s=0) == 2
    assert ReadingHour.objects.get(start=NOON).count == 2


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_for_who_writes_in_another_database_of_the_same_server(institute):
    readings_store(series_make(institute), [(NOON, 1.0)])
    with psycopg.connect(**connection.get_connection_params() | {"dbname": "postgres"}) as elsewhere:
        elsewhere.execute("SELECT pg_current_xact_id()")
        assert rollups_rebuild(settled_s=0) == 1


@pytest.mark.django_db(transaction=True)
def test_writers_and_the_job_side_by_side_lose_nothing_and_no_answer_is_stale(institute):
    """Two writers with separate notes, jobs without pause, and a reader who counts what was committed."""
    series = series_make(institute)
    committed, done = [0, 0], threading.Event()

    def write(number: int) -> None:
        book, rng = NotedHours(), random.Random(number)
        for n in range(60):
            # Forget the notes here, because the job in this test does not wait until they are settled.
            book.forget()
            moments = [NOON + timedelta(hours=rng.randrange(400), seconds=2 * (n * 5 + k) + number) for k in range(5)]
            readings_store(series, [(at, 1.0) for at in moments], book)
            committed[number] += 5

    def rebuild() -> None:
        while not done.is_set():
            rollups_rebuild(settled_s=0)

    def look() -> None:
        every, looks = HOUR, 0
        while not done.is_set() or looks < 4:
            before, every, looks = sum(committed), DAY if every == HOUR else HOUR, looks + 1
            points = selectors.readings(series=series, start=NOON - 2 * DAY, end=NOON + 30 * DAY, every=every)
            # Each writer may have committed five more that it has not counted yet.
            assert before <= sum(p.count for p in points) <= sum(committed) + 10

    with ThreadPoolExecutor(5) as pool:
        writers = [pool.submit(closing, write, number) for number in (0, 1)]
        others = [pool.submit(closing, act) for act in (rebuild, rebuild, look)]
        wait(writers)
        done.set()
    for each in [*writers, *others]:
        each.result()
    while rollups_rebuild(settled_s=0):
        pass
    assert not DirtyHour.objects.exists()
    assert sum(ReadingHour.objects.values_list("count", flat=True)) == 600
    assert sum(ReadingDay.objects.values_list("count", flat=True)) == 600 == Reading.objects.count()


def closing(act, *arguments):
    """Run in a thread, and close its connections."""
    try:
        return act(*arguments)
    finally:
        connections.close_all()


@pytest.mark.django_db
def test_hours_with_too_many_rows_for_one_statement_are_rebuilt_fewer_at_a_time(institute, monkeypatch):
    series = series_make(institute)
    readings_store(series, [(NOON - n * HOUR, 1.0) for n in range(100)])
    rebuild, tried = rollups._rebuild_some, []

    def slow(moment, most, *, is_cold):
        if is_cold:
            return rebuild(moment, most, is_cold=True)
        tried.append(most)
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 100")
            cursor.execute("SELECT pg_sleep(%s)", [0.0 if most < 100 else 5.0])
            cursor.execute("SET LOCAL statement_timeout = 0")
        return rebuild(moment, most, is_cold=False)

    monkeypatch.setattr(rollups, "_rebuild_some", slow)
    assert rollups_rebuild(settled_s=0) == 100
    assert tried == [4_000, 500, 62, 62, 62]
    assert sum(ReadingDay.objects.values_list("count", flat=True)) == 100
