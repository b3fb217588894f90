"""A move to cold storage may be killed at any moment: nothing is lost, and nothing is there twice."""

from datetime import timedelta

import pytest
from django.db import connection
from telemetry.cold_months import (
    FEBRUARY,
    MARCH,
    MINUTE,
    Killed,
    cold,
    hot_count,
    killed_at,
    late_store,
    merged,
    months_fill,
    moved,
    rows_of,
)
from telemetry.stored_readings import series_make

from fleet.telemetry import selectors
from fleet.telemetry.cold import files, services, steps
from fleet.telemetry.cold.due import months_due
from fleet.telemetry.cold.steps import Month
from fleet.telemetry.cold_files import ColdFile
from fleet.telemetry.models import Reading

__all__ = ["cold"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("cold")]
State = ColdFile.State


def answers(series) -> list:
    span = {"series": series, "start": FEBRUARY, "end": MARCH}
    return [
        [(p.at, str(p.value), p.flags, p.received_at, p.sent_value, p.sent_unit) for p in selectors.readings(**span)],
        [(p.at, p.value, p.count, p.flags) for p in selectors.readings(**span, every=timedelta(minutes=90))],
    ]


def test_killed_before_any_statement_the_next_run_goes_on(institute, tmp_path):
    number = 0
    is_whole = False
    while not is_whole:
        number += 1
        series = series_make(institute)
        months_fill(series, end=FEBRUARY + timedelta(days=5), step="6 hours")
        rows, told = rows_of(series), answers(series)
        month = Month(series.station_id, FEBRUARY.date())
        with killed_at(number) as begun:
            try:
                services.cold_run(months=[month])
                is_whole = begun[0] < number
            except Killed:
                pass
        assert rows_of(series) == rows, number
        assert answers(series) == told, number
        services.cold_run(months=[month])
        assert (hot_count(series), rows_of(series), answers(series)) == (0, rows, told), number
    assert number > 25


def test_killed_before_any_statement_of_a_merge(institute):
    number = 0
    is_whole = False
    while not is_whole:
        number += 1
        series = series_make(institute)
        months_fill(series, end=FEBRUARY + timedelta(days=2), step="12 hours")
        month = Month(series.station_id, FEBRUARY.date())
        services.cold_run(months=[month])
        late_store(series, [(FEBRUARY + MINUTE, 5.0), (FEBRUARY + timedelta(hours=12), 77.0)])
        with killed_at(number) as begun:
            try:
                services.cold_run(months=[month])
                is_whole = begun[0] < number
            except Killed:
                pass
        services.cold_run(months=[month])
        found = [(row[1], row[3]) for row in rows_of(series)]
        assert (hot_count(series), len(found), len(set(found))) == (0, 6, 6), number
        assert (FEBRUARY + timedelta(hours=12, microseconds=1), "77.0") in found, number
    assert number > 30


@pytest.mark.parametrize("place", ["parquet_write", "file_store", "_state", "file_over", "others_wait"])
@pytest.mark.parametrize("is_after", [False, True])
def test_killed_before_and_after_each_act(institute, monkeypatch, place, is_after):
    series = series_make(institute)
    months_fill(series, end=MARCH, step="3 hours")
    moved()
    late_store(series, [(FEBRUARY + MINUTE, 5.0)])
    rows = rows_of(series)
    act = getattr(steps, place)

    def killed(*args, **kwargs):
        if is_after:
            act(*args, **kwargs)
        raise Killed

    monkeypatch.setattr(steps, place, killed)
    with pytest.raises(Killed):
        merged()
    assert rows_of(series) == rows
    monkeypatch.undo()
    merged()
    assert (hot_count(series), rows_of(series)) == (0, rows)
    assert ColdFile.objects.filter(state=State.COLD).count() == 1


def test_other_bytes_than_were_stored_and_nothing_is_deleted(institute, monkeypatch, caplog):
    series = series_make(institute)
    months_fill(series, end=MARCH, step="3 hours")
    rows, store = rows_of(series), steps.file_store

    def lying(*, place, name, path, written):
        path.write_bytes(path.read_bytes()[:-40] + b"\0" * 40)
        store(place=place, name=name, path=path, written=written)

    monkeypatch.setattr(steps, "file_store", lying)
    done = moved()
    assert (done.failed, done.months) == (1, 0)
    assert "cannot be read" in caplog.text
    assert hot_count(series) == len(rows)
    monkeypatch.undo()
    assert (moved().months, hot_count(series), rows_of(series)) == (1, 0, rows)


def test_another_row_than_was_written_is_given_up(institute, monkeypatch):
    series = series_make(institute)
    months_fill(series, end=MARCH, step="3 hours")
    verify = steps._verify

    def changed(file):
        verify(file)
        Reading.objects.filter(series=series, occurred_at=FEBRUARY).update(value=1.25)

    monkeypatch.setattr(steps, "_verify", changed)
    assert (moved().failed, hot_count(series)) == (1, 224)
    assert services.cold_given_up().get().reason == "224 rows of the table were written, and 223 are the same now"
    monkeypatch.undo()
    assert (moved().months, hot_count(series)) == (1, 0)
    assert selectors.readings(series=series, start=FEBRUARY, end=MARCH)[0].value == 1.25


def test_a_row_that_arrives_between_two_steps_stays_in_the_table(institute, monkeypatch):
    series = series_make(institute)
    months_fill(series, end=MARCH, step="3 hours")
    rows, verify = rows_of(series), steps._verify

    def crossed(file):
        verify(file)
        late_store(series, [(FEBRUARY + MINUTE, 5.0)])

    monkeypatch.setattr(steps, "_verify", crossed)
    assert moved().months == 1
    assert (hot_count(series), len(rows_of(series))) == (1, len(rows) + 1)
    assert [p.value for p in selectors.readings(series=series, start=FEBRUARY, end=FEBRUARY + 2 * MINUTE)][1] == 5.0


def test_a_disk_that_is_full_leaves_everything_in_the_table(institute, monkeypatch):
    series = series_make(institute)
    months_fill(series, end=MARCH, step="3 hours")

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.shutil, "copyfileobj", full)
    assert (moved().failed, hot_count(series)) == (1, 224)
    monkeypatch.undo()
    assert (moved().months, hot_count(series)) == (1, 0)


def test_only_one_process_moves_and_old_files_are_deleted_after_two_weeks(institute, tmp_path):
    series = series_make(institute)
    months_fill(series, end=MARCH, step="3 hours")
    moved()
    late_store(series, [(FEBRUARY + MINUTE, 5.0)])
    merged()
    over = ColdFile.objects.get(state=State.OVER)
    assert (tmp_path / over.name).exists()
    ColdFile.objects.filter(pk=over.pk).update(over_at=over.over_at - timedelta(days=15))
    moved()
    assert not (tmp_path / over.name).exists()
    assert not ColdFile.objects.filter(pk=over.pk).exists()
    assert months_due() == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_relation_size('telemetry_reading_2026_02')")
        assert cursor.fetchone() == (0,)
