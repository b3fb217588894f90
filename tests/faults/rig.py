"""A complete private ingest path to break: services, a real worker under a supervisor, enrolled stations."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pika
import psycopg
from faults.processes import Supervised, ingest_worker
from migrated import database_fill
from waiting import PATIENCE_S, until

from message_queue.routing import FLEET_VHOST
from message_queue.topology import DEAD_QUEUE, INBOUND, INBOUND_QUEUES
from operations.instance import Instance
from operations.paths import REPOSITORY
from operations.preparation import django_run
from operations.programs import INSTANCE_VARIABLE
from operations.services.postgres import DATABASE
from operations.settings_env import process_environment
from operations.stack import Stack

HERE = Path(__file__).parent
#: The broker reports queue lengths every second instead of every five, so that the rig need not wait.
QUICK_FIGURES = "collect_statistics_interval = 1000\n"
QUICK_TICKS = "[{rabbit, [{quorum_tick_interval, 1000}]}].\n"
QUIET_S = 2.2

Grant = dict[str, Any]


@cache
def seed_of_run() -> int:
    """ROOST_FAULT_SEED, or a new one; it is printed with every result."""
    return int(os.environ.get("ROOST_FAULT_SEED") or random.SystemRandom().randrange(1, 1_000_000))


class Rig:
    """Services, one ingest worker and some stations. Everything in it may be killed."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.seed = seed_of_run()
        self.instance = Instance.load(stack.paths)
        self.environment = process_environment(
            self.instance,
            extra={
                INSTANCE_VARIABLE: str(stack.paths.var),
                # In a test process, these variables name the services that the whole run shares.
                "ROOST_STATION_AMQP_HOST": "127.0.0.1",
                # No quotas: a case sends as much in a minute as a station does in a year.
                "ROOST_QUOTA_MESSAGES_PER_S": "0",
                "ROOST_QUOTA_BYTES_PER_HOUR": "0",
                "ROOST_STATION_AMQP_PORT": str(self.instance.ports["amqps"]),
                "PYTHONPATH": os.pathsep.join((str(REPOSITORY), str(HERE.parent))),
            },
        )
        self.worker: Supervised | None = None
        self._worker_is: tuple[str, dict[str, str]] | None = None

    @classmethod
    @contextmanager
    def open(cls, stack: Stack) -> Iterator["Rig"]:
        """A rig on these services; everything in it is stopped at the end."""
        # For root, PostgreSQL's data is outside the folder, so a killed run leaves it behind.
        shutil.rmtree(stack.database.home, ignore_errors=True)
        home = stack.broker.home
        (home / "conf.d").mkdir(parents=True, exist_ok=True)
        (home / "conf.d" / "rig.conf").write_text(QUICK_FIGURES)
        (home / "none.config").write_text(QUICK_TICKS)
        rig = None
        try:
            rig = cls(stack.start())
            assert "1000" in rig.control("eval", "application:get_env(rabbit, quorum_tick_interval).")
            database_fill(rig.instance)
            yield rig
        finally:
            if rig is not None:
                rig.worker_stop()
            stack.stop()
            shutil.rmtree(stack.database.home, ignore_errors=True)

    def stations(self, *serials: str) -> list[Grant]:
        """Register and enrol stations with the server's own services."""
        return self._provision(*serials)

    def desks(self, *serials: str) -> list[Grant]:
        """Enrol a desk for each of these stations, which must be registered."""
        return self._provision("--for-upload", *serials)

    def _provision(self, *serials: str) -> list[Grant]:
        done = subprocess.run(
            [sys.executable, str(HERE / "provision.py"), *serials],
            env=self.environment,
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        plain = {"plain_port": self.instance.ports["amqp"]}
        return [grant | plain for grant in json.loads(done.stdout.splitlines()[-1])]

    def revoke(self, serial: str) -> None:
        """Revoke a station's login as an operator does."""
        django_run(self.instance, "station", "revoke", serial)

    def worker_ensure(self, application: str = "workers.celery_app", **environment: str) -> Supervised:
        """Make sure that this ingest worker runs and reads; replace one that has other settings."""
        wanted = (application, environment)
        if self.worker is None or self._worker_is != wanted:
            self.worker_stop()
            logs, whole = self.stack.paths.logs, self.environment | environment
            self.worker = ingest_worker("ingest", whole, logs, application).start()
            self._worker_is = wanted
        until(lambda: self._queue("inbound.telemetry").get("consumers", 0) > 0, "a worker that reads")
        return self.worker

    def worker_stop(self) -> None:
        """Stop the ingest worker."""
        if self.worker is not None:
            self.worker.stop()
            self.worker = None

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Query the database as its superuser, bypassing all our own code."""
        with self.instance.postgres.connect(DATABASE) as connection:
            return connection.execute(statement, values).fetchall()  # type: ignore[arg-type]

    def execute(self, statement: str) -> None:
        """Execute a statement as the database's superuser."""
        with self.instance.postgres.connect(DATABASE) as connection:
            connection.execute(statement)  # type: ignore[arg-type]

    def taken(self) -> int:
        """Number of messages that have arrived so far; -1 while the database does not answer."""
        try:
            return int(self.query("SELECT coalesce(sum(messages), 0) FROM telemetry_streamledger")[0][0])
        except psycopg.Error:
            return -1

    def quiesce(self, seconds: float = PATIENCE_S) -> None:
        """Wait until the inbound queues are empty with nothing unacknowledged, and nothing changes any more.

        The management API's figures are seconds old, and only the queue itself knows at once how many messages wait:
        both must say zero, and neither the ledger nor quarantine may grow, for longer than the age of the figures.
        """
        quiet_since, before = 0.0, ""
        with pika.BlockingConnection(
            pika.URLParameters(self.instance.rabbitmq.broker_url("provisioner", "fleet"))
        ) as c:
            channel = c.channel()
            deadline = time.monotonic() + seconds
            while quiet_since == 0.0 or time.monotonic() - quiet_since < QUIET_S:
                time.sleep(0.2)
                state = self._movement(channel)
                if state != before or not state.startswith("empty"):
                    quiet_since, before = time.monotonic(), state
                assert time.monotonic() < deadline, f"The inbound queues are still busy: {state}"

    def _movement(self, channel: Any) -> str:
        names = (*INBOUND_QUEUES, DEAD_QUEUE)
        waiting = sum(channel.queue_declare(name, passive=True).method.message_count for name in names)
        states = [self._queue(name) for name in names]
        total = sum(state.get("messages", 1) for state in states)
        is_read = all(state.get("consumers") for state in states)
        counted = self.query(
            "SELECT (SELECT coalesce(sum(messages + repeats), 0) FROM telemetry_streamledger), "
            "(SELECT count(*) FROM ingest_quarantinedmessage), (SELECT coalesce(sum(messages), 0) FROM telemetry_unsequencedcount)"
        )
        word = "busy" if waiting or total or not is_read else "empty"
        return f"{word}: {waiting} waiting, {total} in all, {counted}, read: {is_read}"

    @contextmanager
    def changed_policy(self, name: str, changes: dict[str, Any], vhost: str = FLEET_VHOST) -> Iterator[None]:
        """A policy of the broker with some values changed while the context lasts."""
        with self.instance.rabbitmq.management() as client:
            path = f"/api/policies/{vhost}/{name}"
            policy = client.get(path).json()
            client.put(path, json=policy | {"definition": policy["definition"] | changes}).raise_for_status()
            try:
                yield
            finally:
                client.put(path, json=policy).raise_for_status()

    @contextmanager
    def without_bindings(self, exchanges: Iterable[str]) -> Iterator[None]:
        """Remove the bindings of some stations' exchanges while the context lasts."""
        paths = [f"/api/bindings/fleet/e/{exchange}/e/{INBOUND}" for exchange in exchanges]
        with self.instance.rabbitmq.management() as client:
            for path in paths:
                client.delete(f"{path}/~").raise_for_status()
            try:
                yield
            finally:
                for path in paths:
                    client.post(path, json={"routing_key": ""}).raise_for_status()

    def control(self, *words: str) -> str:
        """Run `rabbitmqctl` for the rig's node, the first if there are several."""
        program = self.stack.broker.programs()[-1]
        tool = Path(program.command[0]).with_name("rabbitmqctl")
        done = subprocess.run(
            [str(tool), "-n", program.environment["RABBITMQ_NODENAME"], *words],
            env=dict(program.environment),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def versions(self) -> dict[str, str]:
        """Versions of what ran here."""
        with self.instance.rabbitmq.management() as client:
            overview = client.get("/api/overview").json()
        database = self.query("SHOW server_version")[0][0].split()[0]
        return {"RabbitMQ": overview["rabbitmq_version"], "PostgreSQL": database}

    def _queue(self, name: str) -> dict[str, Any]:
        with self.instance.rabbitmq.management() as client:
            answer = client.get(f"/api/queues/fleet/{name}")
        return dict(answer.json()) if answer.is_success else {}
