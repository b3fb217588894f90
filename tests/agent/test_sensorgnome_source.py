"""The source follows the data folder: each line is sent once, whatever happens to the files or the agent."""

import gzip
import os
import random
import shutil
import time
from collections import Counter

import msgspec
import pytest
from agent.conftest import REAL_DATA
from agent.messages_of import decoded, line_numbers, outbox_messages, rows_counted

from station_agent.outbox import BACK_FILL, PULSE, Outbox
from station_agent.sources import sources_make

NAME = "sgv2-7F5ERPI46977-003-2021-12-16T{hour:02d}-25-01.6590Z-{source}.txt"
HOUR = 3_600


def pulse(at, port=3, freq=2.6, letter="p", rest="-38.87,-53.61"):
    return f"{letter}{port},{at:.4f},{freq},{rest}\n"


def old(path, seconds=3 * HOUR):
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_a_growing_file_is_sent_in_whole_lines(day, follow):
    path = day / NAME.format(hour=0, source="all")
    path.write_text(pulse(1639614325.5266) + "p3,1639614326.1")
    station = follow(directory=day.parent)
    station.poll()
    assert rows_counted(outbox_messages(station.outbox)) == {"p": 1}
    with path.open("a") as file:
        file.write("234,2.6,-38.87,-53.61\n" + pulse(1639614327.5))
    station.poll()
    messages = outbox_messages(station.outbox)
    assert rows_counted(messages) == {"p": 3}
    assert [line_numbers(body) for _, body in messages] == [[1], [2, 3]]
    assert {body.file for _, body in messages} == {path.name}


def test_a_batch_waits_for_its_age(day, follow):
    follow.configure(pulses="all")
    station = follow(directory=day.parent, profile="normal")
    source = sources_make(station)["sensorgnome"]
    (day / NAME.format(hour=0, source="all")).write_text(pulse(1639614325.5266))
    source.poll()
    assert outbox_messages(station.outbox) == []
    source._settings = msgspec.structs.replace(source._settings, batch_age=0.01)
    time.sleep(0.02)
    source.poll()
    assert rows_counted(outbox_messages(station.outbox)) == {"p": 1}


def test_a_new_start_goes_on_where_the_last_was(day, follow, tmp_path):
    path = day / NAME.format(hour=0, source="all")
    path.write_text("".join(pulse(1639614325 + n) for n in range(2_500)))
    station = follow(directory=day.parent)
    station.poll()
    station.outbox.database.close()
    path.write_text("".join(pulse(1639614325 + n) for n in range(3_000)))
    again = follow(directory=day.parent)
    again.poll()
    messages = outbox_messages(again.outbox)
    assert [n for _, body in messages for n in line_numbers(body)] == list(range(1, 3_001))


def test_compressing_a_file_changes_nothing(day, follow):
    path = day / NAME.format(hour=0, source="all")
    text = "".join(pulse(1639614325 + n) for n in range(1_500))
    path.write_text(text)
    station = follow(directory=day.parent)
    station.poll()
    path.with_name(path.name + ".gz").write_bytes(gzip.compress((text + pulse(1639617000)).encode()))
    path.unlink()
    station.poll()
    again = follow(directory=day.parent)
    again.poll()
    messages = outbox_messages(again.outbox)
    assert sorted(n for _, body in messages for n in line_numbers(body)) == list(range(1, 1_502))
    assert {body.file for _, body in messages} == {path.name}


def test_the_line_without_end_of_a_finished_file_is_no_detection(day, follow):
    path = day / NAME.format(hour=0, source="all")
    path.write_text(pulse(1639614325.5266) + "p3,1639614326.1,2.6,-38.87,-5")
    old(path)
    station = follow(directory=day.parent)
    station.poll()
    messages = outbox_messages(station.outbox)
    assert rows_counted(messages) == {"p": 1, "unparsed": 1}
    (event,) = next(body for kind, body in messages if kind == "event").events
    assert event.data == {"text": "p3,1639614326.1,2.6,-38.87,-5", "why": "the line has no end"}
    assert event.line == 2


