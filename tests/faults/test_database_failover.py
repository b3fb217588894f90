"""The database dies permanently and its synchronous replica takes over: everything acknowledged is there."""

import os
import signal
import socket
import subprocess
import time

import psycopg
import pytest
from waiting import until

from operations.programs import INSTANCE_VARIABLE
from operations.services.postgres import DATABASE, SUPERUSER

pytestmark = [pytest.mark.faults, pytest.mark.long]


class Replica:
    """A standby of the rig's database, on the same machine."""

    def __init__(self, rig) -> None:
        self._database = rig.stack.database
        self._password = rig.instance.secrets["postgres_superuser"]
        self._log = rig.stack.paths.logs / "replica.log"
        self.data = self._database.home / "replica"
        self._who = {"user": self._database.user, "group": self._database.user} if self._database.user else {}
        self._environment = {
            "PATH": os.environ["PATH"],
            "PGPASSWORD": self._password,
            INSTANCE_VARIABLE: str(rig.stack.paths.var),
        }
        self._process = None

    def copy(self, port):
        with (self._database.data / "pg_hba.conf").open("a") as rules:
            rules.write("host replication all 127.0.0.1/32 scram-sha-256\n")
        with self._database.connect() as connection:
            connection.execute("SELECT pg_reload_conf()")
        self._run(
            "pg_basebackup",
            "-h",
            "127.0.0.1",
            "-p",
            str(port),
            "-U",
            SUPERUSER,
            "-D",
            str(self.data),
            "-R",
            "-c",
            "fast",
        )

    def start(self, port):
        command = [str(self._database.binaries / "postgres"), "-D", str(self.data), "-p", str(port)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.data,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._who,
            )
        until(lambda: self._answers(port), "the replica's answer")

    def promote(self):
        self._run("pg_ctl", "promote", "-w", "-D", str(self.data))

    def stop(self):
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)
            self._process = None

    def _answers(self, port):
        where = {"host": "127.0.0.1", "port": port, "user": SUPERUSER, "password": self._password, "dbname": DATABASE}
        try:
            psycopg.connect(**where, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, name, *words):
        command = [str(self._database.binaries / name), *words]
        done = subprocess.run(
            command,
            cwd=self._database.home,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            **self._who,
        )
        assert done.returncode == 0, done.stderr


@pytest.fixture
def replica(rig):
    made, database = Replica(rig), rig.stack.database
    yield made
    made.stop()
    rig.stack.postgres.stop()
    # The first database comes back for the next cases, and no longer waits for a replica.
    settings = database.data / "postgresql.auto.conf"
    settings.write_text("".join(line for line in settings.open() if "synchronous_standby" not in line))
    rig.stack.postgres.start()


def test_the_replica_takes_the_place_of_the_database(rig, case, replica):
    port = rig.instance.ports["postgres"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        beside = free.getsockname()[1]
    replica.copy(port)
    replica.start(beside)
    rig.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
    rig.execute("SELECT pg_reload_conf()")
    until(lambda: rig.query("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"), "a synchronous replica")
    broken = case("the database's replica takes over", number="30", hold_at=0.5)
    for _ in broken.moments_of_ingest(1, last=0.45):
        broken.publishing.release()
        begun = time.monotonic()
        rig.stack.postgres.kill()
        replica.promote()
        # The replica moves to the old address, as an operator or a proxy would arrange.
        replica.stop()
        replica.start(port)
        broken.recovers(begun)
    broken.finish(
        "PostgreSQL is killed, and its synchronous replica is promoted and gets its address. Without "
        "`synchronous_standby_names` the last commits before the kill may be missing; that is not tested here."
    )
