"""Cold rows end as others do: retention, erased stations and organizations, moves, and thawing."""

import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from people import SERVER, station_of
from telemetry.cold_months import (
    APRIL,
    FEBRUARY,
    MARCH,
    MINUTE,
    cold,
    hot_count,
    late_store,
    merged,
    months_fill,
    moved,
    rows_of,
)
from telemetry.stored_readings import series_make

from fleet.core.errors import Conflict
from fleet.core.models import AuditEntry
from fleet.ingest.corrections.time_shifts import time_shift, time_shift_undo
from fleet.lifecycle.erase_station import station_delete, stations_erase
from fleet.lifecycle.move_station import station_move
from fleet.stations.models import History, Station
from fleet.telemetry import selectors
from fleet.telemetry.clearing.retention import Removed, retention_run
from fleet.telemetry.cold_files import ColdFile, ColdPart
from fleet.telemetry.keeping.rules import Kept, rule_set
from fleet.telemetry.models import Reading, ReadingDay, Series, TimeShift

__all__ = ["cold"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cold")]
DAY = timedelta(days=1)
State = ColdFile.State


@pytest.fixture
def two(institute) -> list[Series]:
    """Two cold series of one station, a reading an hour in February and March."""
    first = series_make(institute)
    second = Series.objects.create(station=first.station, name="health/volts", unit="V", created_at=FEBRUARY)
    for one in (first, second):
        months_fill(one, step="1 hour")
    assert moved().months == 2
    return [first, second]


def files_there(folder) -> int:
    return len([path for path in (folder / "cold").rglob("*") if path.is_file()])


def test_retention_ends_cold_rows_at_once_and_their_bytes_later(institute, two, cold):
    moment = MARCH + 110 * DAY
    rule_set(owner=institute, pattern="health/*", kept=Kept(raw_days=100))
    days = list(ReadingDay.objects.order_by("pk").values_list("start", "count"))
    planned = retention_run(moment=moment, is_dry=True)
    assert planned == {"Institute": Removed(readings=(28 + 10) * 24)}
    assert retention_run(moment=moment) == planned
    first, second = two
    assert selectors.readings(series=second, start=FEBRUARY, end=APRIL)[0].at == MARCH + 10 * DAY
    assert len(selectors.readings(series=first, start=FEBRUARY, end=APRIL)) == 59 * 24
    # The files still have them; the next run rewrites the files.
    assert len(rows_of(second)) == 59 * 24
    done = moved()
    assert (done.months, done.rows) == (2, 0)
    assert (len(rows_of(first)), len(rows_of(second))) == (59 * 24, 21 * 24)
    assert list(ReadingDay.objects.order_by("pk").values_list("start", "count")) == days
    assert retention_run(moment=moment) == {}
    # From now on the other series is kept, and this one is not.
    rule_set(owner=institute, pattern="health/*", kept=Kept())
    rule_set(owner=institute, kept=Kept(raw_days=100))
    retention_run(moment=moment + 60 * DAY)
    moved()
    assert (rows_of(first), len(rows_of(second))) == ([], 21 * 24)
    assert ColdFile.objects.filter(state=State.COLD).count() == 1
    assert not selectors.readings(series=first, start=FEBRUARY, end=APRIL)


def test_retention_waits_for_a_file_that_cannot_be_read(institute, two, cold):
    (cold / ColdFile.objects.get(month=MARCH.date()).name).unlink()
    rule_set(owner=institute, pattern="health/*", kept=Kept(raw_days=100))
    assert retention_run(moment=MARCH + 110 * DAY) == {"Institute": Removed(waiting=1)}


@pytest.mark.usefixtures("services")
def test_an_erased_station_leaves_no_file(institute, two, owner, cold):
    station, other = two[0].station, series_make(institute)
    months_fill(other, end=MARCH, step="12 hours")
    moved()
    late_store(two[0], [(FEBRUARY + MINUTE, 5.0)])
    merged()
    assert files_there(cold) == 4
    station_delete(actor=owner, station=station, typed=station.serial)
    assert moved().months == 0
    stations_erase()
    assert not Station.objects.filter(pk=station.pk).exists()
    assert files_there(cold) == 1
    assert (len(rows_of(other)), ColdPart.objects.count()) == (56, 1)


def test_files_that_cannot_be_deleted_keep_the_station_until_they_can(two, owner, monkeypatch):
    station = two[0].station
    station_delete(actor=owner, station=station, typed=station.serial)

    def away(**_file):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("fleet.telemetry.cold.services.file_delete", away)
    stations_erase()
    assert (ColdFile.objects.count(), Station.objects.filter(pk=station.pk).count()) == (2, 1)


def test_a_station_that_moves_takes_its_cold_rows_along(institute, elsewhere, two, cold):
    station, rows = two[0].station, rows_of(*two)
    names = [path.name for path in (cold / "cold" / f"organization={institute.pk}").rglob("*.parquet")]
    station_move(actor=SERVER, station=station, organization=elsewhere, history=History.GOES)
    assert rows_of(*two) == rows
    assert len(selectors.readings(series=two[0], start=FEBRUARY, end=APRIL)) == 59 * 24
    done = moved("Elsewhere")
    assert (done.months, done.rows) == (2, 0)
    assert rows_of(*two) == rows
    theirs = list((cold / "cold" / f"organization={elsewhere.pk}").rglob("*.parquet"))
    assert (len(names), len(theirs)) == (2, 2)
    assert not ColdFile.objects.filter(state=State.COLD, name__startswith=f"cold/organization={institute.pk}/").exists()


def test_history_that_stays_stays_cold(institute, elsewhere, two):
    station = two[0].station
    new = station_move(actor=SERVER, station=station, organization=elsewhere, history=History.STAYS)
    assert moved("Elsewhere").months == 0
    assert not new.cold_files.exists()
    assert len(selectors.readings(series=two[0], start=FEBRUARY, end=APRIL)) == 59 * 24


def test_months_are_thawed_with_their_late_rows(institute, two, capsys):
    rows = rows_of(*two)
    late_store(two[0], [(MARCH, 77.0), (MARCH + MINUTE, 5.0)])
    call_command("cold", "thaw", two[0].station.serial, "--from", "2026-03", "--json")
    assert json.loads(capsys.readouterr().out) == {"months": 1, "rows": 2 * 31 * 24}
    assert hot_count(*two) == 2 * 31 * 24 + 2
    found = {(row[1], row[3]) for row in rows_of(*two)} - {(row[1], row[3]) for row in rows}
    assert found == {(MARCH + timedelta(microseconds=1), "77.0"), (MARCH + MINUTE, "5.0")}
    assert AuditEntry.objects.get(action="cold.thaw").detail == {"months": 1, "rows": 2 * 31 * 24}
    assert len(selectors.readings(series=two[0], start=FEBRUARY, end=APRIL)) == 59 * 24 + 2


def test_the_command_lists_moves_and_checks(institute, two, cold, capsys):
    call_command("cold", "list", "--json")
    listed = json.loads(capsys.readouterr().out)["cold"][0]
    assert (listed["organization"], listed["files"], listed["rows"]) == ("Institute", 2, 2 * 59 * 24)
    call_command("cold", "check")
    assert "Every file" in capsys.readouterr().out
    path = cold / ColdFile.objects.get(month=MARCH.date()).name
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(SystemExit) as ended:
        call_command("cold", "check")
    assert ended.value.code == 1
    assert path.name in capsys.readouterr().err
    call_command("cold", "move")
    assert "Nothing is due" in capsys.readouterr().out


def test_rows_are_not_moved_in_time_where_they_are_cold(institute, two):
    station = two[0].station
    Reading.objects.create(series=two[0], occurred_at=FEBRUARY - 20_000 * DAY, received_at=FEBRUARY + DAY, value=1.0)
    with pytest.raises(Conflict, match="cold storage"):
        time_shift(actor=SERVER, station=station, side="behind")
    shift = TimeShift.objects.create(
        station=station, side="behind", offset_us=1, first_at=MARCH, last_at=MARCH + DAY, made_at=APRIL
    )
    with pytest.raises(Conflict, match="manage cold thaw"):
        time_shift_undo(actor=SERVER, shift=shift)
    other = station_of(institute)
    assert not ColdFile.objects.filter(station=other).exists()
