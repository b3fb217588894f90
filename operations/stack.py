"""RabbitMQ, PostgreSQL and Redis as plain child processes, which tests start, break and stop."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Protocol, Self

from operations.certificates import certificates_ensure
from operations.errors import OperationsError
from operations.leftovers import leftovers_end
from operations.log_ends import last_words
from operations.paths import Paths
from operations.ports import ports_settle
from operations.programs import Program
from operations.secret_files import secrets_read
from operations.services.postgres import Postgres
from operations.services.rabbitmq import RabbitMQ
from operations.services.redis import Redis

StopMode = Literal["smart", "fast", "immediate"]

#: Seconds for a server to answer. RabbitMQ usually starts in ten; a machine may be under ten times the load.
START_S: Final = 180

POSTGRES_SIGNALS: dict[StopMode, signal.Signals] = {
    "smart": signal.SIGTERM,
    "fast": signal.SIGINT,
    "immediate": signal.SIGQUIT,
}


class Service(Protocol):
    """The common interface of the three services."""

    name: str

    @property
    def paths(self) -> Paths:
        """The instance it belongs to."""

    def prepare(self) -> None:
        """Prepare what a start needs."""

    def programs(self) -> list[Program]:
        """The programs to run, in start order."""

    def check(self) -> str | None:
        """None if it works, else the problem."""


class RunningService:
    """A service that can be started, stopped and killed, as often as a test needs."""

    def __init__(self, service: Service, logs: Path) -> None:
        self._service = service
        self._logs = logs
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def pid(self) -> int:
        """The process id of the server itself."""
        return self._processes[self._service.name].pid

    def launch(self) -> None:
        """Start what is not running, without waiting for it."""
        self._service.prepare()
        for program in self._service.programs():
            running = self._processes.get(program.name)
            if running is not None and running.poll() is None:
                continue
            self._processes[program.name] = program_launch(program, logs=self._logs)

    def start(self, *, seconds: float = START_S) -> None:
        """Start what is not running and wait until it answers."""
        self.launch()
        self.wait(seconds=seconds)

    @property
    def has_ended(self) -> bool:
        """Whether the server itself exited without being told to."""
        return self._processes[self._service.name].poll() is not None

    def check(self) -> str | None:
        """None if it answers, else the problem."""
        if self.has_ended:
            return f"exited with code {self._processes[self._service.name].returncode}"
        return self._service.check()

    def wait(self, *, seconds: float = START_S) -> None:
        """Wait until it answers, or raise with the reason."""
        wait_until(self.check, seconds=seconds, what=self._service.name, log=self._logs / f"{self._service.name}.log")

    def stop(self, mode: StopMode = "fast", *, seconds: float = 15) -> None:
        """Stop it in an orderly way. `mode` is PostgreSQL's shutdown mode; the others ignore it."""
        for program in reversed(self._service.programs()):
            if program.name == "epmd" and mode != "fast":
                continue
            is_postgres = program.name == "postgres"
            how = POSTGRES_SIGNALS[mode] if is_postgres else program.stop_signal
            self._end(program.name, how, seconds=seconds)

    def kill(self) -> None:
        """Simulate a power cut: no clean shutdown. The server's children end with it."""
        self._end(self._service.name, signal.SIGKILL, seconds=10)

    def _end(self, name: str, how: signal.Signals, *, seconds: float) -> None:
        process = self._processes.pop(name, None)
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(how)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()


def program_launch(program: Program, *, logs: Path) -> subprocess.Popen[bytes]:
    """Start one program in its own session, appending its output to its log."""
    logs.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = logs / f"{program.name}.log"
    file.touch(mode=0o600)
    with file.open("ab") as log:
        return subprocess.Popen(
            program.command,
            env=dict(program.environment),
            cwd=program.directory,
            user=program.user,
            group=program.user,
            extra_groups=[] if program.user else None,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def wait_until(look: Callable[[], str | None], *, seconds: float, what: str, log: Path) -> None:
    """Check repeatedly until nothing is wrong. On a timeout, raise an error with the last problem."""
    deadline = time.monotonic() + seconds
    while (wrong := look()) is not None:
        if time.monotonic() > deadline or wrong.startswith("exited"):
            raise OperationsError(f"{what} {wrong}; its last output: {last_words(log)}. Its log is {log}.")
        time.sleep(0.2)


class Stack:
    """The three services of one var directory, without any of Roost's own processes."""

    def __init__(self, var: Path) -> None:
        self.paths = Paths(Path(var).resolve())
        self.paths.create()
        leftovers_end(paths=self.paths)
        self.ports, _ = ports_settle(paths=self.paths)
        secrets = secrets_read(folder=self.paths.secrets)
        self.broker = RabbitMQ(self.paths, self.ports, secrets)
        self.database = Postgres(self.paths, self.ports, secrets)
        self.cache = Redis(self.paths, self.ports, secrets)
        self.rabbitmq = RunningService(self.broker, self.paths.logs)
        self.postgres = RunningService(self.database, self.paths.logs)
        self.redis = RunningService(self.cache, self.paths.logs)

    def start(self) -> Self:
        """Start all three and wait until they answer; the roles and the database then exist."""
        certificates_ensure(folder=self.paths.tls, hosts=())
        for service in (self.rabbitmq, self.postgres, self.redis):
            service.launch()
        self.redis.wait()
        self.postgres.wait()
        self.database.roles_apply()
        self.rabbitmq.wait()
        return self

    def stop(self) -> None:
        """Stop all three; nothing of this instance keeps running."""
        for service in (self.rabbitmq, self.redis, self.postgres):
            with contextlib.suppress(OperationsError):
                service.stop()
        leftovers_end(paths=self.paths)

    def discard(self) -> None:
        """Stop all three and discard their data, including data stored outside the var directory."""
        self.stop()
        shutil.rmtree(self.database.home, ignore_errors=True)
        shutil.rmtree(self.paths.var, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
