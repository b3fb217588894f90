"""The broker, the ingest worker and the database are killed in the middle: nothing is lost, nothing is doubled."""

import time

import pytest
from faults.cases import FEW
from faults.rig import until

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("faults")]


def test_the_broker_is_killed_while_stations_publish(rig, case, messages):
    broken = case("broker killed")
    kills = 1 if messages <= FEW else 3
    for _ in broken.moments_of_publishing(kills):
        begun = time.monotonic()
        rig.stack.rabbitmq.kill()
        rig.stack.rabbitmq.start()
        broken.recovers(begun)
    broken.finish(f"`kill -9` of RabbitMQ at {kills} random moment(s) while three stations publish.")


def test_the_ingest_worker_is_killed_at_random_moments(rig, case, messages):
    broken = case("ingest worker killed")
    starts, kills = rig.worker.starts, 2 if messages <= FEW else 6
    for _ in broken.moments_of_ingest(kills):
        begun = time.monotonic()
        rig.worker.kill()
        broken.recovers(begun)
    assert broken.finish(f"`kill -9` of the ingest worker at {kills} random moments.").is_clean
    assert rig.worker.starts == starts + kills


@pytest.mark.parametrize("point", ["before-commit", "after-commit"])
def test_the_ingest_worker_dies_at_the_worst_moment(case, tmp_path, point, messages):
    left, deaths = tmp_path / "left", 1 if messages <= FEW else 3
    left.write_text(str(deaths))
    broken = case(
        f"ingest worker dies {point.replace('-', ' ')}",
        application="faults.failing_worker",
        ROOST_FAILPOINT=point,
        ROOST_FAILPOINT_LEFT=str(left),
    )
    where = {
        "before-commit": "with all rows of a batch written and not committed",
        "after-commit": "with a batch committed and not acknowledged",
    }
    for remaining in reversed(range(deaths)):
        until(lambda now=str(remaining): left.read_text() == now, 120, "the worker's death", every=0.02)
        broken.recovers()
    verdict = broken.finish(f"The ingest worker kills itself {deaths} time(s) {where[point]}.")
    if point == "after-commit":
        assert verdict.repeats > 0


def test_the_database_crashes_in_the_middle_of_batches(rig, case, messages):
    broken = case("PostgreSQL crashes")
    crashes = 1 if messages <= FEW else 4
    for _ in broken.moments_of_ingest(crashes):
        begun = time.monotonic()
        rig.stack.postgres.stop("immediate")
        rig.stack.postgres.start()
        broken.recovers(begun)
    broken.finish(f"PostgreSQL ends as with `pg_ctl -m immediate`, {crashes} time(s); it recovers from its log.")


def test_the_database_only_reads_for_a_while(rig, case):
    broken = case("PostgreSQL read-only")
    for _ in broken.moments_of_ingest(1):
        rig.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        rig.execute("SELECT pg_reload_conf()")
        time.sleep(1.0)
        stood = rig.taken()
        time.sleep(2.0)
        assert rig.taken() == stood, "rows came into a database that only reads"
        # The superuser's own session reads only, too, unless it says otherwise.
        rig.execute("ALTER SYSTEM RESET default_transaction_read_only")
        rig.execute("SELECT pg_reload_conf()")
        broken.recovers()
    broken.finish("`default_transaction_read_only` is on for three seconds.")
    assert rig.query("SELECT count(*) FROM ingest_quarantinedmessage WHERE reason = 'not-stored'") == [(0,)]


def test_the_broker_has_no_disk_left_for_a_while(rig, case):
    broken = case("broker without disk", hold_at=0.5)
    for _ in broken.moments_of_publishing(1, last=0.4):
        rig.control("set_disk_free_limit", "900GB")
        # What goes out from here on meets a broker that reads nothing.
        broken.publishing.release()
        time.sleep(1.0)
        stood = broken.publishing.confirmed
        time.sleep(2.0)
        assert broken.publishing.confirmed == stood, "the broker confirmed messages under an alarm"
        begun = time.monotonic()
        rig.control("set_disk_free_limit", "1GB")
        until(lambda before=stood: broken.publishing.confirmed > before + 10, 30, "confirms after the alarm")
        broken.recovers(begun)
    broken.finish("A disk alarm blocks every publisher for some seconds.")
