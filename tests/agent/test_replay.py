"""Replay sends every line of a folder, with the same numbers each time."""

import gzip
import hashlib
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from agent.conftest import REAL_DATA
from agent.messages_of import decoded, line_numbers, moments, rows_counted
from agent.test_sensorgnome_source import own_files, pulse
from waiting import PATIENCE_S

from station_agent.config import config_write
from station_agent.replay.run import ReplayFeed

REPOSITORY = Path(__file__).parents[2]
LETTERS = {"clock": "C", "setting": "S", "filter": "F"}


def drained(folder, *, confirm=True, **more):
    """Everything that a replay would send, except the accounts of the files; those are in `feed.told`."""
    feed, messages = ReplayFeed(folder, **more), []
    while taken := feed.take(7):
        messages += taken
        if confirm:
            feed.confirmed([message.key for message in taken])
    assert feed.error is None
    feed.told = [message for message in messages if message.kind == "file"]
    return feed, [message for message in messages if message.kind != "file"]


def bodies(messages):
    return [(message.kind, decoded(message.kind, message.body, message.encoding)) for message in messages]


def grep_counted(folder):
    """Count lines by their first character, independently of the parser."""
    count = Counter()
    for path in folder.rglob("*.txt*"):
        raw = path.read_bytes()
        text = gzip.decompress(raw) if path.suffix == ".gz" and raw else raw
        count.update(chr(line[0]) for line in text.split(b"\n") if line)
    return count


@pytest.fixture
def data(tmp_path):
    if REAL_DATA.is_dir():
        return REAL_DATA
    own_files(tmp_path / "SGdata")
    return tmp_path / "SGdata"


def test_every_line_of_every_file(data):
    _, messages = drained(data)
    counted = rows_counted(bodies(messages))
    by_letter = Counter()
    for name, number in counted.items():
        by_letter[LETTERS.get(name, name)] += number
    assert by_letter == grep_counted(data)


def test_moments_have_the_digits_of_the_file(data):
    _, messages = drained(data)
    sent = Counter()
    for kind, body in bodies(messages):
        if kind == "detections":
            sent.update(moments(body, 4 if body.what == "pulse" else 3))
    written = Counter()
    for path in data.rglob("*.txt*"):
        raw = path.read_bytes()
        text = gzip.decompress(raw) if path.suffix == ".gz" and raw else raw
        for line in text.decode().splitlines():
            if line[0] in "pT":
                whole, _, fraction = line.split(",")[1].partition(".")
                written[f"{whole}.{fraction.ljust(4 if line[0] == 'p' else 3, '0')}"] += 1
    assert sent == written


def test_the_numbers_are_the_same_each_time_and_go_by_the_content(tmp_path):
    text = "".join(pulse(1639614325 + n) for n in range(2_500)).encode()
    first, second = tmp_path / "one", tmp_path / "two"
    for folder in (first, second):
        folder.mkdir()
    name = "sgv2-7F5ERPI46977-003-2021-12-16T00-25-01.6590Z-all.txt"
    (first / name).write_bytes(text)
    (second / f"{name}.gz").write_bytes(gzip.compress(text))
    _, one = drained(first)
    _, two = drained(second, confirm=False)
    assert [m.message_id for m in one] == [m.message_id for m in two]
    assert [m.body for m in one] == [m.body for m in two]
    stream = "f2-" + hashlib.sha256(text + b"\nall\n").hexdigest()[:32]
    assert [(m.headers["stream"], m.headers["seq"]) for m in one] == [(stream, 1), (stream, 2), (stream, 3)]
    assert {m.headers["next"] for m in one} == {4}
    assert [m.headers["oldest"] for m in two] == [1, 1, 1]
    assert [n for _, body in bodies(one) for n in line_numbers(body)] == list(range(1, 2_501))


