"""The outbox keeps its messages, gives them out by urgency, and drops the least valuable when it is full."""

import contextlib
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from message_queue.contracts.event import Event, Happening
from message_queue.contracts.health import Health
from message_queue.contracts.readings import SenmlRecord
from station_agent import outbox as outbox_module
from station_agent.database import Database
from station_agent.errors import AgentError, MessageTooLarge
from station_agent.outbox import (
    BACK_FILL,
    COMMAND_STATUS,
    EVENT,
    PULSE,
    READING,
    REPORT,
    TAG,
    Outbox,
    Rank,
    waiting_in,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "outbox.db"


def opened(path, cap_bytes=10_000_000):
    return Outbox(Database(path, [outbox_module.SCHEMA]), cap_bytes=cap_bytes)


def event(text="x"):
    return Event(events=[Happening(t=1.0, name="test", data={"text": text})])


def readings(size):
    letters = random.Random(size)
    return [SenmlRecord(n="a", vs="".join(letters.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=size)))]


def seqs(messages):
    return [message.key for message in messages]


def test_numbers_and_stream_outlive_the_process_and_are_never_used_again(path):
    first = opened(path)
    assert [first.put("event", event(), EVENT) for _ in range(3)] == [1, 2, 3]
    first.confirmed(seqs(first.take(10)))
    first.database.close()
    second = opened(path)
    assert second.stream == first.stream
    assert second.put("event", event(), EVENT) == 4
    (message,) = second.take(10)
    place = {"v": 1, "stream": first.stream, "seq": 4, "oldest": 4, "next": 5}
    assert message.headers == {**place, "run": second.run, "since": 4}
    assert message.message_id == f"{first.stream}/4"


def test_headers_say_what_is_still_here(path):
    outbox = opened(path)
    for _ in range(5):
        outbox.put("event", event(), EVENT)
    outbox.confirmed(seqs(outbox.take(2)))
    assert {(m.headers["oldest"], m.headers["next"]) for m in outbox.take(10)} == {(3, 6)}


def test_the_urgent_leave_first(path):
    outbox = opened(path)
    ranks = [Rank(PULSE.sending + BACK_FILL, 2), READING, PULSE, TAG, EVENT, REPORT, COMMAND_STATUS]
    for rank in ranks:
        outbox.put("event", event(), rank)
    assert seqs(outbox.take(10)) == [7, 6, 5, 4, 3, 2, 1]


def test_what_is_in_flight_is_not_given_out_twice(path):
    outbox = opened(path)
    for _ in range(4):
        outbox.put("event", event(), EVENT)
    assert seqs(outbox.take(2)) == [1, 2]
    assert seqs(outbox.take(2)) == [3, 4]
    assert outbox.take(2) == []
    outbox.given_back([2, 3])
    assert seqs(outbox.take(5)) == [2, 3]


def test_what_no_queue_took_is_kept_and_offered_later(path, monkeypatch):
    outbox = opened(path)
    outbox.put("event", event(), EVENT)
    outbox.returned(seqs(outbox.take(1)))
    assert outbox.take(1) == []
    assert outbox.backlog().messages == 1
    later = time.monotonic() + 61
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert seqs(outbox.take(1)) == [1]


def test_when_full_the_oldest_of_least_worth_goes_and_is_counted(path):
    outbox = opened(path, cap_bytes=70_000)
    outbox.put("event", event("precious"), EVENT)
    for number in range(20):
        outbox.put("readings", readings(8_000), READING)
        outbox.put("detections", event(), PULSE if number % 2 else TAG)
    assert outbox.backlog().bytes <= 70_000
    kept = {message.kind for message in outbox.take(100)}
    assert kept == {"event", "detections", "readings"}
    assert set(outbox.dropped()) == {"readings"}
    assert outbox.dropped()["readings"] + outbox.backlog().messages == 41
    with outbox.database.reading() as sql:
        left = [row[0] for row in sql.execute("SELECT seq FROM outbox WHERE kind = 'readings' ORDER BY seq")]
    assert left == sorted(left)
    assert left[-1] == 40


def test_what_is_on_the_wire_is_not_dropped(path):
    outbox = opened(path, cap_bytes=70_000)
    outbox.put("readings", readings(8_000), READING)
    (flying,) = outbox.take(1)
    for _ in range(20):
        outbox.put("readings", readings(8_000), READING)
    with outbox.database.reading() as sql:
        assert sql.execute("SELECT COUNT(*) FROM outbox WHERE seq = ?", (flying.key,)).fetchone()[0] == 1


