"""Hanging processes are restarted, and the messages that they held arrive."""

import os
import signal
import time

import pytest
from faults.cases import FEW, Case
from waiting import PATIENCE_S, until

from operations.running.process_table import process_programs, watchdog_program
from operations.running.supervisor_daemon import Supervisor, configuration_write

pytestmark = pytest.mark.faults

HANGING = ("ingest", "relay", "tasks")
WATCHDOG_S = 10


def are_new(supervisor, before):
    states = supervisor.states()
    return all(states[name].is_running and states[name].pid != pid for name, pid in before.items())


def test_processes_that_hang_are_restarted(rig, grants, verdicts, tmp_path, monkeypatch):
    rig.worker_stop()
    monkeypatch.setenv("ROOST_WATCHDOG_S", str(WATCHDOG_S))
    programs = [each for each in process_programs(rig.instance) if each.name in HANGING]
    programs.append(watchdog_program(rig.instance))
    configuration_write(paths=rig.stack.paths, programs=programs)
    supervisor = Supervisor(rig.stack.paths)
    supervising = supervisor.launch(tied_to_us=True)
    try:
        supervisor.start(programs)
        until(lambda: rig._queue("inbound.telemetry").get("consumers", 0) > 0, "a worker that reads")
        until(lambda: min(state.since_seconds for state in supervisor.states().values()) > WATCHDOG_S, "old processes")
        broken = Case(rig, grants, tmp_path, "processes hang", FEW, verdicts, hold_at=0.5, number="27")
        for _ in broken.moments_of_ingest(1, last=0.4):
            before = {name: supervisor.states()[name].pid for name in HANGING}
            begun = time.monotonic()
            for pid in before.values():
                os.kill(pid, signal.SIGSTOP)
            stood = rig.taken()
            broken.publishing.release()
            until(lambda stood=stood: rig.taken() > stood, "messages that come home again")
            broken.verdict.recovered_s = time.monotonic() - begun
            until(lambda before=before: are_new(supervisor, before), "new processes", every=0.5)
        broken.finish(
            f"Ingest, relay and task worker are stopped with SIGSTOP; the watchdog, told to wait {WATCHDOG_S} s instead "
            "of 60, restarts all three."
        )
    finally:
        supervising.terminate()
        supervising.wait(PATIENCE_S)
    said = (rig.stack.paths.logs / "watchdog.log").read_text()
    assert all(f"{name} has shown no sign of life" in said for name in HANGING), said
