"""A growing file is never finished too early, whatever other files exist and whatever the clock says."""

import gzip
import os
import time
from types import SimpleNamespace

import pytest
from agent.messages_of import accounts_told, line_numbers, outbox_messages, rows_counted
from agent.test_sensorgnome_source import HOUR, old, pulse

LIVE = "sgv2-7F5ERPI46977-003-2021-12-16T10-25-01.6590Z-all.txt"
EARLIER = "sgv2-7F5ERPI46977-003-2021-12-15T10-25-01.6590Z-all.txt"
AHEAD = "sgv2-7F5ERPI46977-003-2021-12-16T14-25-01.6590Z-all.txt"
YEAR_2043 = "sgv2-7F5ERPI46977-003-2043-01-01T00-00-00.0000P-all.txt"


@pytest.fixture
def later(monkeypatch):
    """Let a test move the agent's monotonic clock forward."""
    ahead = [0.0]
    clock = SimpleNamespace(time=time.time, monotonic=lambda: time.monotonic() + ahead[0])
    monkeypatch.setattr("station_agent.sensorgnome.folder.time", clock)
    monkeypatch.setattr("station_agent.sources.sensorgnome.time", clock)

    def pass_seconds(seconds):
        ahead[0] += seconds

    return pass_seconds


def append(path, text):
    with path.open("a") as file:
        file.write(text)


def pulses(first, count):
    return "".join(pulse(1639650000 + n) for n in range(first, first + count))


def numbers(station):
    sent = (body for kind, body in outbox_messages(station.outbox) if kind == "detections")
    return sorted(n for body in sent for n in line_numbers(body))


@pytest.mark.parametrize("beside", [EARLIER, AHEAD, YEAR_2043, "another folder", "ahead of now"])
def test_four_pulses_a_pause_five_pulses_and_gzip_are_nine(day, follow, later, beside):
    path = day / LIVE
    path.write_text(pulses(0, 4))
    station = follow(directory=day.parent)
    station.poll()
    other = day / (EARLIER if beside in ("another folder", "ahead of now") else beside)
    if beside == "another folder":
        other = day.parent / "2021-12-17" / EARLIER
        other.parent.mkdir()
    other.write_text(pulse(1639560000))
    if beside == "ahead of now":
        os.utime(other, (time.time() + 5 * HOUR,) * 2)
    later(20.0)
    station.poll()
    later(45.0)
    station.poll()
    append(path, pulses(4, 5))
    station.poll()
    later(45.0)
    station.poll()
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    later(700.0)
    station.poll()
    account = accounts_told(station.outbox)[f"{day.name}/{LIVE}"]
    assert (account.state, account.lines_taken, account.bytes_unread) == ("done", 9, 0)
    assert account.bytes_read == account.bytes_taken == len(pulses(0, 9))
    counted = rows_counted(outbox_messages(station.outbox))
    assert counted["p"] == 10, "the nine, and one from the other file"
    again = follow(directory=day.parent)
    again.poll()
    assert rows_counted(outbox_messages(again.outbox)) == counted


def test_a_pause_in_the_middle_of_a_line_splits_nothing(day, follow, later):
    path = day / LIVE
    whole = pulses(0, 5)
    path.write_text(whole[:70])
    (day / AHEAD).write_text(pulse(1639670000))
    station = follow(directory=day.parent)
    station.poll()
    later(3 * HOUR)
    station.poll()
    append(path, whole[70:])
    station.poll()
    later(3 * HOUR)
    station.poll()
    sent = [body for kind, body in outbox_messages(station.outbox) if kind == "detections"]
    assert sorted({n for body in sent for n in line_numbers(body) if body.file == LIVE}) == [1, 2, 3, 4, 5]
    account = accounts_told(station.outbox)[f"{day.name}/{LIVE}"]
    assert (account.lines_taken, account.lines_refused, account.bytes_taken) == (5, 0, len(whole))
    assert account.refusals == {}


def test_a_finished_file_that_grew_is_read_on_after_a_new_start(day, follow):
    path = day / LIVE
    path.write_text(pulses(0, 4))
    old(path)
    station = follow(directory=day.parent)
    station.poll()
    assert accounts_told(station.outbox)[f"{day.name}/{LIVE}"].state == "done"
    append(path, pulses(4, 5))
    station.poll()
    assert numbers(station) == list(range(1, 10))
    append(path, pulses(9, 1))
    again = follow(directory=day.parent)
    again.poll()
    assert numbers(again) == list(range(1, 11))


def test_a_gzip_that_unpacks_to_more_than_was_read_is_read_on(day, follow):
    path = day / LIVE
    path.write_text(pulses(0, 4))
    old(path)
    station = follow(directory=day.parent)
    station.poll()
    station.outbox.database.close()
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(pulses(0, 9).encode()))
    path.unlink()
    again = follow(directory=day.parent)
    again.poll()
    assert numbers(again) == list(range(1, 10))
    third = follow(directory=day.parent)
    third.poll()
    assert numbers(third) == list(range(1, 10))