def test_of_reports_the_newest_survives(path):
    outbox = opened(path, cap_bytes=70_000)
    for number in range(30):
        outbox.put("health", Health(at=float(number), warnings=["w" * 200] * 10), REPORT)
        outbox.put("readings", readings(5_000), READING)
    with outbox.database.reading() as sql:
        assert sql.execute("SELECT seq FROM outbox WHERE kind = 'health'").fetchall() == [(59,)]


def test_drops_are_counted_across_restarts(path):
    outbox = opened(path, cap_bytes=70_000)
    for _ in range(20):
        outbox.put("readings", readings(8_000), READING)
    dropped = outbox.dropped()["readings"]
    outbox.database.close()
    assert opened(path).dropped() == {"readings": dropped}


def test_a_message_that_the_broker_would_refuse_is_never_stored(path):
    outbox = opened(path)
    with pytest.raises(MessageTooLarge, match="too large"):
        outbox.put("readings", readings(2_000_000), READING)
    assert outbox.backlog() == (0, 0, None)


def test_a_transaction_is_all_or_nothing_and_totals_follow(path):
    outbox = opened(path)

    def fail():
        with outbox.database.transaction():
            outbox.put("event", event(), EVENT)
            outbox.state_set("a", "b")
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - the one raised above
        fail()
    assert outbox.backlog().messages == 0
    assert outbox.state_get("a") is None
    # A number that was never sent may be used again: nobody has seen it.
    assert outbox.put("event", event(), EVENT) == 1


def test_the_wake_call_comes_after_the_commit_and_once(path):
    outbox = opened(path)
    other = sqlite3.connect(path)
    seen = []
    outbox.on_put(lambda: seen.append(other.execute("SELECT COUNT(*) FROM outbox").fetchone()[0]))
    with outbox.database.transaction():
        outbox.put("event", event(), EVENT)
        outbox.put("event", event(), EVENT)
        assert seen == []
    assert seen == [2]


def test_it_is_durable_and_private(path):
    outbox = opened(path)
    with outbox.database.reading() as sql:
        assert sql.execute("PRAGMA synchronous").fetchone()[0] == 2
        assert sql.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert path.stat().st_mode & 0o077 == 0


def test_a_file_of_a_newer_agent_is_left_alone(path):
    opened(path).database.close()
    with sqlite3.connect(path) as sql:
        sql.execute("PRAGMA user_version=99")
    with pytest.raises(AgentError, match="newer agent"):
        opened(path)
    assert sqlite3.connect(path).execute("PRAGMA user_version").fetchone()[0] == 99


def test_a_full_disk_is_an_error_that_passes(path):
    outbox = opened(path)
    with outbox.database.reading() as sql:
        pages = sql.execute("PRAGMA page_count").fetchone()[0]
        sql.execute(f"PRAGMA max_page_count={pages + 4}")

    def fill():
        for _ in range(50):
            outbox.put("readings", readings(3_000), READING)

    with pytest.raises(sqlite3.OperationalError, match="full"):
        fill()
    held = outbox.backlog().messages
    outbox.confirmed(seqs(outbox.take(1)))
    outbox.put("event", event(), EVENT)
    assert outbox.backlog().messages == held
    assert not outbox.database.broken


@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_file_is_set_aside_or_is_a_clean_prefix(path, seed):
    outbox = opened(path)
    for _ in range(120):
        outbox.put("readings", readings(400), READING)
    stream = outbox.stream
    outbox.database.close()
    rng = random.Random(seed)
    raw = bytearray(path.read_bytes())
    for _ in range(40):
        raw[rng.randrange(len(raw))] ^= 0xFF
    path.write_bytes(raw)
    again = opened(path)
    if again.database.damaged is not None:
        assert again.stream != stream
        assert again.database.damaged.exists()
        assert again.put("event", event(), EVENT) == 1
    else:
        assert again.stream == stream
        assert again.backlog().messages == 120


