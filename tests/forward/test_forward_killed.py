"""The receiver is away for a while and workers are killed in the middle of a batch: everything arrives."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest
from forward.conftest import Receiver, counts, run
from forward.things_service import Service
from site_processes import database_url
from waiting import until

from fleet.forward.models import Forwarder

pytestmark = pytest.mark.django_db(transaction=True)

WORK = """
import time, django
django.setup()
from fleet.forward.lanes import lanes_run
for _ in range(1_200):
    lanes_run()
    time.sleep(0.1)
"""


@pytest.fixture
def start():
    """Start workers as separate processes on this test's database; any that still run are killed at the end."""
    environment = {
        **os.environ,
        "ROOST_DATABASE_URL": database_url(),
        "DJANGO_SETTINGS_MODULE": "web.settings",
        "ROOST_WEBHOOK_PRIVATE_ADDRESSES": "1",
    }
    running: list[subprocess.Popen[bytes]] = []

    def begin() -> subprocess.Popen[bytes]:
        running.append(subprocess.Popen([sys.executable, "-c", WORK], env=environment))
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.wait()


def kill_in_the_middle(start, receiver: Receiver, when) -> None:
    """Start a worker, and kill it while the receiver holds a request that `when` chose, after handling it."""
    reached, answer = threading.Event(), receiver.answer

    def hold(*request):
        told = answer(*request)
        if not when(*request) or reached.is_set():
            return told
        reached.set()
        return "hang"

    receiver.answer = hold
    Forwarder.objects.update(next_try_at=None)
    worker = start()
    assert reached.wait(120)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    receiver.answer = answer
    # Let the dead worker's claim end, as it would after two minutes.
    Forwarder.objects.update(claimed_until=None)


def test_a_webhook_gets_everything_and_repeats_are_the_same_messages(hook, receiver, arrive, start, settings):
    values = [float(number) for number in range(350)]
    for first in range(0, 350, 50):
        arrive(*values[first : first + 50])
    kill_in_the_middle(start, receiver, lambda *_: len(receiver.seen) == 2)
    port, seen = receiver.port, receiver.seen
    receiver.stop()
    run(hook)
    assert hook.failures == 1
    arrive(350.0)
    back = Receiver(port)
    try:
        kill_in_the_middle(start, back, lambda *_: len(back.seen) == 1)
        run(hook)
        messages = [(headers["webhook-id"], body) for _method, _path, headers, body in [*seen, *back.seen]]
    finally:
        back.stop()
    once = dict(messages)
    # A receiver that drops repeated ids gets each row once.
    assert sorted(row["value"] for body in once.values() for row in json.loads(body)["data"]) == [*values, 350.0]
    assert len(once) < len(messages) <= len(once) + 2
    assert all(json.loads(once[number])["data"] == json.loads(body)["data"] for number, body in messages)
    assert counts(hook) == (351, 0, 0, 0)


def test_sensorthings_have_everything_once(add, receiver, arrive, start):
    service = Service(receiver)
    things = add("sensorthings", url=f"{receiver.url}/v1.1")
    arrive(*(float(number) for number in range(40)))
    arrive(1.0, name="hum")
    for path in ("/v1.1/Things", "/Observations", "/Observations"):
        kill_in_the_middle(start, receiver, lambda method, at, *_, path=path: method == "POST" and at.endswith(path))
    until(lambda: run(things).rows == 41)
    assert {name: len(kept) for name, kept in service.things.items()} == {
        "Things": 1, "Sensors": 1, "ObservedProperties": 2, "Datastreams": 2, "Observations": 41,
    }  # fmt: skip
    assert things.rows_sent + things.rows_known == 41
    assert things.rows_known >= 1
