"""The outbox after power cuts: whatever happened to the end of its log, a clean beginning of it remains."""

import random
import shutil
import time

import pytest
from faults.oracle import Verdict
from faults.rig import seed_of_run

from message_queue.contracts.event import Event, Happening
from station_agent import outbox as outbox_module
from station_agent.database import Database
from station_agent.outbox import EVENT, Outbox

pytestmark = pytest.mark.faults

MESSAGES = 150
WAL_HEADER, FRAME = 32, 4096 + 24


def opened(path):
    return Outbox(Database(path, [outbox_module.SCHEMA]), cap_bytes=10**9)


@pytest.fixture(scope="module")
def cut_off(tmp_path_factory):
    """The files of an outbox as they are on the card while it is open; most messages are in the log."""
    folder = tmp_path_factory.mktemp("card")
    outbox = opened(folder / "open.db")
    for number in range(MESSAGES):
        outbox.put("event", Event(events=[Happening(t=float(number), name="test", data={"text": "x" * 300})]), EVENT)
    for ending in ("", "-wal", "-shm"):
        shutil.copy(folder / f"open.db{ending}", folder / f"cut.db{ending}")
    outbox.database.close()
    return folder / "cut.db"


def wounds(log, chance):
    """States of a log after a power cut, or on a bad card."""
    frames = range(WAL_HEADER, len(log), FRAME)
    for end in frames:
        yield "cut at a frame", log[:end]
    for _ in range(80):
        yield "cut anywhere", log[: chance.randrange(len(log))]
    for _ in range(60):
        end = chance.choice(frames)
        yield "rubbish at the end", log[:end] + chance.randbytes(chance.randrange(1, 3 * FRAME))
        yield "zeros at the end", log[:end] + bytes(chance.randrange(1, 3 * FRAME))
    for _ in range(60):
        at = chance.randrange(len(log))
        yield "one bit", log[:at] + bytes([log[at] ^ 1 << chance.randrange(8)]) + log[at + 1 :]


def test_after_a_power_cut_a_clean_beginning_of_the_outbox_remains(cut_off, tmp_path, verdicts):
    seed, begun = seed_of_run(), time.monotonic()
    chance, log = random.Random(f"{seed}/power"), cut_off.with_name("cut.db-wal").read_bytes()
    verdict = Verdict(case="power cuts of the outbox", number="42", seed=seed)
    whole = opened_copy(cut_off, log, tmp_path / "whole", with_index=True)
    assert kept_by(whole) == list(range(1, MESSAGES + 1))
    whole.database.close()
    for number, (what, wounded) in enumerate(wounds(log, chance)):
        outbox = opened_copy(cut_off, wounded, tmp_path / str(number), with_index=number % 2 == 0)
        kept = kept_by(outbox)
        verdict.sent += 1
        is_new = outbox.database.damaged is not None
        if kept != list(range(1, len(kept) + 1)) or (is_new and outbox.stream == whole.stream):
            verdict.unaccounted += 1
            verdict.details.append(f"{what}: {kept[:3]} … {kept[-3:]}")
        following = outbox.put("event", Event(events=[Happening(t=1.0, name="after")]), EVENT)
        verdict.unexpected += following != len(kept) + 1
        with outbox.database.reading() as sql:
            verdict.lost += sql.execute("PRAGMA integrity_check(1)").fetchone()[0] != "ok"
        outbox.database.close()
        shutil.rmtree(tmp_path / str(number))
    verdict.confirmed, verdict.seconds = verdict.sent, time.monotonic() - begun
    verdict.note = (
        "The write-ahead log of an open outbox is cut at every frame and anywhere, ends in rubbish or zeros, or has one "
        "wrong bit; every second time its index file is missing. Numbers are damaged copies: lost are those whose "
        "database is damaged, unaccounted those that are not a beginning of what was committed."
    )
    verdicts.append(verdict)
    assert verdict.sent > 300
    assert verdict.is_clean, verdict.details


def opened_copy(source, log, folder, *, with_index):
    folder.mkdir()
    shutil.copy(source, folder / "cut.db")
    (folder / "cut.db-wal").write_bytes(log)
    if with_index:
        shutil.copy(source.with_name("cut.db-shm"), folder / "cut.db-shm")
    return opened(folder / "cut.db")


def kept_by(outbox):
    with outbox.database.reading() as sql:
        return [seq for (seq,) in sql.execute("SELECT seq FROM outbox ORDER BY seq")]
