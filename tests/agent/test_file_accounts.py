"""Sixty files of all kinds: every byte is accounted for, both live and by replay, and both send the same rows."""

import gzip
import json
import os
import subprocess
import sys
from collections import Counter

import msgspec
import pytest
from agent.card_of_files import OWN, card_make, cut_with_zeros, name_of, tags_of, text_of
from agent.messages_of import accounts_told, decoded, line_numbers, moments, outbox_messages, rows_counted
from agent.test_replay import REPOSITORY, bodies, drained
from agent.test_sensorgnome_source import old, pulse
from waiting import PATIENCE_S

from message_queue.contracts.detections import Detections
from station_agent.config import config_write
from station_agent.errors import MessageTooLarge, WrongUse
from station_agent.sensorgnome.serials import serials_taken
from station_agent.sources import sources_make
from station_agent.status import status_read, status_say

SERIAL = "SG-" + OWN
FATES = ("taken", "known", "kept_back", "refused")


@pytest.fixture
def card(tmp_path):
    root = tmp_path / "SGdata"
    root.mkdir()
    return root, card_make(root)


def sums_hold(account):
    for unit in ("bytes", "lines"):
        parts = sum(getattr(account, f"{unit}_{fate}") for fate in FATES)
        assert parts == getattr(account, f"{unit}_read"), account
    assert sum(account.refusals.values()) >= (account.lines_refused > 0)


def rows_of(messages):
    """Count every row sent, whatever message it came in, by the fields that identify it on the server and by its
    values.
    """
    rows = Counter()
    for kind, body in messages:
        if kind not in ("detections", "gps", "bursts"):
            continue
        for index, number in enumerate(line_numbers(body)):
            port = getattr(body, "port", 0)
            at = round(body.bt + body.t[index], 4)
            what = body.what if isinstance(body, Detections) else kind
            rows[what, at, port if isinstance(port, int) else port[index], number] += 1
    return rows


def test_the_sums_hold_to_the_byte_by_replay(card):
    root, files = card
    feed, _ = drained(root, serials=serials_taken(SERIAL))
    assert len(feed.reports) == len(files) == 62
    told = {account.name: account for message in feed.told for account in file_accounts(message)}
    assert len(told) == len(files)
    for report in feed.reports:
        sums_hold(told[report.file])
        assert told[report.file].bytes_unread == 0
    for path, content in files.items():
        if path.endswith((".txt", ".TXT")) and not content.startswith((b"\x1f\x8b", b"PK")):
            assert told[path.replace("\n", "\\n")].bytes_read == len(content), path
    total = Counter(account.state for account in told.values())
    assert total == {"done": 52, "refused": 6, "foreign": 4}
    by_name = {name.rpartition("/")[2]: account for name, account in told.items()}
    for hour in range(8):
        assert by_name[name_of(hour, source="ctt")].bytes_taken == len(tags_of(hour))
    for hour, ending in ((8, ""), (9, ""), (10, ""), (11, ""), (12, "")):
        account = by_name[name_of(hour) + ending]
        assert (account.bytes_taken, account.bytes_refused) == (len(text_of(hour)), 0), account
    assert told[f"day.zip/{name_of(20)}"].bytes_known == len(text_of(20)), "another archive contains it too"
    assert sum(account.bytes_known for account in told.values()) == sum(len(text_of(hour)) for hour in (0, 1, 2, 20))


def file_accounts(message):
    return decoded(message.kind, message.body, message.encoding).files


def test_the_sums_hold_to_the_byte_live(card, follow):
    root, files = card
    growing = root / "2021-12-17" / name_of(20, day=17)
    growing.write_bytes(text_of(20, day=17)[:-20])
    follow.configure(pulses="all", positions="all")
    station = follow(directory=root, serial=SERIAL)
    station.poll()
    told = accounts_told(station.outbox)
    # The plain and the compressed form of one file share one account.
    assert len(told) == len(files) - 1 + 1
    for account in told.values():
        sums_hold(account)
    account = told[f"2021-12-17/{growing.name}"]
    assert account.state == "open"
    assert account.bytes_read + account.bytes_unread == growing.stat().st_size
    totals = station.vitals.file_totals()
    assert totals.files == len(told)
    assert totals.bytes_read == sum(account.bytes_read for account in told.values())
    for fate in FATES:
        for unit in ("bytes", "lines"):
            name = f"{unit}_{fate}"
            assert getattr(totals, name) == sum(getattr(account, name) for account in told.values()), name
    assert totals.bytes_unread == account.bytes_unread


