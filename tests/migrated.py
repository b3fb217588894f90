"""One migrated database for all processes of a run: the first that needs it makes it, and each copies it."""

import fcntl
from pathlib import Path

from operations.instance import Instance
from operations.paths import Paths
from operations.preparation import django_run
from operations.services.postgres import DATABASE


def migrated_database(var: Path) -> str:
    """Migrate the database of the run's shared services unless that is done; return its name. Nothing else uses it."""
    instance = Instance.load(Paths(var.resolve()))
    done = instance.paths.run / "migrated"
    with (instance.paths.run / "migrated.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            django_run(instance, "migrate", "--no-input", "--skip-checks", "-v0")
            done.touch()
    return DATABASE
