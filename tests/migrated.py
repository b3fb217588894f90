"""One migrated database for all processes of a run: the first that needs it makes it, and each copies it."""

import fcntl
import os
import subprocess
from pathlib import Path

from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from operations.instance import Instance
from operations.paths import Paths
from operations.preparation import django_run
from operations.services.postgres import DATABASE, SUPERUSER
from operations.testing.trial import VARIABLE


def migrated_database(var: Path) -> str:
    """Migrate the database of the run's shared services unless that is done; return its name. Nothing else uses it."""
    instance = Instance.load(Paths(var.resolve()))
    done = instance.paths.run / "migrated.sql"
    with (instance.paths.run / "migrated.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            django_run(instance, "migrate", "--no-input", "--skip-checks", "-v0")
            written = done.with_suffix(".part")
            _postgres_run(instance, "pg_dump", "--no-sync", "--file", str(written), DATABASE)
            written.rename(done)
    return DATABASE


def database_fill(instance: Instance) -> None:
    """Give private services the tables of this run's migrated database: that takes a tenth of migrating once more."""
    if VARIABLE not in os.environ:
        django_run(instance, "migrate", "--no-input", "--skip-checks", "-v0")
        return
    shared = Path(os.environ[VARIABLE]).resolve()
    migrated_database(shared)
    tables = Paths(shared).run / "migrated.sql"
    _postgres_run(instance, "psql", "-q", "-v", "ON_ERROR_STOP=1", "-o", os.devnull, "-f", str(tables), DATABASE)


def migrations_apply() -> None:
    """Apply what this process's database lacks. In one that went back, other migrations are the newest than before."""
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def _postgres_run(instance: Instance, program: str, *words: str) -> None:
    """Run one of PostgreSQL's own programs as the superuser of an instance."""
    done = subprocess.run(
        [instance.postgres.binaries / program, *words],
        env={
            "PGHOST": instance.postgres.host,
            "PGPORT": str(instance.ports["postgres"]),
            "PGUSER": SUPERUSER,
            "PGPASSWORD": instance.secrets["postgres_superuser"],
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