def test_the_live_source_and_two_replays_send_the_same_rows(card, follow):
    root, _ = card
    serials = serials_taken(SERIAL)
    first, messages = drained(root, serials=serials)
    second, again = drained(root, serials=serials)
    assert [m.message_id for m in messages] == [m.message_id for m in again]
    assert [m.message_id for m in first.told] == [m.message_id for m in second.told]
    assert [m.body for m in messages] == [m.body for m in again]
    follow.configure(pulses="all", positions="all")
    station = follow(directory=root, serial=SERIAL)
    station.poll()
    by_replay, live = rows_of(bodies(messages)), rows_of(outbox_messages(station.outbox))
    # Only a replay opens zip archives.
    zipped = {row for row in by_replay if 1639684800 <= row[1] < 1639688400}
    assert set(live) == set(by_replay) - zipped
    assert zipped
    station.outbox.database.close()
    once_more = follow(directory=root, serial=SERIAL)
    once_more.poll()
    assert rows_of(outbox_messages(once_more.outbox)) == live
    assert max(live.values()) == 1, "the live source sends no row twice, even with copies"


def test_no_row_is_invented_and_rows_of_damaged_files_are_marked(card):
    root, _ = card
    _, messages = drained(root, serials=serials_taken(SERIAL))
    written = set()
    for day, hours in ((15, range(6)), (16, range(22)), (17, range(21))):
        for hour in hours:
            for count in (20, 40, 300, 600):
                lines = text_of(hour, count, day=day).decode().splitlines()
                written |= {f"{float(line.split(',')[1]):.4f}" for line in lines if line[0] in "pT"}
    marked = Counter()
    flipped = name_of(9, day=17)
    for kind, body in bodies(messages):
        if kind == "detections":
            marked[body.file, body.damaged] += len(body.t)
            if body.file != flipped:
                assert set(moments(body, 4)) <= written, body.file
    damaged = {name_of(hour, day=17) for hour in (1, 2, 3, 5, 6, 9, 10)}
    assert {file for file, is_damaged in marked if is_damaged} == damaged
    assert not {file for file, is_damaged in marked if not is_damaged} & damaged


def test_a_gzip_whose_end_became_zeros_gives_what_stands_before_them_and_nothing_else(tmp_path):
    text = b"".join(pulse(1639614325 + n * 0.7).encode() for n in range(600))
    (tmp_path / (name_of(0) + ".gz")).write_bytes(cut_with_zeros(text))
    feed, messages = drained(tmp_path)
    (report,) = feed.reports
    sent = rows_of(bodies(messages))
    assert 200 < len(sent) < 600
    assert [key[3] for key in sent] == list(range(1, len(sent) + 1))
    good = text.decode().splitlines()[: len(sent)]
    assert [f"{key[1]:.4f}" for key in sent] == [line.split(",")[1] for line in good]
    assert report.damage.endswith("zero bytes stand where data should be.")
    assert report.account.refusals["damage"] == 1
    events = [event for kind, body in bodies(messages) if kind == "event" for event in body.events]
    assert [event.name for event in events if event.name != "unparsed"] == ["file_damaged"]


def test_a_hole_of_zeros_in_the_middle_of_a_gzip_is_not_read_over(tmp_path):
    text = b"".join(pulse(1639614325 + n * 0.7).encode() for n in range(6_000))
    packed = bytearray(gzip.compress(text))
    packed[8_000:12_000] = b"\x00" * 4_000
    (tmp_path / (name_of(0) + ".gz")).write_bytes(bytes(packed))
    feed, messages = drained(tmp_path)
    sent = [key[1] for key in rows_of(bodies(messages))]
    good = [float(line.split(",")[1]) for line in text.decode().splitlines()[: len(sent)]]
    assert sent == good
    assert feed.reports[0].account.damaged


