"""Several ingest workers, none at all, and one that a message kills: every message arrives once."""

import json
import time

import pika
import pytest
from faults import raw_amqp
from faults.processes import ingest_worker
from faults.publisher import connection_parameters
from waiting import until

from message_queue.topology import DELIVERY_LIMIT

pytestmark = pytest.mark.faults

READ = ("inbound.urgent", "inbound.telemetry", "inbound.bulk")


@pytest.mark.parametrize("limit", [5, pytest.param(DELIVERY_LIMIT, marks=pytest.mark.long)])
def test_a_message_that_kills_its_reader_is_set_aside_alone(rig, case, limit):
    """Each death counts against all messages delivered but not acknowledged; the harmless ones must not be set aside
    too.
    """
    broken = case(
        "a message that kills ingest", number="25", messages=3_000, hold_at=0.5, application="faults.poisoned_worker"
    )
    grant, starts = broken.grants[0], rig.worker.starts
    dead = "SELECT count(*) FROM ingest_quarantinedmessage WHERE reason = 'dead-lettered'"
    before = rig.query(dead)[0][0]
    poison = json.dumps([{"n": "the words that kill", "v": 1}]).encode()
    with rig.changed_policy("inbound", {"delivery-limit": limit}):
        with pika.BlockingConnection(connection_parameters(grant)) as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            raw_amqp.publish(
                channel, grant["exchange"], "readings", poison, pika.BasicProperties(type="readings", delivery_mode=2)
            )
        begun = time.monotonic()
        broken.publishing.release()
        until(lambda: rig.query(dead)[0][0] > before, "the message in quarantine", seconds=300, every=0.5)
        broken.verdict.recovered_s = time.monotonic() - begun
        broken.finish(
            f"One message among thousands kills the worker every time; it alone is set aside, after {limit} deliveries."
        )
    assert rig.query(dead) == [(before + 1,)]
    assert limit <= rig.worker.starts - starts <= limit + 3


def test_nobody_reads_for_a_while(rig, case):
    broken = case("ingest stopped", number="28", hold_at=0.2)
    rig.worker_stop()
    broken.publishing.release()
    until(lambda: broken.publishing.confirmed == broken.publishing.total, "every confirm without a reader")
    begun, before = time.monotonic(), rig.taken()
    rig.worker_ensure()
    waiting = broken.publishing.total - (before - broken._taken_before)
    until(lambda: rig.taken() - before >= waiting, "what had gathered")
    broken.verdict.recovered_s = time.monotonic() - begun
    broken.finish(
        "The worker is stopped while everything is published; the time is from its start until everything had arrived."
    )


def test_a_reader_that_the_broker_forgot_connects_anew(rig, case):
    log = rig.stack.paths.logs / "ingest.log"
    length = log.stat().st_size if log.exists() else 0
    broken = case("a reader that the broker forgot", number="5b", application="faults.forgotten_worker")
    verdict = broken.finish(
        "Acknowledgements stop arriving, so the queue delivers nothing, but no connection breaks. Ingest checks a lane "
        "that brings nothing, here every 2 s, finds that messages are waiting, and reconnects."
    )
    assert "inbound.telemetry holds" in log.read_text()[length:]
    assert verdict.repeats > 0


def test_two_workers_side_by_side_never_wait_for_each_other_in_a_circle(rig, case, messages):
    log = rig.stack.paths.logs / "postgres.log"
    length = log.stat().st_size
    second = ingest_worker("ingest-2", rig.environment, rig.stack.paths.logs, "workers.celery_app").start()
    try:
        broken = case("two ingest workers", number="34", messages=messages, hold_at=0.02)
        until(lambda: all(rig._queue(name).get("consumers") == 2 for name in READ), "two readers of every queue")
        broken.publishing.release()
        for _ in broken.moments_of_ingest(1):
            begun = time.monotonic()
            second.kill()
            broken.recovers(begun)
        broken.finish("Two workers read the same queues, each with messages of every station; one of them is killed.")
    finally:
        second.stop()
    said = log.read_bytes()[length:]
    assert b"deadlock detected" not in said
    assert b"could not serialize" not in said
