"""The process that sends to Motus is killed at each step: the next one sends what Motus lacks, and nothing twice."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import time_machine
from site_processes import ROOT, database_url
from sync.motus_files import NOW, name, only, run, states
from waiting import PATIENCE_S, until

from fleet.sync.adapters.clients import motus as motus_client
from fleet.sync.motus.uploads import uploads_queue
from operations.simulators.motus_faults import MotusAnswer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("services")]

#: What the address of a request has, by step.
STEPS = {"verify": "verifyHash=", "start": "action=start", "transfer": "action=transfer"}


class Held:
    """Stops Motus at the first request of one step, before or after it has done what was asked."""

    def __init__(self, uploads, step: str, *, is_done: bool) -> None:
        self._answer, self._mark, self._is_done = uploads.answer, STEPS[step], is_done
        self.reached, self.released = threading.Event(), threading.Event()

    def answer(self, method, address, cookie, body, faults) -> MotusAnswer:
        if self._mark not in address or self.reached.is_set():
            return self._answer(method, address, cookie, body, faults)
        answer = self._answer(method, address, cookie, body, faults) if self._is_done else MotusAnswer(500, b"")
        self.reached.set()
        self.released.wait(PATIENCE_S)
        return answer


@pytest.fixture
def queued(motus, account, owner, institute, card, monkeypatch):
    """A day's archive that waits for a worker."""
    monkeypatch.setattr(motus_client, "_backing_off", lambda _state: 0.01)
    with time_machine.travel(NOW, tick=False):
        card(name(hour=5))
        card(name(hour=6))
        run(institute)
        uploads_queue(actor=owner, organization=institute)
    assert states() == [(1, "queued")]


@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_process_killed_in_a_transfer_costs_no_day_and_doubles_none(
    motus, queued, institute, monkeypatch, settings, step, is_done
):
    held = Held(motus.uploads, step, is_done=is_done)
    monkeypatch.setattr(motus.uploads, "answer", held.answer)
    environment = {
        **os.environ,
        "ROOST_DATABASE_URL": database_url(),
        "ROOST_MOTUS_URL": settings.ROOST_MOTUS_URL,
        "ROOST_MOTUS_STATUS_URL": settings.ROOST_MOTUS_STATUS_URL,
        "ROOST_MOTUS_FOLDER": settings.ROOST_MOTUS_FOLDER,
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(Path(__file__).parents[1]))),
    }
    command = [sys.executable, "-m", "sync.motus_process", str(institute.pk)]
    with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
        until(lambda: held.reached.is_set() or process.poll() is not None, f"the step {step}")
        assert process.poll() is None, "it ended too early"
        process.kill()
    held.released.set()

    def sent_again() -> bool:
        # Until the database has noticed its end, the killed process holds the lock of the organization.
        with time_machine.travel(NOW, tick=False):
            run(institute, is_searching=False)
        return only().state == "sent"

    until(sent_again, "the upload by the next process")
    upload, uploads = only(), motus.uploads
    (job,) = uploads.jobs
    assert upload.job_id == job
    assert uploads.steps.count("transfer") == 1
    # What Motus has already is not sent to it again.
    assert uploads.steps.count("start") == (2 if (step, is_done) in {("start", True), ("transfer", False)} else 1)
    assert len(set(uploads.received)) == 1, "the same archive at every try"