def test_a_followed_file_that_grew_is_found_though_its_folder_did_not_change(day, follow, later):
    path = day / LIVE
    path.write_text(pulses(0, 4))
    (day / AHEAD).write_text(pulse(1639670000))
    old(path)
    station = follow(directory=day.parent)
    station.poll()
    later(60.0)
    station.poll()
    append(path, pulses(4, 5))
    later(700.0)
    station.poll()
    assert numbers(station) == sorted([1, *range(1, 10)]), "one of them is the file that follows"
    later(60.0)
    station.poll()
    account = accounts_told(station.outbox)[f"{day.name}/{LIVE}"]
    assert (account.lines_taken, account.bytes_unread) == (9, 0)


def test_a_file_that_was_read_and_vanished_is_open_no_longer(day, follow):
    path = day / LIVE
    path.write_text(pulses(0, 4))
    station = follow(directory=day.parent)
    station.poll()
    path.unlink()
    station.poll()
    account = accounts_told(station.outbox)[f"{day.name}/{LIVE}"]
    assert (account.state, account.lines_taken, account.bytes_unread) == ("done", 4, 0)
    assert rows_counted(outbox_messages(station.outbox)) == {"p": 4}
    assert station.vitals.file_totals().files_open == 0


def test_a_followed_file_that_goes_on_is_read_at_once(day, follow, later):
    path = day / LIVE
    path.write_text(pulses(0, 4))
    (day / AHEAD).write_text(pulse(1639670000))
    station = follow(directory=day.parent)
    station.poll()
    later(45.0)
    station.poll()
    assert accounts_told(station.outbox)[f"{day.name}/{LIVE}"].state == "done"
    append(path, pulses(4, 5))
    station.poll()
    assert numbers(station) == sorted([1, *range(1, 10)]), "one of them is the file that follows"


def test_a_live_file_beside_one_hours_ahead_is_not_late(day, follow, later):
    path = day / LIVE
    path.write_text(pulses(0, 4))
    (day / AHEAD).write_text(pulse(1639670000))
    station = follow(directory=day.parent)
    station.poll()
    append(path, pulses(4, 1))
    station.poll()
    for first in (5, 6, 7):
        later(45.0)
        station.poll()
        append(path, pulses(first, 1))
        station.poll()
        assert numbers(station) == sorted([1, *range(1, first + 2)]), "one of them is the file ahead"


def test_hourly_counts_of_a_clock_years_ahead_are_sent(day, follow, later):
    path = day / YEAR_2043
    path.write_text("".join(pulse(2303683200 + n) for n in range(5)))
    follow.configure(pulses="counts")
    station = follow(directory=day.parent)
    station.poll()
    later(3 * HOUR)
    station.poll()
    later(1.0)
    station.poll()
    ((kind, (record,)),) = outbox_messages(station.outbox)
    assert (kind, record.v, record.bt) == ("readings", 5.0, 2303683200.0)


def test_a_burst_that_a_pause_cut_in_two_is_sent_whole(day, follow, later):
    burst = [pulse(1639650000 + gap) for gap in (0, 0.02, 0.04, 0.07)]
    path = day / LIVE
    path.write_text("".join(burst[:2]))
    follow.configure(pulses="bursts")
    station = follow(directory=day.parent)
    station.poll()
    later(3 * HOUR)
    station.poll()
    append(path, "".join(burst[2:]) + pulse(1639650100))
    station.poll()
    later(3 * HOUR)
    station.poll()
    account = accounts_told(station.outbox)[f"{day.name}/{LIVE}"]
    assert (account.lines_taken, account.lines_kept_back, account.lines_read) == (4, 1, 5)
    assert numbers(station) == [1, 2, 3, 4]


def test_one_file_named_2043_freezes_neither_clock_code_nor_gps_state(day, follow, later):
    (day / YEAR_2043).write_text("G,2303683200,44.2,-64.2,10\n")
    old(day / YEAR_2043)
    station = follow(directory=day.parent)
    station.poll()
    path = day / LIVE
    path.write_text(pulses(0, 1))
    station.poll()
    append(path, "G,undefined,undefined,undefined,undefined\n")
    station.poll()
    assert (station.vitals.clock_code, station.vitals.gps_state) == ("Z", "no fix")
    unset = day / "sgv2-7F5ERPI46977-004-2000-01-01T00-00-11.0000P-all.txt"
    unset.write_text("C,946684811.0,2,0\n")
    station.poll()
    append(unset, "G,946684820,44.2,-64.2,10\n")
    station.poll()
    assert (station.vitals.clock_code, station.vitals.gps_state) == ("P", "fix")