def test_a_good_gzip_whose_last_bytes_are_zeros_is_whole(tmp_path):
    for count in range(1, 40):
        text = pulse(1639614325) * count
        (tmp_path / (name_of(count % 24, day=1 + count // 24) + ".gz")).write_bytes(
            gzip.compress(text.encode()) + b"\x00" * 512
        )
    feed, messages = drained(tmp_path)
    assert not any(report.account.damaged for report in feed.reports)
    assert rows_counted(bodies(messages))["p"] == sum(range(1, 40))


def test_the_live_source_leaves_another_station_s_files_and_says_so_once(card, follow):
    root, _ = card
    station = follow(directory=root, serial=SERIAL.lower() + "_1")
    station.poll()
    events = [event for kind, body in outbox_messages(station.outbox) if kind == "event" for event in body.events]
    assert [event.data["files"] for event in events if event.name == "files_foreign"] == [4]
    station.outbox.database.close()
    again = follow(directory=root, serial=SERIAL)
    again.poll()
    events = [event for kind, body in outbox_messages(again.outbox) if kind == "event" for event in body.events]
    assert [event.name for event in events].count("files_foreign") == 1
    assert again.vitals.file_totals().files_foreign == 4


def test_another_station_s_files_can_be_taken_on_purpose(card):
    root, _ = card
    serials = serials_taken(SERIAL, ["sg-8d21rpz2778a", "ctt-v30b0154cd0c"])
    feed, messages = drained(root, serials=serials)
    assert not [report for report in feed.reports if report.account.state == "foreign"]
    assert {body.file for kind, body in bodies(messages) if kind == "gps"} >= {
        name_of(12, day=17, serial="8D21RPZ2778A")
    }
    assert serials_taken(SERIAL, any_station=True) == frozenset()
    with pytest.raises(WrongUse, match="'8D21' is not the serial of a Sensorgnome"):
        serials_taken(SERIAL, ["8D21"])


def test_one_file_that_cannot_be_read_costs_only_itself(tmp_path, follow, monkeypatch):
    root = tmp_path / "SGdata" / "2021-12-16"
    root.mkdir(parents=True)
    for hour in range(3):
        (root / name_of(hour)).write_bytes(text_of(hour))
        old(root / name_of(hour))
    from formats.sensorgnome.reader import LineReader

    real = LineReader.chunk

    def chunk(self, offset):
        if self.path.name == name_of(1):
            raise ArithmeticError("nobody foresaw this")
        return real(self, offset)

    monkeypatch.setattr(LineReader, "chunk", chunk)
    station = follow(directory=root.parent)
    station.poll()
    told = accounts_told(station.outbox)
    assert [told[f"2021-12-16/{name_of(hour)}"].bytes_read for hour in range(3)] == [
        len(text_of(0)),
        0,
        len(text_of(2)),
    ]
    assert told[f"2021-12-16/{name_of(1)}"].reason == "It cannot be read: ArithmeticError: nobody foresaw this."
    assert told[f"2021-12-16/{name_of(1)}"].bytes_unread == len(text_of(1))
    feed, _ = drained(root)
    assert [report.account.state for report in feed.reports] == ["done", "refused", "done"]


def test_a_message_that_the_outbox_does_not_take_is_said_in_the_account_of_its_file(tmp_path, follow, monkeypatch):
    root = tmp_path / "SGdata"
    root.mkdir()
    for hour in (0, 1):
        (root / name_of(hour)).write_bytes(text_of(hour))
        old(root / name_of(hour))
    station = follow(directory=root)
    put = station.outbox.put

    def refuse(kind, body, rank):
        if kind == "detections" and body.file == name_of(0):
            raise MessageTooLarge("A detections message of 9 bytes is too large for the broker.")
        return put(kind, body, rank)

    monkeypatch.setattr(station.outbox, "put", refuse)
    station.poll()
    told = accounts_told(station.outbox)
    assert "is too large for the broker" in told[name_of(0)].reason
    assert (told[name_of(0)].bytes_unread, told[name_of(1)].bytes_unread) == (len(text_of(0)), 0)


def test_pipes_and_broken_links_are_named_and_block_nothing(tmp_path, follow):
    root = tmp_path / "SGdata"
    root.mkdir()
    os.mkfifo(root / name_of(0))
    (root / name_of(1)).symlink_to("nowhere")
    (root / name_of(2)).write_bytes(text_of(2))
    station = follow(directory=root)
    station.poll()
    told = accounts_told(station.outbox)
    assert [told[name_of(hour)].reason for hour in range(3)] == ["It is not a regular file."] * 2 + [""]
    feed, _ = drained(root)
    assert [report.skipped for report in feed.reports] == ["It is not a regular file."] * 2 + [""]


def test_a_link_to_a_folder_is_named_by_replay(tmp_path):
    root, elsewhere = tmp_path / "SGdata", tmp_path / "elsewhere"
    root.mkdir()
    elsewhere.mkdir()
    (root / name_of(2)).write_bytes(text_of(2))
    (root / "old").symlink_to(elsewhere)
    feed, _ = drained(root)
    assert {report.file: report.skipped for report in feed.reports} == {
        "old": "It is not a regular file.",
        name_of(2): "",
    }


def test_a_refused_file_that_is_removed_is_no_longer_counted(tmp_path, follow):
    root = tmp_path / "SGdata"
    root.mkdir()
    (root / "notes.txt").write_text("antenna 3 points north\n")
    station = follow(directory=root)
    station.poll()
    assert station.vitals.file_totals().bytes_refused == 23
    station.outbox.database.close()
    (root / "notes.txt").unlink()
    again = follow(directory=root)
    again.poll()
    totals = again.vitals.file_totals()
    assert (totals.bytes_refused, totals.files_refused) == (0, 0)
    assert accounts_told(again.outbox)["notes.txt"].state == "gone"


def test_many_lines_that_cannot_be_read_are_counted_and_flood_nothing(tmp_path, follow):
    root = tmp_path / "SGdata"
    root.mkdir()
    path = root / name_of(0)
    path.write_text("time,radio,tag\n" * 5_000 + pulse(1639614325))
    old(path)
    station = follow(directory=root)
    station.poll()
    assert rows_counted(outbox_messages(station.outbox)) == {"unparsed": 100, "p": 1}
    account = accounts_told(station.outbox)[name_of(0)]
    assert (account.lines_refused, account.refusals, account.lines_taken) == (5_000, {"unparsed": 5_000}, 1)
    _, messages = drained(root)
    assert rows_counted(bodies(messages)) == {"unparsed": 100, "p": 1}


def test_zero_bytes_and_a_line_that_is_too_long_are_counted_by_their_words(tmp_path, follow):
    root = tmp_path / "SGdata"
    root.mkdir()
    path = root / name_of(0)
    zeros, monster = bytes(600_000), b"y" * 600_000 + b"\n"
    path.write_bytes(pulse(1639614325).encode() + zeros + monster + pulse(1639614326).encode())
    old(path)
    station = follow(directory=root)
    station.poll()
    account = accounts_told(station.outbox)[name_of(0)]
    assert (account.lines_taken, account.refusals.keys(), account.damaged) == (2, {"zero_bytes", "too_long"}, True)
    assert account.bytes_refused == len(zeros) + len(monster)
    events = [event for kind, body in outbox_messages(station.outbox) if kind == "event" for event in body.events]
    (unparsed,) = [event for event in events if event.name == "unparsed"]
    assert (unparsed.data["why"], set(unparsed.data["text"])) == ("the line is too long", {"y"})


def test_bursts_that_the_station_decoded_keep_all_their_figures(tmp_path, follow):
    root = tmp_path / "SGdata"
    root.mkdir()
    path = root / name_of(0)
    line = "b3,1639614325.5266,163,2.61,0.004,0.009,-38.2,0.4,1.1,-53.1,0.0002,14.2,0,4,0\n"
    path.write_text(line * 3 + "b4,1639614326.0,163,2.61,0.004,0.009,-38.2,0.4,1.1,-53.1,0.0002,14.2,0,4,1\n")
    station = follow(directory=root)
    station.poll()
    ((kind, body),) = outbox_messages(station.outbox)
    assert (kind, body.code, body.port, body.line) == ("bursts", ["163"] * 4, [3, 3, 3, 4], [1])
    assert (body.freq_sd[0], body.slop[0], body.snr[0], body.poor) == (0.004, 0.0002, 14.2, [0, 0, 0, 1])
    assert accounts_told(station.outbox)[name_of(0)].lines_taken == 4


def test_a_position_of_zero_zero_is_no_fix(tmp_path):
    (tmp_path / name_of(0)).write_text(
        "G,1639614325,0.0,0.0,0\nG,1639614326,0.0005,-0.0009,3\nG,1639614327,0.0,6.5,3\nG,1639614328,51.5,undefined,3\n"
    )
    _, messages = drained(tmp_path)
    ((_, body),) = bodies(messages)
    assert (body.lat, body.lon) == ([None, None, 0.0, None], [None, None, 6.5, None])


def test_a_clock_line_alone_in_both_files_of_an_hour_is_sent_for_both(tmp_path):
    for source in ("all", "ctt"):
        (tmp_path / name_of(0, source=source)).write_text("C,1639614323.301,2,0\n")
    feed, messages = drained(tmp_path)
    assert len({message.headers["stream"] for message in messages}) == 2
    assert [report.account.tally.lines_taken for report in feed.reports] == [1, 1]


def test_what_an_older_agent_had_read_is_known(tmp_path, follow):
    root = tmp_path / "SGdata"
    root.mkdir()
    path = root / name_of(0)
    path.write_bytes(text_of(0))
    old(path)
    station = follow(directory=root)
    station.poll()
    with station.outbox.database.transaction() as sql:
        sql.execute("DELETE FROM file_accounts")
    station.outbox.database.close()
    with path.open("ab") as file:
        file.write(pulse(1639700000).encode())
    again = follow(directory=root)
    again.poll()
    account = accounts_told(again.outbox)[name_of(0)]
    assert (account.bytes_known, account.bytes_taken) == (len(text_of(0)), len(pulse(1639700000)))


def test_the_account_survives_kills_and_sums_to_the_byte(tmp_path, follow, monkeypatch):
    from station_agent.outbox import Outbox

    root = tmp_path / "SGdata"
    root.mkdir()
    path = root / name_of(0)
    path.write_bytes(text_of(0, 5_000))
    old(path)
    real_put, calls = Outbox.put, Counter()

    def put(self, *arguments):
        calls["put"] += 1
        if calls["put"] in (2, 5, 9):
            raise KeyboardInterrupt
        return real_put(self, *arguments)

    monkeypatch.setattr(Outbox, "put", put)
    for _ in range(4):
        station = follow(directory=root)
        try:
            station.poll()
        except KeyboardInterrupt:
            station.outbox.database.close()
        else:
            break
    account = accounts_told(station.outbox)[name_of(0)]
    assert account.bytes_taken == account.bytes_read == path.stat().st_size
    assert account.lines_taken == text_of(0, 5_000).count(b"\n")


def test_status_says_the_account_and_names_the_troubles(card, make_station):
    root, _ = card
    station = make_station(serial=SERIAL, sources={"sensorgnome": {"directory": str(root), "batch_age": 0}})
    source = sources_make(station)["sensorgnome"]
    while source.poll() == 0:
        pass
    facts = status_read(station.config)
    assert facts["files"]["files_foreign"] == 4
    assert facts["files"]["bytes_read"] == sum(facts["files"][f"bytes_{fate}"] for fate in FATES)
    assert "notes.txt" in {trouble["name"] for trouble in facts["file_troubles"]}
    said = status_say(station.config)
    assert next(sentence for subject, sentence in said if subject == "Files").startswith("61, ")
    assert "station-agent status --json lists them" in [s for subject, s in said if subject == "File"][-1]


def test_the_command_says_what_it_refused_and_ends_with_one(card, tmp_path, make_broker_station):
    root, files = card
    station = make_broker_station()
    config_write(tmp_path / "config.json", {"serial": station.serial, "amqp": msgspec.to_builtins(station.amqp)})
    command = [sys.executable, "-m", "station_agent", "replay", str(root), "--config", str(tmp_path / "config.json")]
    done = subprocess.run(
        [*command, "--json"], capture_output=True, text=True, cwd=REPOSITORY, check=False, timeout=PATIENCE_S
    )
    assert done.returncode == 1, done.stderr
    total = json.loads(done.stdout)["total"]
    assert total["bytes_read"] == sum(total[f"bytes_{fate}"] for fate in FATES)
    assert total["messages"] == total["confirmed"]
    text = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=False, timeout=PATIENCE_S)
    assert text.returncode == 1
    assert len(text.stdout.splitlines()) == len(files) + 1
    assert "notes.txt: refused. Its name is not that of a data file of a Sensorgnome or SensorStation." in text.stdout
    good = tmp_path / "good"
    good.mkdir()
    (good / name_of(0)).write_bytes(text_of(0))
    command[4] = str(good)
    assert subprocess.run(command, capture_output=True, cwd=REPOSITORY, check=False, timeout=PATIENCE_S).returncode == 0
