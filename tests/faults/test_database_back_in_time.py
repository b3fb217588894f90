"""The database is locked for long, or restored from a backup and sent everything again: nothing is lost or stored
twice.
"""

import os
import subprocess
import time

import pytest
from faults.oracle import Verdict, judge
from faults.publisher import Publishing
from waiting import until

from operations.services.postgres import DATABASE, OWNER, SUPERUSER

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("seconds", [8, pytest.param(120, marks=pytest.mark.long)])
def test_somebody_holds_a_lock_for_long(rig, case, seconds):
    broken = case("a lock held for long", number="32", hold_at=0.4)
    log = rig.stack.paths.logs / "postgres.log"
    length = log.stat().st_size
    for _ in broken.moments_of_ingest(1, last=0.3):
        with rig.instance.postgres.connect(DATABASE) as connection, connection.transaction():
            connection.execute("LOCK TABLE telemetry_streamledger IN ACCESS EXCLUSIVE MODE")
            broken.publishing.release()
            time.sleep(seconds)
        begun = time.monotonic()
        until(lambda: rig.taken() >= 0, "an answer")
        broken.recovers(begun)
    broken.finish(
        f"The ledger's table is locked for {seconds} s, as a long migration does; statements wait 5 s for it."
    )
    assert b"due to lock timeout" in log.read_bytes()[length:], "ingest did not meet the lock"
    assert rig.query("SELECT count(*) FROM ingest_quarantinedmessage WHERE reason = 'not-stored'") == [(0,)]


def tool(rig, name, *words):
    environment = {"PATH": os.environ["PATH"], "PGPASSWORD": rig.instance.secrets["postgres_superuser"]}
    where = ["-h", "127.0.0.1", "-p", str(rig.instance.ports["postgres"]), "-U", SUPERUSER]
    program = rig.instance.postgres.binaries / name
    done = subprocess.run([str(program), *where, *words], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.long
def test_a_backup_is_restored_and_all_messages_come_again(rig, case, grants, tmp_path):
    broken = case("a backup restored", number="40", hold_at=0.5)
    until(lambda: broken.publishing.confirmed >= broken.publishing.total // 2 - 3, "half of the messages")
    rig.quiesce()
    backup = str(tmp_path / "roost.dump")
    tool(rig, "pg_dump", "-Fc", "-f", backup, DATABASE)
    broken.publishing.release()
    broken.finish("The database is restored from a backup of half of it, and the stations send everything again.")
    rig.worker_stop()
    tool(rig, "dropdb", "--force", DATABASE)
    tool(rig, "createdb", "--owner", OWNER, DATABASE)
    tool(rig, "pg_restore", "--dbname", DATABASE, backup)
    begun = time.monotonic()
    rig.worker_ensure()
    stream = broken.publishing.senders[0].stream.rpartition(".")[0]
    folder = tmp_path / "again"
    folder.mkdir()
    again = Publishing(grants, stream, broken.publishing.total // len(grants), folder)
    again.start()
    again.join(300)
    rig.quiesce()
    verdict = judge(rig, again, Verdict(case=broken.verdict.case, number="40", seed=rig.seed))
    assert verdict.is_clean, (verdict.row(), verdict.details)
    assert verdict.confirmed == again.total
    assert verdict.repeats >= again.total // 2 - 3
    broken.verdict.repeats, broken.verdict.recovered_s = verdict.repeats, time.monotonic() - begun
