"""The private services that tests run on: started fresh, and discarded afterwards, even if the run was killed."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from typing import TextIO

from psycopg import sql

from message_queue import topology
from operations.instance import Instance
from operations.leftovers import leftovers_end
from operations.paths import Paths
from operations.services.postgres import OWNER, Postgres
from operations.settings_env import process_environment
from operations.stack import Stack

#: Variable with the var directory of the services that a test run shares.
VARIABLE = "ROOST_TEST_STACK"
#: Variable, set if there are no services: only tests that use none are run.
QUICK_VARIABLE = "ROOST_TEST_QUICK"

#: Locks of this process's runs. However the process ends, the kernel then releases them.
HELD: dict[Path, TextIO] = {}


def trial_start() -> Stack:
    """Start fresh services in a folder named after this process id, after clearing up after dead runs."""
    folder = Paths.from_environment().var / "test"
    folder.mkdir(parents=True, exist_ok=True)
    dead_trials_clear(folder)
    var = folder / str(os.getpid())
    trial_lock(var)
    stack = Stack(var)
    try:
        database_quicken(stack.start().database)
        return stack
    except BaseException:
        trial_end(stack)
        raise


def database_quicken(database: Postgres) -> None:
    """Switch off what protects data in a power cut, as no data outlives the run. See also `tests/emptying.py`."""
    with database.connect() as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("ALTER SYSTEM SET full_page_writes = off")
        connection.execute("SELECT pg_reload_conf()")
        connection.execute(
            sql.SQL("GRANT SET ON PARAMETER session_replication_role TO {}").format(sql.Identifier(OWNER))
        )


def trial_end(stack: Stack) -> None:
    """Stop the services and discard their data."""
    stack.discard()
    trial_unlock(stack.paths.var)


def dead_trials_clear(folder: Path) -> None:
    """Stop the services that killed runs left running, and discard their data. Leave live runs alone."""
    for earlier in folder.iterdir():
        if earlier.name.isdigit() and trial_lock(earlier):
            trial_clear(earlier)
            trial_unlock(earlier)


def trial_lock(var: Path) -> bool:
    """Lock a run's folder; False if another run has it. Checking the process id is not enough, as ids are reused."""
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
    """Release a run's folder."""
    lock = HELD.pop(var, None)
    if lock is not None:
        var.with_suffix(".lock").unlink(missing_ok=True)
        lock.close()


def trial_clear(var: Path) -> None:
    """Stop the services that a dead run left running, and discard its data."""
    leftovers_end(paths=Paths(var.resolve()))
    shutil.rmtree(var, ignore_errors=True)


def serviceless_environment(var: Path) -> dict[str, str]:
    """The settings of checks and tests that use no service: they name ports where nothing listens."""
    instance = Instance.load(Paths(var.resolve()))
    return process_environment(instance, operator={}) | {QUICK_VARIABLE: "1", "ROOST_MAIL_FROM": "roost@localhost"}


def trial_environment(var: Path, *, worker: str) -> dict[str, str]:
    """The settings of one test process: shared services, but its own vhosts and Redis database."""
    instance = Instance.load(Paths(var.resolve()))
    number = int(worker.removeprefix("gw")) + 1 if worker.startswith("gw") else 0
    fleet, jobs = f"fleet-{worker}", f"jobs-{worker}"
    instance.rabbitmq.definitions_load(topology.definitions(instance.rabbitmq.users, fleet, jobs))
    return process_environment(instance, operator={}) | {
        VARIABLE: str(var),
        "ROOST_FLEET_VHOST": fleet,
        "ROOST_FLEET_BROKER_URL": instance.rabbitmq.broker_url("ingest", fleet),
        "ROOST_COMMAND_BROKER_URL": instance.rabbitmq.broker_url("commander", fleet),
        "ROOST_JOBS_BROKER_URL": instance.rabbitmq.broker_url("jobs", jobs),
        "ROOST_REDIS_URL": instance.redis.url(number),
        "ROOST_MAIL_FROM": "roost@localhost",
    }