def test_a_file_that_lost_its_end_is_not_sent_again(day, follow):
    path = day / NAME.format(hour=0, source="all")
    lines = [pulse(1639614325 + n) for n in range(10)]
    path.write_text("".join(lines))
    station = follow(directory=day.parent)
    station.poll()
    path.write_text("".join(lines[:4]) + lines[4][:9])
    station.poll()
    path.write_text("".join(lines[:4]) + pulse(1639619999))
    station.poll()
    counted = rows_counted(outbox_messages(station.outbox))
    assert counted == {"p": 11, "file_truncated": 1}


def test_another_file_under_the_same_name_is_read_from_its_beginning(day, follow):
    path = day / NAME.format(hour=0, source="all")
    path.write_text(pulse(1639614325) * 3)
    station = follow(directory=day.parent)
    station.poll()
    path.write_text(pulse(1639700000) * 5)
    station.poll()
    assert rows_counted(outbox_messages(station.outbox)) == {"p": 8, "file_replaced": 1}


def test_what_was_not_read_of_a_replaced_file_is_counted(day, follow):
    path = day / NAME.format(hour=0, source="all")
    path.write_text(pulse(1639614325) * 3 + "p3,16396")
    station = follow(directory=day.parent)
    station.poll()
    path.write_text(pulse(1639700000) * 5)
    station.poll()
    messages = outbox_messages(station.outbox)
    (event,) = (one for kind, body in messages if kind == "event" for one in body.events)
    assert event.data == {"file": path.name, "lines_sent": 3, "bytes_unread": 8}


