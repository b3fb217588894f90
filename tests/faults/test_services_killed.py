"""The broker, the ingest worker and the database are killed in the middle: nothing is lost or stored twice."""

import time

import pytest
from faults.cases import FEW
from waiting import settled, until

pytestmark = pytest.mark.faults


def times(count, what):
    return f"{count} {what}{'' if count == 1 else 's'}"


def test_the_broker_is_killed_while_stations_publish(rig, case, messages):
    broken = case("broker killed", number="1-2", messages=messages)
    kills = 1 if messages <= FEW else 20
    for _ in broken.moments_of_publishing(kills):
        begun = time.monotonic()
        rig.stack.rabbitmq.kill()
        rig.stack.rabbitmq.start()
        broken.recovers(begun)
    broken.finish(f"`kill -9` of RabbitMQ at {times(kills, 'random moment')} while three stations publish.")


def test_the_ingest_worker_is_killed_at_random_moments(rig, case, messages):
    broken = case("ingest worker killed", number="20-21", messages=messages)
    starts, kills = rig.worker.starts, 2 if messages <= FEW else 6
    for _ in broken.moments_of_ingest(kills):
        begun = time.monotonic()
        rig.worker.kill()
        broken.recovers(begun)
    assert broken.finish(f"`kill -9` of the ingest worker at {times(kills, 'random moment')}.").is_clean
    assert rig.worker.starts == starts + kills


@pytest.mark.parametrize("point", ["before-commit", "after-commit"])
def test_the_ingest_worker_dies_at_the_worst_moment(case, tmp_path, point, messages):
    left, deaths = tmp_path / "left", 1 if messages <= FEW else 3
    left.write_text(str(deaths))
    broken = case(
        f"ingest worker dies {point.replace('-', ' ')}",
        application="faults.failing_worker",
        number={"before-commit": "21", "after-commit": "20"}[point],
        messages=messages,
        ROOST_FAILPOINT=point,
        ROOST_FAILPOINT_LEFT=str(left),
    )
    where = {
        "before-commit": "with all rows of a batch written but not committed",
        "after-commit": "with a batch committed but not acknowledged",
    }
    for remaining in reversed(range(deaths)):
        until(lambda now=str(remaining): left.read_text() == now, "the worker's death", every=0.02)
        broken.recovers()
    verdict = broken.finish(f"The ingest worker kills itself {times(deaths, 'time')} {where[point]}.")
    if point == "after-commit":
        assert verdict.repeats > 0


def test_the_database_crashes_in_the_middle_of_batches(rig, case, messages):
    broken = case("PostgreSQL crashes", number="29", messages=messages)
    crashes = 1 if messages <= FEW else 4
    for _ in broken.moments_of_ingest(crashes):
        begun = time.monotonic()
        rig.stack.postgres.stop("immediate")
        rig.stack.postgres.start()
        broken.recovers(begun)
    broken.finish(
        f"PostgreSQL is stopped as with `pg_ctl -m immediate`, {times(crashes, 'time')}; it recovers from its log."
    )


def test_the_database_is_read_only_for_a_while(rig, case, messages):
    broken = case("PostgreSQL read-only", number="31", messages=messages)
    for _ in broken.moments_of_ingest(1):
        rig.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        rig.execute("SELECT pg_reload_conf()")
        settled(rig.taken, "the number of rows in a read-only database")
        # The superuser's own session is read-only too, unless it says otherwise.
        rig.execute("ALTER SYSTEM RESET default_transaction_read_only")
        rig.execute("SELECT pg_reload_conf()")
        broken.recovers()
    broken.finish("`default_transaction_read_only` is on for three seconds.")
    assert rig.query("SELECT count(*) FROM ingest_quarantinedmessage WHERE reason = 'not-stored'") == [(0,)]


NUMBERS = {"disk": "10", "memory": "11"}
ALARMS = {
    "disk": (("set_disk_free_limit", "900GB"), ("set_disk_free_limit", "1GB")),
    "memory": (("set_vm_memory_high_watermark", "absolute", "20MB"), ("set_vm_memory_high_watermark", "0.4")),
}


@pytest.mark.parametrize("what", ALARMS)
def test_the_broker_is_short_of_something_for_a_while(rig, case, what):
    raised, cleared = ALARMS[what]
    broken = case(f"broker without {what}", number=NUMBERS[what], hold_at=0.5)
    for _ in broken.moments_of_publishing(1, last=0.4):
        rig.control(*raised)
        # From here on, the broker reads none of the messages that are sent.
        broken.publishing.release()
        stood = settled(lambda: broken.publishing.confirmed, "the number of confirms under an alarm")
        begun = time.monotonic()
        rig.control(*cleared)
        until(lambda before=stood: broken.publishing.confirmed > before + 10, "confirms after the alarm")
        broken.recovers(begun)
    broken.finish(f"A {what} alarm blocks every publisher for some seconds.")


def test_a_queue_is_full_for_a_while(rig, case):
    broken = case("queue full", number="12", hold_at=0.3)
    rig.worker_stop()
    with rig.changed_policy("inbound", {"max-length": 1_000}):
        broken.publishing.release()
        until(lambda: broken.publishing.refused > 100, "messages that the broker does not take")
        stood = broken.publishing.confirmed
        time.sleep(2.0)
        # The limit is exceeded only by the messages under way.
        assert broken.publishing.confirmed - stood < 1_000
    begun = time.monotonic()
    rig.worker_ensure()
    until(lambda: broken.publishing.confirmed > stood, "confirms with a reader and room again")
    broken.verdict.recovered_s = time.monotonic() - begun
    broken.finish("`inbound.telemetry` holds 1,000 messages while nobody reads it, and refuses the rest.")


def test_the_bindings_to_the_queues_are_missing_for_a_while(rig, case):
    broken = case("binding deleted", number="13", hold_at=0.3)
    for _ in broken.moments_of_publishing(1, last=0.25):
        with rig.without_bindings(grant["exchange"] for grant in broken.grants):
            broken.publishing.release()
            until(lambda: broken.publishing.refused > 100, "messages that come back")
        broken.recovers()
    broken.finish("The stations' exchanges have no binding for a moment; `mandatory` returns every message.")
