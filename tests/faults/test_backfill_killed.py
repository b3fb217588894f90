"""Stored files are read while their worker, the ingest worker and the broker are killed: each line becomes one row."""

import subprocess
import sys
import time
from random import Random

import pytest
from faults.data_folder import DataFolder
from faults.oracle import Verdict
from faults.processes import Supervised
from faults.rig import HERE, REPOSITORY
from faults.test_agent_and_relay_killed import fixes_in_database, heard_in_database
from waiting import until

pytestmark = pytest.mark.faults

LINES, KILLS = 20_000, 4
SERIAL = "SG-7200RPI40001"
#: Where it stands.
STATE = "SELECT b.state, b.stored, b.reason FROM ingest_backfill b"
HERE_SUM = """
SELECT coalesce(sum(v::bigint), 0) FROM ingest_backfillfile f, LATERAL jsonb_each_text(coalesce(f.after, '{}')) AS e(k, v)
"""


def test_a_back_fill_survives_kills_of_its_worker_of_ingest_and_of_the_broker(rig, verdicts, tmp_path):
    random, begun = Random(rig.seed), time.monotonic()
    verdict = Verdict(case="back-fill with everything killed", number="98", seed=rig.seed)
    verdicts.append(verdict)
    rig.worker_ensure()
    rig.stations(SERIAL)
    card = DataFolder(tmp_path / "SGdata", SERIAL, LINES, f"{rig.seed}/backfill", 10_000_000)
    card.run()
    environment = rig.environment | {"ROOST_FILES_ROOT": str(tmp_path / "files")}
    words = [sys.executable, str(HERE / "backfill_worker.py")]
    subprocess.run([*words, "ask", SERIAL, str(tmp_path / "SGdata")], env=environment, cwd=REPOSITORY, check=True)
    files = len(card.files)
    worker = Supervised("backfill", [*words, "work"], environment, rig.stack.paths.logs).start()
    kills = {
        "worker": worker.kill,
        "ingest": rig.worker.kill,
        "broker": lambda: (rig.stack.rabbitmq.kill(), rig.stack.rabbitmq.start()),
    }
    try:
        # The survey is killed once, then sending at several of its pieces.
        until(lambda: rig.query(STATE)[0][1] >= 2, "a piece of the survey", every=0.01)
        worker.kill()
        goals = sorted(random.sample(range(2, files - 2), KILLS))
        for goal, what in zip(goals, ["broker", *random.choices(sorted(kills), k=KILLS - 1)], strict=True):
            until(lambda goal=goal: is_sending(rig, goal), f"{goal} files sent", every=0.02)
            kills[what]()
        until(lambda: rig.query(STATE)[0][0] == "done", "the end of the back-fill", every=0.2)
        rig.quiesce()
    finally:
        worker.stop()
    heard, fixes = heard_in_database(rig, SERIAL), fixes_in_database(rig, SERIAL)
    verdict.sent = verdict.confirmed = len(card.heard) + len(card.fixes)
    verdict.lost = len(card.heard - set(heard)) + len(card.fixes - set(fixes))
    verdict.doubled = len(heard) - len(set(heard)) + len(fixes) - len(set(fixes))
    verdict.unexpected = len(set(heard) - card.heard) + len(set(fixes) - card.fixes)
    verdict.unaccounted = abs(LINES - int(rig.query(HERE_SUM)[0][0]))
    verdict.seconds = time.monotonic() - begun
    verdict.note = (
        f"{files} stored files are surveyed and sent while the worker that reads them, the ingest worker and the broker "
        f"are killed {KILLS + 1} times. The numbers are lines; unaccounted are those that the report of the back-fill has not."
    )
    assert verdict.is_clean, verdict.row()
    assert worker.starts > 1


def is_sending(rig, goal: int) -> bool:
    state, stored, _reason = rig.query(STATE)[0]
    return state == "done" or (state == "sending" and stored >= goal)