@pytest.mark.parametrize("seed", range(8))
def test_what_waited_in_a_damaged_file_is_counted_as_far_as_it_can_be_read(path, seed):
    outbox = opened(path)
    for _ in range(60):
        outbox.put("readings", readings(400), READING)
    outbox.put("event", event(), EVENT)
    outbox.database.close()
    whole = path.with_name("whole.db")
    whole.write_bytes(path.read_bytes())
    assert waiting_in(whole) == {"readings": 60, "event": 1}
    rng = random.Random(seed)
    raw = bytearray(path.read_bytes())
    for _ in range(5):
        raw[rng.randrange(len(raw))] ^= 0xFF
    path.write_bytes(raw)
    found = waiting_in(path)
    assert set(found) <= {"readings", "event", "messages"}
    path.write_bytes(b"no database at all")
    assert waiting_in(path) == {}
    with sqlite3.connect(whole) as old:
        old.execute("DROP TABLE outbox")
    assert waiting_in(whole) == {"messages": 61}


def test_damage_met_while_running_sets_the_file_aside_at_the_next_start(path):
    outbox = opened(path)
    for _ in range(120):
        outbox.put("readings", readings(400), READING)
    stream = outbox.stream
    with pytest.raises(sqlite3.DatabaseError), outbox.database.transaction():
        raise sqlite3.DatabaseError("database disk image is malformed")
    assert outbox.database.broken
    outbox.database.close()
    again = opened(path)
    assert again.stream != stream
    assert again.database.damaged is not None
    assert opened(path.with_name("other.db")).database.damaged is None


WRITER = """
import sys
from pathlib import Path
from station_agent import outbox as outbox_module
from station_agent.database import Database
from station_agent.outbox import EVENT, Outbox
from message_queue.contracts.event import Event, Happening
outbox = Outbox(Database(Path(sys.argv[1]), [outbox_module.SCHEMA]), cap_bytes=10**9)
while True:
    seq = outbox.put("event", Event(events=[Happening(t=1.0, name="test")]), EVENT)
    print(seq, flush=True)
"""


@pytest.mark.parametrize("milliseconds", [60, 170, 310])
def test_kill_in_the_middle_keeps_every_committed_message(path, milliseconds):
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )
    assert writer.stdout.readline() == "1\n"
    time.sleep(milliseconds / 1000)
    writer.kill()
    said = [1, *(int(line) for line in writer.stdout.read().splitlines())]
    writer.wait()
    kept = opened(path).backlog().messages
    # One more message may have been committed than was printed.
    assert said == list(range(1, len(said) + 1))
    assert kept in (len(said), len(said) + 1)


def test_each_start_is_a_run_of_its_own_and_messages_keep_the_run_that_wrote_them(path):
    first = opened(path)
    first.put("event", event(), EVENT)
    first.put("event", event(), EVENT)
    first.database.close()
    second = opened(path)
    second.put("event", event(), EVENT)

    said = [(m.headers["seq"], m.headers["run"], m.headers["since"]) for m in second.take(10)]

    assert first.run != second.run
    assert said == [(1, first.run, 1), (2, first.run, 1), (3, second.run, 3)]


#: The table as the first agent created it.
FIRST_TABLE = """CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, sending INTEGER NOT NULL, worth INTEGER NOT NULL,
    created_at REAL NOT NULL, encoding TEXT, size INTEGER NOT NULL, body BLOB NOT NULL);"""
FIRST_INSERT = (
    "INSERT INTO outbox (kind, sending, worth, created_at, encoding, size, body) "
    'VALUES (\'event\', 2, 4, 0, NULL, 200, \'{"events":[{"t":1,"name":"old"}]}\')'
)


def test_a_file_of_the_first_agent_is_taken_over_and_that_agent_can_take_it_back(path):
    with contextlib.closing(sqlite3.connect(path)) as sql:
        sql.executescript(FIRST_TABLE)
        sql.execute(FIRST_INSERT)
        sql.execute("PRAGMA user_version=1")
        sql.commit()
    upgraded = opened(path)
    upgraded.put("event", event(), EVENT)
    upgraded.database.close()
    with contextlib.closing(sqlite3.connect(path)) as sql:
        assert sql.execute("PRAGMA user_version").fetchone() == (1,), "the first agent would not open it"
        sql.execute(FIRST_INSERT)
        sql.commit()
    again = opened(path)

    headers = [message.headers for message in again.take(10)]

    assert [h["seq"] for h in headers] == [1, 2, 3]
    assert [h.get("run") for h in headers] == [None, upgraded.run, None]
    assert again.since == 4