def test_what_the_broker_did_not_confirm_comes_again_under_its_number(tmp_path):
    (tmp_path / "sgv2-7F5ERPI46977-003-2021-12-16T00-25-01.6590Z-all.txt").write_text(
        "".join(pulse(1639614325 + n) for n in range(5_000))
    )
    feed = ReplayFeed(tmp_path)
    first = feed.take(3)
    feed.confirmed([first[0].key])
    feed.given_back([first[2].key, first[1].key])
    again = feed.take(10)
    assert [(m.kind, m.headers["seq"]) for m in again] == [*(("detections", n) for n in (2, 3, 4, 5)), ("file", 1)]
    assert not feed.is_done
    feed.confirmed([m.key for m in again])
    feed.take(1)
    assert feed.is_done


def test_files_that_give_nothing_are_named(tmp_path):
    base = "sgv2-7F5ERPI46977-003-2021-12-16T0{}-25-01.6590Z-all.txt"
    (tmp_path / base.format(0)).touch()
    (tmp_path / f"{base.format(1)}.gz").write_bytes(gzip.compress(b""))
    packed = gzip.compress("".join(pulse(1639614325 + n * 0.7) for n in range(4_000)).encode())
    (tmp_path / f"{base.format(2)}.gz").write_bytes(packed[: len(packed) // 2])
    (tmp_path / base.format(3)).write_text(pulse(1639614325) + "p3,16396")
    feed, messages = drained(tmp_path)
    assert [(r.skipped, r.damage) for r in feed.reports] == [
        ("It is empty.", ""),
        ("It is empty.", ""),
        ("", "It ends too early."),
        ("", ""),
    ]
    assert feed.reports[3].lines == {"p": 1, "other": 1}
    assert feed.reports[2].lines["p"] == rows_counted(bodies(messages))["p"] - 1


def test_the_command_sends_all_and_says_it(data, tmp_path, make_broker_station):
    station = make_broker_station(tls=True)
    config_write(tmp_path / "config.json", {"serial": station.serial, "amqp": msgspec.to_builtins(station.amqp)})
    command = [sys.executable, "-m", "station_agent", "replay", str(data), "--config", str(tmp_path / "config.json")]
    first = subprocess.run(
        [*command, "--json"], capture_output=True, text=True, cwd=REPOSITORY, check=True, timeout=PATIENCE_S
    )
    total = json.loads(first.stdout)["total"]
    expected = grep_counted(data)
    assert {letter: number for letter, number in total["lines"].items() if number} == expected
    assert total["messages"] == total["confirmed"]
    seen = station.see_until(lambda found: len(found) >= total["messages"])
    assert len({s.key for s in seen}) == total["messages"]
    assert all(s.decoded.envelope.oldest <= s.decoded.envelope.seq < s.decoded.envelope.next for s in seen)
    again = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=True, timeout=PATIENCE_S)
    assert f"{expected['p']} p, {expected['T']} T" in again.stdout.splitlines()[-1]
    repeated = station.see_until(lambda found: len(found) >= total["messages"])
    assert {s.key for s in repeated} == {s.key for s in seen}


@pytest.mark.parametrize(
    ("folder", "code", "words"),
    [("missing", 2, "is not a folder"), ("empty", 1, "There is no file in"), ("full", 1, "Nothing was confirmed")],
)
def test_what_cannot_be_replayed_is_one_sentence(tmp_path, folder, code, words):
    (tmp_path / "empty").mkdir()
    own_files(tmp_path / "full")
    settings = {
        "host": "127.0.0.1",
        "port": 1,
        "username": "u",
        "password": "p",
        "exchange": "in.SG-TEST",
        "command_queue": "cmd.SG-TEST",
        "tls": False,
    }
    config_write(tmp_path / "config.toml", {"serial": "SG-TEST", "amqp": settings})
    done = subprocess.run(
        [
            *(sys.executable, "-m", "station_agent", "replay", str(tmp_path / folder)),
            *("--config", str(tmp_path / "config.toml"), "--give-up", "2"),
        ],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
        timeout=PATIENCE_S,
    )
    assert (done.returncode, words in done.stderr.splitlines()[-1]) == (code, True)
    assert "Traceback" not in done.stderr
