"""Commands inside the image: `python -m operations.container files|init|run NAME|manage …|station …`."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from operations import preparation
from operations.certificates import certificates_ensure, hosts_from_environment
from operations.errors import OperationsError, WrongUse
from operations.instance import SIGNS_VARIABLE, Instance
from operations.paths import REPOSITORY
from operations.running.process_table import process_programs
from operations.secret_files import secrets_read
from operations.settings_env import process_environment
from operations.stack import wait_until

#: User of Roost's processes in the image, and the one used by the official images of all three services.
OUR_USER, THEIR_USER = 10001, 999

#: Folders where `files` puts what each container may read. Each is a volume of its own, so that no container sees
#: another's secrets.
SHARES = Path("/shares")


def files_write() -> None:
    """Write secrets, certificates and the services' configuration, each owned by its reader. Runs as root.

    1. files for Roost's own processes, in the var directory
    2. files for the broker, the database and the cache, in one share each
    """
    instance = Instance.load()
    paths = instance.paths
    for folder in (paths.secrets, paths.tls, paths.run, paths.mail, paths.files):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    secrets_read(folder=paths.secrets)
    certificates_ensure(folder=paths.tls, hosts=hosts_from_environment())
    for folder in (paths.var, paths.run, paths.mail, paths.files):
        os.chown(folder, OUR_USER, OUR_USER)
    owned_by(paths.secrets, OUR_USER)
    owned_by(paths.tls, OUR_USER)

    broker = SHARES / "rabbitmq"
    tls = broker / "tls"
    tls.mkdir(parents=True, exist_ok=True)
    for name in ("ca.pem", "server.pem", "server.key"):
        shutil.copyfile(paths.tls / name, tls / name)
    instance.rabbitmq.files_write(broker, tls=tls)
    owned_by(broker, THEIR_USER)

    secret_share(SHARES / "postgres" / "superuser", instance.secrets["postgres_superuser"])
    cache = SHARES / "redis"
    cache.mkdir(parents=True, exist_ok=True)
    (cache / "redis.conf").write_text(instance.redis.configuration(home=Path("/data")))
    owned_by(cache, THEIR_USER)


def secret_share(path: Path, secret: str) -> None:
    """Write one secret to a file for a service."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(secret + "\n")
    owned_by(path.parent, THEIR_USER)


def owned_by(folder: Path, user: int) -> None:
    """Give a folder with all its contents to one user, and to nobody else."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user, user)
        path.chmod(0o700 if path.is_dir() else 0o600)


def database_init() -> None:
    """Create roles, tables and the first administrator; to be run once before the other containers start."""
    instance = Instance.load()
    wait_until(instance.postgres.check, seconds=60, what="PostgreSQL", log=Path("of the container postgres"))
    instance.postgres.roles_apply()
    preparation.database_migrate(instance)


def process_run(name: str) -> None:
    """Replace this process with one from the process table."""
    programs = {program.name: program for program in process_programs(Instance.load())}
    if name not in programs:
        raise WrongUse(f"There is no process {name!r}: choose one of {', '.join(programs)}.")
    program = programs[name]
    Path(os.environ[SIGNS_VARIABLE]).mkdir(exist_ok=True)
    os.chdir(REPOSITORY)
    os.execve(program.command[0], program.command, dict(program.environment))  # noqa: S606 - a list, no shell


def manage(arguments: list[str]) -> None:
    """Run Django's own commands."""
    os.chdir(REPOSITORY)
    command = [sys.executable, "manage.py", *arguments]
    environment = process_environment(Instance.load(), extra={"ROOST_STATEMENT_TIMEOUT_MS": "0"})
    os.execve(command[0], command, environment)  # noqa: S606 - a list, no shell


def main(arguments: list[str]) -> int:
    """Run the given word."""
    plain: dict[str, Callable[[], None]] = {"files": files_write, "init": database_init}
    named: dict[str, Callable[[str], None]] = {"run": process_run}
    try:
        match arguments:
            case ["manage", *rest]:
                manage(rest)
            case [("station" | "organization" | "user" | "key" | "card" | "export"), *_]:
                manage(arguments)
            case [word] if word in plain:
                plain[word]()
            case [word, name] if word in named:
                named[word](name)
            case _:
                raise WrongUse(
                    "Say files, init, run NAME, manage COMMAND, or station, organization, user, key, card or export with its arguments."
                )
    except OperationsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
