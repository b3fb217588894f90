"""The private services that tests run on: started fresh, thrown away afterwards, also after a killed run."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from typing import TextIO

from message_queue import topology
from operations.instance import Instance
from operations.leftovers import leftovers_end
from operations.paths import Paths
from operations.settings_env import process_environment
from operations.stack import Stack

#: Names the var directory of the services that a test run shares.
VARIABLE = "ROOST_TEST_STACK"


#: The locks of the runs of this process: the kernel opens them when it ends, however it ends.
HELD: dict[Path, TextIO] = {}


def trial_start() -> Stack:
    """Fresh services in a folder named for this process; what dead runs left is cleared first."""
    folder = Paths.from_environment().var / "test"
    folder.mkdir(parents=True, exist_ok=True)
    dead_trials_clear(folder)
    var = folder / str(os.getpid())
    trial_lock(var)
    stack = Stack(var)
    try:
        return stack.start()
    except BaseException:
        trial_end(stack)
        raise


def trial_end(stack: Stack) -> None:
    """End the services and throw their data away."""
    stack.discard()
    trial_unlock(stack.paths.var)


def dead_trials_clear(folder: Path) -> None:
    """End and throw away what runs left that were killed; one that still runs is left alone."""
    for earlier in folder.iterdir():
        if earlier.name.isdigit() and trial_lock(earlier):
            trial_clear(earlier)
            trial_unlock(earlier)


def trial_lock(var: Path) -> bool:
    """Take a run's folder as ours; False while another run has it. A process number would not tell: numbers return."""
    if var in HELD:
        return False
    lock = var.with_suffix(".lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return False
    HELD[var] = lock
    return True


def trial_unlock(var: Path) -> None:
    """Give a run's folder back."""
    lock = HELD.pop(var, None)
    if lock is not None:
        var.with_suffix(".lock").unlink(missing_ok=True)
        lock.close()


def trial_clear(var: Path) -> None:
    """End what a run that is no more left running, and throw its data away."""
    leftovers_end(paths=Paths(var.resolve()))
    shutil.rmtree(var, ignore_errors=True)


def trial_environment(var: Path, *, worker: str) -> dict[str, str]:
    """The settings of one test process: services shared, but vhosts and Redis database of its own."""
    instance = Instance.load(Paths(var.resolve()))
    number = int(worker.removeprefix("gw")) + 1 if worker.startswith("gw") else 0
    fleet, jobs = f"fleet-{worker}", f"jobs-{worker}"
    instance.rabbitmq.definitions_load(topology.definitions(instance.rabbitmq.users, fleet, jobs))
    return process_environment(instance, operator={}) | {
        "ROOST_FLEET_VHOST": fleet,
        "ROOST_FLEET_BROKER_URL": instance.rabbitmq.broker_url("ingest", fleet),
        "ROOST_COMMAND_BROKER_URL": instance.rabbitmq.broker_url("commander", fleet),
        "ROOST_JOBS_BROKER_URL": instance.rabbitmq.broker_url("jobs", jobs),
        "ROOST_REDIS_URL": instance.redis.url(number),
        "ROOST_MAIL_FROM": "roost@localhost",
    }
