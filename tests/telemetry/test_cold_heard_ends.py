"""Late detections of a cold month, retention of cold ones, and stations and files that end, move or come back."""

import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from people import SERVER, station_of
from telemetry.cold_heard import counts_of, heard_fill, heard_rows, hot_heard, late_hear
from telemetry.cold_months import APRIL, FEBRUARY, MARCH, MINUTE, cold, merged, moved

from fleet.core.errors import Conflict
from fleet.files.models import StationFile
from fleet.ingest.corrections.file_moves import file_move
from fleet.ingest.corrections.time_shifts import time_shift_undo
from fleet.lifecycle.erase_station import station_delete, stations_erase
from fleet.lifecycle.move_station import station_move
from fleet.stations.models import History, Station
from fleet.telemetry.clearing.detections import detections_keep
from fleet.telemetry.clearing.retention import Removed, retention_run
from fleet.telemetry.cold_files import ColdFile
from fleet.telemetry.heard.single import detections_newest
from fleet.telemetry.heard.tag_hours import tag_hours_fill
from fleet.telemetry.keeping.models import ClearedDetections
from fleet.telemetry.models import Detection, StationEvent, TimeShift
from fleet.telemetry.selectors import detection_list

__all__ = ["cold"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cold")]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
State = ColdFile.State


@pytest.fixture
def station(institute):
    """February and March, a detection an hour, cold."""
    made = station_of(institute)
    heard_fill(made, step="1 hour")
    assert (moved().rows, hot_heard(made)) == (59 * 24, 0)
    return made


def found(station, start=FEBRUARY - DAY, end=APRIL) -> list[Detection]:
    return detection_list(station=station, start=start, end=end, limit=5_000)


def test_repeats_are_known_new_ones_kept_and_others_of_the_same_key_are_told(station):
    before, counts = found(station), counts_of(station)
    tag = next(one for one in before if one.tag == "78664C33")
    pulse = next(one for one in before if one.kind == 1)
    late_hear(station, tag.occurred_at, like=tag)
    late_hear(station, pulse.occurred_at, like=pulse)
    assert counts_of(station) != counts
    done = merged()
    assert (done.months, done.rows, done.known, done.left_out) == (1, 0, 2, 0)
    assert (hot_heard(station), counts_of(station)) == (0, counts)
    late_hear(station, tag.occurred_at, like=tag, tag="other", rssi=-1.0)
    late_hear(station, FEBRUARY + MINUTE, line=77)
    assert len(found(station)) == len(before) + 1
    done = merged()
    assert (done.rows, done.known, done.left_out) == (1, 0, 1)
    told = StationEvent.objects.get(name="rows_left_out")
    assert (told.data["rows"], told.data["count"], told.station_id) == ("detections", 1, station.pk)
    assert tag_hours_fill() == 1
    assert (hot_heard(station), len(found(station)), counts_of(station)[1]) == (0, len(before) + 1, counts[1])
    file = ColdFile.objects.get(state=State.COLD, month=FEBRUARY.date())
    assert (file.known, file.left_out, file.rows) == (2, 1, 28 * 24 + 1)


def test_a_page_is_whole_though_repeats_count_twice_until_the_night(station):
    pulses = [one for one in found(station) if one.kind == 1 and one.port == 1][-6:]
    for one in pulses[1:]:
        late_hear(station, one.occurred_at, like=one)
    page = detections_newest(station=station, start=FEBRUARY, end=APRIL, kind=1, port=1, limit=6)
    assert [one.line for one in page] == [one.line for one in reversed(pulses)]


def test_retention_ends_cold_detections_at_once_and_their_bytes_later(institute, station):
    moment, counts = MARCH + 110 * DAY, counts_of(station)
    detections_keep(organization=institute, days=100)
    kept = [one.line for one in found(station, start=MARCH + 10 * DAY)]
    planned = retention_run(moment=moment, is_dry=True)
    assert planned == {"Institute": Removed(detections=59 * 24 - len(kept))}
    assert retention_run(moment=moment) == planned
    assert [one.line for one in found(station)] == kept
    assert ClearedDetections.objects.get().removed == 59 * 24 - len(kept)
    # The files still have them; the next run rewrites one and ends the other.
    assert len(heard_rows(station)) == 59 * 24
    done = moved()
    assert (done.rows, done.failed) == (0, 0)
    assert ([one[4] for one in heard_rows(station)], counts_of(station)) == (kept, counts)
    assert ColdFile.objects.filter(state=State.COLD).count() == 1
    assert [one.line for one in found(station)] == kept
    assert retention_run(moment=moment) == {}
    assert moved().months == 0


def test_retention_waits_for_a_file_that_cannot_be_read(institute, station, cold):
    (cold / ColdFile.objects.get(month=MARCH.date()).name).unlink()
    detections_keep(organization=institute, days=100)
    assert retention_run(moment=MARCH + 110 * DAY) == {"Institute": Removed(waiting=1)}
    assert not ClearedDetections.objects.exists()


@pytest.mark.usefixtures("services")
def test_an_erased_station_leaves_no_file(station, owner, cold):
    station_delete(actor=owner, station=station, typed=station.serial)
    stations_erase()
    assert not Station.objects.filter(pk=station.pk).exists()
    assert not [path for path in cold.rglob("*") if path.is_file()]


def test_a_station_that_moves_takes_its_cold_detections_along(institute, elsewhere, station, cold):
    rows = heard_rows(station)
    station_move(actor=SERVER, station=station, organization=elsewhere, history=History.GOES)
    assert len(found(station)) == 59 * 24
    assert (moved("Elsewhere").months, heard_rows(station)) == (2, rows)
    theirs = cold / "cold" / "detections" / f"organization={elsewhere.pk}"
    assert len(list(theirs.rglob("*.parquet"))) == 2


def test_months_are_thawed_with_their_late_rows(station, capsys):
    rows, counts = heard_rows(station), counts_of(station)
    tag = next(one for one in found(station, start=MARCH + DAY) if one.tag)
    late_hear(station, tag.occurred_at, like=tag)
    call_command("cold", "thaw", station.serial, "--from", "2026-03", "--json")
    hours = json.loads(capsys.readouterr().out)
    assert (hours["months"], hours["rows"]) == (1, hot_heard(station))
    assert (heard_rows(station), counts_of(station)) == (rows, counts)


def test_the_command_lists_both_kinds(station, capsys):
    call_command("cold", "list", "--json")
    (listed,) = json.loads(capsys.readouterr().out)["cold"]
    assert (listed["organization"], listed["kind"], listed["files"], listed["rows"]) == (
        "Institute",
        "detections",
        2,
        59 * 24,
    )
    call_command("cold", "check")
    assert "Every file" in capsys.readouterr().out


def test_rows_are_neither_moved_in_time_nor_to_another_station_where_they_are_cold(institute, operator, station):
    shift = TimeShift.objects.create(
        station=station, side="behind", offset_us=1, first_at=MARCH, last_at=MARCH + DAY, made_at=APRIL
    )
    with pytest.raises(Conflict, match="cold storage"):
        time_shift_undo(actor=SERVER, shift=shift)
    file = StationFile.objects.create(
        station=station,
        name="a.txt",
        rows_from=MARCH,
        rows_to=MARCH + DAY,
        first_received_at=APRIL,
        last_received_at=APRIL,
    )
    target = station_of(institute)
    with pytest.raises(Conflict, match=f"cold thaw {station.serial}"):
        file_move(actor=operator, station=station, target=target, files=[file])