def test_a_damaged_file_gives_what_can_be_read_and_says_so(day, follow):
    path = day / (NAME.format(hour=0, source="all") + ".gz")
    packed = gzip.compress("".join(pulse(1639614325 + n * 0.7) for n in range(4_000)).encode())
    path.write_bytes(packed[: len(packed) // 2])
    old(path)
    station = follow(directory=day.parent)
    station.poll()
    counted = rows_counted(outbox_messages(station.outbox))
    assert counted["file_damaged"] == 1
    assert 500 < counted["p"] < 4_000
    station.poll()
    assert rows_counted(outbox_messages(station.outbox)) == counted


def test_a_compressed_file_that_is_still_being_written_is_waited_for(day, follow):
    path = day / (NAME.format(hour=0, source="all") + ".gz")
    packed = gzip.compress("".join(pulse(1639614325 + n * 0.7) for n in range(4_000)).encode())
    path.write_bytes(packed[: len(packed) // 2])
    station = follow(directory=day.parent)
    station.poll()
    path.write_bytes(packed)
    station.poll()
    messages = outbox_messages(station.outbox)
    assert rows_counted(messages) == {"p": 4_000}
    assert sorted(n for _, body in messages for n in line_numbers(body)) == list(range(1, 4_001))


def test_files_that_vanish_unread_are_told(day, follow):
    station = follow(directory=day.parent)
    source = sources_make(station)["sensorgnome"]
    path = day / NAME.format(hour=0, source="all")
    path.write_text(pulse(1639614325))
    source._settings = msgspec.structs.replace(source._settings, batch_age=1_000.0)
    source.poll()
    path.unlink()
    source.poll()
    assert rows_counted(outbox_messages(station.outbox)) == {"file_gone": 1}


def test_folders_and_files_that_come_late(tmp_path, follow):
    root = tmp_path / "SGdata"
    station = follow(directory=root)
    station.poll()
    assert "not there yet" in station.vitals.sources["sensorgnome"].note
    for hour in range(3):
        folder = root / f"2021-12-{16 + hour}"
        folder.mkdir(parents=True)
        (folder / NAME.format(hour=hour, source="ctt")).write_text("T1,1639614305.186,78664c3304,-75\n")
        (folder / "notes.txt").write_text("not ours\n")
        station.poll()
        assert rows_counted(outbox_messages(station.outbox)) == {"T": hour + 1}
    assert station.vitals.sources["sensorgnome"].note == ""


def test_nothing_more_is_read_while_the_outbox_is_filling(day, follow):
    rng = random.Random(1)
    for hour in range(20):
        path = day / NAME.format(hour=hour, source="all")
        path.write_text("".join(pulse(1639614325 + n + hour * HOUR, freq=rng.gauss(0, 3)) for n in range(900)))
        old(path)
    station = follow(directory=day.parent)
    station.outbox.cap_bytes = 200_000
    station.poll()
    first = rows_counted(outbox_messages(station.outbox))["p"]
    assert 900 <= first < 18_000
    assert "paused" in station.vitals.sources["sensorgnome"].note
    sent = 0
    while messages := station.outbox.take(100):
        sent += sum(len(decoded(m.kind, m.body, m.encoding).t) for m in messages if m.kind == "detections")
        station.outbox.confirmed([message.key for message in messages])
        station.poll()
    assert sent == 18_000
    assert station.outbox.dropped() == {}
    assert station.vitals.unread_bytes == 0


def test_the_past_is_sent_behind_the_present(day, follow):
    past, present = day / NAME.format(hour=0, source="all"), day / NAME.format(hour=9, source="all")
    past.write_text(pulse(1639614325))
    old(past, 48 * HOUR)
    present.write_text(pulse(1639650000))
    station = follow(directory=day.parent)
    station.poll()
    with station.outbox.database.reading() as sql:
        order = [row[0] for row in sql.execute("SELECT sending FROM outbox WHERE kind != 'file' ORDER BY sending")]
    assert order == [PULSE.sending, PULSE.sending + BACK_FILL]


def test_bursts_of_an_older_file_wherever_the_chunks_end(day, follow):
    rng_lines, expected = [], 0
    at = 1639614325.0
    for n in range(1_200):
        at += 1.7
        if n % 3 == 0:
            rng_lines += [pulse(at + gap) for gap in (0, 0.02, 0.04, 0.07)]
            expected += 4
        else:
            rng_lines.append(pulse(at, freq=-4.4))
    path = day / NAME.format(hour=0, source="all")
    follow.configure(pulses="bursts")
    station = follow(directory=day.parent)
    for size in (700, 703, 1_801, 1_900, len(rng_lines)):
        path.write_text("".join(rng_lines[:size]))
        station.poll()
    old(path)
    again = follow(directory=day.parent)
    again.poll()
    messages = outbox_messages(again.outbox)
    assert rows_counted(messages) == {"p": expected}
    assert all(set(body.freq) == {2.6} for kind, body in messages if kind == "detections")
    counts = sum(record.v for kind, body in messages if kind == "readings" for record in body)
    assert counts == len(rng_lines)


def test_current_files_mark_the_pulses_that_were_used(day, follow):
    path = day / NAME.format(hour=0, source="all")
    path.write_text(
        "".join(pulse(1639614325 + n, letter="pn"[n % 2], rest="-38,-53,15") for n in range(10))
        + "T1,1639614305.186,78664c3304,-75\n"
    )
    old(path)
    follow.configure(pulses="bursts")
    station = follow(directory=day.parent)
    station.poll()
    assert rows_counted(outbox_messages(station.outbox)) == {"p": 5, "T": 1}


def test_an_hour_is_counted_once_across_files(day, follow):
    first, second = (day / NAME.format(hour=hour, source="all") for hour in (0, 1))
    hour = 1639612800
    first.write_text("".join(pulse(hour + 1500 + n, port=1 + n % 2) for n in range(600)))
    follow.configure(pulses="counts")
    station = follow(directory=day.parent)
    station.poll()
    assert outbox_messages(station.outbox) == []
    old(first, 60)
    second.write_text("".join(pulse(hour + 3000 + n) for n in range(900)))
    station.poll()
    station = follow(directory=day.parent)
    station.poll()
    ((kind, pack),) = outbox_messages(station.outbox)
    assert kind == "readings"
    values = {(record.n, pack[0].bt + record.t): record.v for record in pack}
    assert values == {
        ("port1/pulses", hour): 300.0,
        ("port2/pulses", hour): 300.0,
        ("port3/pulses", hour): 600.0,
    }


def test_pulses_that_come_after_their_hour_was_sent_are_told_apart(day, follow):
    path = day / NAME.format(hour=0, source="all")
    hour = 1639612800
    path.write_text(pulse(hour + 10) + pulse(hour + HOUR + 1))
    follow.configure(pulses="counts")
    station = follow(directory=day.parent)
    station.poll()
    late = day / NAME.format(hour=0, source="ctt")
    late.write_text(pulse(hour + 20) * 5)
    old(late)
    station.poll()
    station.poll()
    messages = outbox_messages(station.outbox)
    assert [record.v for kind, body in messages if kind == "readings" for record in body] == [1.0]
    (event,) = next(body for kind, body in messages if kind == "event").events
    assert (event.name, event.port, event.data["pulses"]) == ("pulses_counted_late", 3, 5)


def test_hours_of_an_unset_clock_are_not_said_as_readings(day, follow):
    path = day / "sgv2-7F5ERPI46977-003-1970-01-01T00-00-11.0000P-all.txt"
    path.write_text(pulse(100.0) + pulse(4000.0))
    follow.configure(pulses="counts")
    station = follow(directory=day.parent)
    station.poll()
    assert rows_counted(outbox_messages(station.outbox)) == {"pulses_counted_unset_clock": 1}


@pytest.mark.parametrize("die_at", range(1, 11))
def test_a_crash_at_any_commit_loses_and_doubles_nothing(day, follow, monkeypatch, die_at):
    path = day / NAME.format(hour=0, source="all")
    lines = [pulse(1639614325 + n) if n % 7 else f"T1,{1639614325 + n}.186,78664c3304,-75\n" for n in range(5_000)]
    path.write_text("".join(lines))
    old(path)
    station = follow(directory=day.parent)
    real_put, calls = Outbox.put, Counter()

    def put(self, *arguments):
        calls["put"] += 1
        if calls["put"] == die_at:
            raise KeyboardInterrupt
        return real_put(self, *arguments)

    monkeypatch.setattr(Outbox, "put", put)
    with pytest.raises(KeyboardInterrupt):
        station.poll()
    station.outbox.database.close()
    monkeypatch.setattr(Outbox, "put", real_put)
    again = follow(directory=day.parent)
    again.poll()
    numbers = sorted(n for _, body in outbox_messages(again.outbox) for n in line_numbers(body))
    assert numbers == list(range(1, 5_001))


def test_the_files_of_a_real_station(tmp_path, follow):
    if not REAL_DATA.is_dir():
        own_files(tmp_path / "SGdata")
        expected = Counter(p=200, T=100, clock=2, setting=1, G=1)
    else:
        shutil.copytree(REAL_DATA, tmp_path / "SGdata", copy_function=shutil.copyfile)
        expected = Counter(p=6444, T=4865, clock=142, setting=24, G=8)
    station = follow(directory=tmp_path / "SGdata")
    station.poll()
    assert rows_counted(outbox_messages(station.outbox)) == expected
    assert station.vitals.clock_code == "Z"
    assert station.vitals.unread_bytes == 0


def own_files(root):
    """Small made-up files, for machines without the real ones."""
    folder = root / "2021-12-17"
    folder.mkdir(parents=True)
    (folder / NAME.format(hour=1, source="all")).write_text(
        "C,1639705542.996,2,0\nG,undefined,undefined,undefined,undefined\nS,1639705543.174,3,lna_gain,1,0,\n"
        + "".join(pulse(1639705544 + n) for n in range(200))
    )
    (folder / (NAME.format(hour=1, source="ctt") + ".gz")).write_bytes(
        gzip.compress(
            b"C,1639705542.996,2,0\n" + b"".join(b"T1,%d.186,78664c3304,-75\n" % (1639705544 + n) for n in range(100))
        )
    )
    (folder / "sgv2-7F5ERPI46977-003-2021-12-16T00-20-00.0000P-all.txt.gz").touch()