def test_v1_folders_by_boot_and_day_are_followed_live(tmp_path, follow):
    root = tmp_path / "SGdata"
    folder = root / "000176" / "2017-09-01"
    folder.mkdir(parents=True)
    path = folder / "kingsburg-4001BBBK2600-000176-2017-09-01T16-08-51.2850T-all.txt"
    path.write_text(pulse(1504282131.5))
    station = follow(directory=root)
    station.poll()
    append(path, pulse(1504282132.5))
    station.poll()
    tomorrow = root / "000176" / "2017-09-02"
    tomorrow.mkdir()
    (tomorrow / "kingsburg-4001BBBK2600-000176-2017-09-02T00-08-51.2850T-all.txt").write_text(pulse(1504310931.5))
    station.poll()
    assert rows_counted(outbox_messages(station.outbox)) == {"p": 3}


def test_folders_that_contain_themselves_are_looked_at_once(day, follow):
    (day / LIVE).write_text(pulses(0, 2))
    (day / "again").symlink_to(day.parent)
    station = follow(directory=day.parent)
    station.poll()
    assert rows_counted(outbox_messages(station.outbox)) == {"p": 2}


def test_the_marks_of_a_writer_that_never_marks_noise_are_not_believed(day, follow):
    noise = "".join(pulse(1639650000 + 7 * n, freq=-4 + n % 8, rest="-50,-53,3") for n in range(1_000))
    burst = "".join(pulse(1639660000 + gap, rest="-38,-53,15") for gap in (0, 0.02, 0.04, 0.07))
    path = day / LIVE
    path.write_text(noise + burst)
    old(path)
    follow.configure(pulses="bursts")
    station = follow(directory=day.parent)
    station.poll()
    assert rows_counted(outbox_messages(station.outbox)) == {"p": 4}
    account = accounts_told(station.outbox)[f"{day.name}/{LIVE}"]
    assert (account.lines_taken, account.lines_kept_back) == (4, 1_000)


def test_a_gzip_that_stays_beside_a_shorter_plain_file_is_read_too(day, follow, later):
    path = day / LIVE
    packed = path.with_name(path.name + ".gz")
    path.write_text(pulses(0, 4))
    packed.write_bytes(gzip.compress(pulses(0, 9).encode()))
    old(path)
    old(packed)
    station = follow(directory=day.parent)
    station.poll()
    assert numbers(station) == [1, 2, 3, 4], "it is left alone while it may still be being written"
    later(700.0)
    station.poll()
    account = accounts_told(station.outbox)[f"{day.name}/{LIVE}.gz"]
    assert numbers(station) == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert (account.state, account.lines_known, account.lines_taken) == ("done", 4, 5)


def test_the_gzip_of_a_plain_file_that_stays_is_known(day, follow, later):
    path = day / LIVE
    path.write_text(pulses(0, 9))
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
    station = follow(directory=day.parent)
    station.poll()
    later(7_300.0)
    station.poll()
    account = accounts_told(station.outbox)[f"{day.name}/{LIVE}.gz"]
    assert numbers(station) == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert (account.state, account.lines_known, account.lines_taken) == ("done", 9, 0)


def test_an_intact_copy_of_a_damaged_file_is_read_itself(day, follow, later):
    text = pulses(0, 9)
    hole = len(pulses(0, 4)), len(pulses(0, 7))
    damaged, intact = day / LIVE, day.parent / "2021-12-17" / LIVE
    intact.parent.mkdir()
    damaged.write_text(text[: hole[0]] + "\0" * (hole[1] - hole[0]) + text[hole[1] :])
    intact.write_text(text)
    old(damaged)
    old(intact)
    station = follow(directory=day.parent)
    for _ in range(3):
        station.poll()
        later(700.0)
    accounts = accounts_told(station.outbox)
    assert (accounts[f"{day.name}/{LIVE}"].lines_taken, accounts[f"{day.name}/{LIVE}"].damaged) == (6, True)
    copy = accounts[f"2021-12-17/{LIVE}"]
    assert (copy.state, copy.lines_taken, copy.lines_known, copy.bytes_taken) == ("done", 9, 0, len(text))
    assert set(numbers(station)) == {1, 2, 3, 4, 5, 6, 7, 8, 9}


def test_folders_that_are_too_deep_are_named_and_make_the_station_incomplete(tmp_path, follow, later):
    root = tmp_path / "SGdata"
    deep = root / "a/b/c/d/e/f/g"
    deep.mkdir(parents=True)
    (deep / LIVE).write_text(pulses(0, 4))
    station = follow(directory=root)
    for _ in range(3):
        station.poll()
        later(700.0)
        account = accounts_told(station.outbox)["a/b/c/d/e/f/g"]
        assert (account.state, account.bytes_refused > 0) == ("refused", True)
        assert account.reason.startswith("It is more than 6 folders deep")
