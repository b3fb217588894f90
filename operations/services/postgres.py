"""A private PostgreSQL: its cluster, its roles, and its health check."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import psutil
import psycopg
from psycopg import sql

from operations.errors import OperationsError
from operations.paths import LONGEST_SOCKET_PATH, Paths
from operations.programs import INSTANCE_VARIABLE, Program

BINARY_PATTERNS = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "opt/homebrew/opt/postgresql@*/bin")

#: PostgreSQL refuses to run as root. If Roost is started by root, it runs as the user that its package created.
SYSTEM_USER = "postgres"

#: Location of the data if the var directory is somewhere SYSTEM_USER may not enter.
ELSEWHERE = Path("/var/lib/roost")

SUPERUSER = "roost_admin"
OWNER = "roost"
DATABASE = "roost"

Login = Literal["site", "worker"]

#: Every login acts as OWNER, so tables have one owner; they differ in how long their statements may run.
STATEMENT_TIMEOUT_MS: dict[Login, int] = {"site": 15_000, "worker": 120_000}
LOGIN_SETTINGS = {"role": OWNER, "lock_timeout": "5s", "idle_in_transaction_session_timeout": "30s"}

CONFIGURATION = """\
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{sockets}'
password_encryption = 'scram-sha-256'
max_connections = 120
shared_buffers = '256MB'
max_wal_size = '2GB'
wal_compression = on
checkpoint_timeout = '15min'
fsync = on
full_page_writes = on
synchronous_commit = on
log_destination = 'stderr'
logging_collector = off
log_line_prefix = '%m [%p] %u@%d '
log_lock_waits = on
# A statement has its values in it, and among them links that open something.
log_min_error_statement = panic
log_parameter_max_length_on_error = 0
timezone = 'UTC'
"""
ACCESS = """\
local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
"""


def binaries_find(version: str | None = None) -> Path | None:
    """The folder with initdb and postgres: of that major version, else the newest."""
    folders = [folder for pattern in BINARY_PATTERNS for folder in Path("/").glob(pattern)]
    on_path = shutil.which("initdb")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    found = {
        number.group(): folder
        for folder in folders
        if (folder / "initdb").exists() and (number := re.search(r"\d+", str(folder.parent.name)))
    }
    if version is not None:
        return found.get(version)
    return found[max(found, key=int)] if found else None


def path_is_open_to(path: Path, user: str) -> bool:
    """Whether a user may reach a path."""
    entry = pwd.getpwnam(user)
    groups = set(os.getgrouplist(user, entry.pw_gid))
    for folder in (path, *path.parents):
        if not folder.exists():
            continue
        status = folder.stat()
        if status.st_uid == entry.pw_uid:
            needed = stat.S_IXUSR
        else:
            needed = stat.S_IXGRP if status.st_gid in groups else stat.S_IXOTH
        if not status.st_mode & needed:
            return False
    return True


@dataclass(frozen=True)
class Postgres:
    """One cluster with checksums, accessed by password over the loopback."""

    paths: Paths
    ports: Mapping[str, int]
    secrets: Mapping[str, str] = field(repr=False)
    host: str = "127.0.0.1"

    name = "postgres"

    @property
    def user(self) -> str | None:
        """The system user to run as, if not the current one."""
        return SYSTEM_USER if os.geteuid() == 0 else None

    @property
    def home(self) -> Path:
        """The folder of the cluster and its socket."""
        if self.user and not path_is_open_to(self.paths.var, self.user):
            return ELSEWHERE / self.paths.instance
        return self.paths.var / "postgres"

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.home / "data"

    @property
    def binaries(self) -> Path:
        """The folder of the programs that match the existing data."""
        version_file = self.data / "PG_VERSION"
        version = version_file.read_text().strip() if version_file.exists() else None
        folder = binaries_find(version)
        if folder is None and version is not None:
            raise OperationsError(
                f"The data in {self.data} need PostgreSQL {version}, which is not on this machine: "
                f"install postgresql-{version}, or dump them there and move the folder away."
            )
        if folder is None:
            raise OperationsError(
                "PostgreSQL is not installed on this machine: run `./roost up`, which installs it, "
                "or install the package postgresql."
            )
        return folder

    def url(self, login: Login, database: str = DATABASE) -> str:
        """A login's URL, in the form used by the settings."""
        password = self.secrets[f"postgres_{login}"]
        return f"postgres://roost_{login}:{password}@{self.host}:{self.ports['postgres']}/{database}"

    @property
    def superuser_url(self) -> str:
        """The superuser's URL, for the few commands that make logins."""
        return (
            f"postgres://{SUPERUSER}:{self.secrets['postgres_superuser']}@{self.host}:{self.ports['postgres']}/postgres"
        )

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """Connect as the superuser of the cluster."""
        return psycopg.connect(
            host=self.host,
            port=self.ports["postgres"],
            user=SUPERUSER,
            password=self.secrets["postgres_superuser"],
            dbname=database,
            connect_timeout=4,
            autocommit=True,
        )

    def prepare(self) -> None:
        """Create the cluster if there is none, write its configuration, and clear leftovers of a crash."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.user:
            if self.home.parent == ELSEWHERE:
                ELSEWHERE.chmod(0o755)
                (self.paths.var / "postgres.is-in").write_text(f"{self.home}\n")
            shutil.chown(self.home, self.user, self.user)
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        longest = self.home / ".s.PGSQL.00000"
        sockets = str(self.home) if len(str(longest)) <= LONGEST_SOCKET_PATH else ""
        self._write("postgresql.conf", CONFIGURATION.format(port=self.ports["postgres"], sockets=sockets))
        self._write("pg_hba.conf", ACCESS)
        self._drop_stale_lock()

    def _write(self, name: str, content: str) -> None:
        path = self.data / name
        path.write_text(content)
        if self.user:
            shutil.chown(path, self.user, self.user)

    def _initialise(self) -> None:
        # If a start was killed during initdb, the folder it left behind would make initdb refuse.
        shutil.rmtree(self.data, ignore_errors=True)
        password = self.home / "superuser"
        password.touch(mode=0o600)
        password.write_text(self.secrets["postgres_superuser"] + "\n")
        if self.user:
            shutil.chown(password, self.user, self.user)
        command = [
            str(self.binaries / "initdb"),
            f"--pgdata={self.data}",
            f"--username={SUPERUSER}",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--data-checksums",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        ]
        made = subprocess.run(
            command,
            text=True,
            capture_output=True,
            cwd=self.home,
            user=self.user,
            group=self.user,
            extra_groups=[] if self.user else None,
            env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"},
            check=False,
        )
        password.unlink()
        if made.returncode != 0:
            shutil.rmtree(self.data, ignore_errors=True)
            reason = (made.stderr.strip() or made.stdout.strip()).splitlines()[-1:]
            raise OperationsError(f"PostgreSQL could not create its data folder {self.data}: {' '.join(reason)}")

    def _drop_stale_lock(self) -> None:
        """Remove a stale lock file: after a crash it may name a process id that has been reused."""
        lock = self.data / "postmaster.pid"
        try:
            number = int(lock.read_text().splitlines()[0])
            holder = psutil.Process(number)
            if holder.name().startswith("postgres") and Path(holder.cwd()) == self.data:
                return
        except FileNotFoundError:
            return
        except (ValueError, IndexError, psutil.Error):
            pass
        lock.unlink(missing_ok=True)

    def programs(self) -> list[Program]:
        """The server."""
        return [
            Program(
                name=self.name,
                command=(str(self.binaries / "postgres"), "-D", str(self.data)),
                environment={
                    INSTANCE_VARIABLE: str(self.paths.var),
                    "PATH": os.environ.get("PATH", os.defpath),
                    "LANG": "C.UTF-8",
                },
                directory=self.home,
                group="services",
                user=self.user,
                # "Fast": closes the sessions, writes a checkpoint. SIGTERM would wait for the sessions.
                stop_signal=signal.SIGINT,
                stop_seconds=8,
            )
        ]

    def roles_apply(self) -> None:
        """Create or correct the roles and the database; harmless if they are right."""
        with self.connect() as connection:
            names = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
            if OWNER not in names:
                connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN CREATEDB").format(sql.Identifier(OWNER)))
            for login, most in STATEMENT_TIMEOUT_MS.items():
                role = f"roost_{login}"
                verb = "ALTER" if role in names else "CREATE"
                connection.execute(
                    sql.SQL(verb + " ROLE {} LOGIN PASSWORD {}").format(
                        sql.Identifier(role), sql.Literal(self.secrets[f"postgres_{login}"])
                    )
                )
                connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(OWNER), sql.Identifier(role)))
                for setting, value in (LOGIN_SETTINGS | {"statement_timeout": str(most)}).items():
                    connection.execute(
                        sql.SQL("ALTER ROLE {} SET {} = {}").format(
                            sql.Identifier(role), sql.Identifier(setting), sql.Literal(value)
                        )
                    )
            # Keep analysts out of the databases that came with the server.
            for database in ("postgres", "template1"):
                name = sql.Identifier(database)
                connection.execute(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(name))
                connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, sql.Identifier(OWNER)))
            exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
            if exists is None:
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER))
                )

    def check(self) -> str | None:
        """None if it answers a query, else the problem."""
        try:
            with self.connect() as connection:
                connection.execute("SELECT 1")
        except psycopg.Error as error:
            return f"does not answer on port {self.ports['postgres']} ({type(error).__name__})"
        return None
