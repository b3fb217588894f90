"""supervisord, which restarts processes that die: its configuration, starting, stopping and querying it."""

from __future__ import annotations

import configparser
import contextlib
import getpass
import os
import resource
import shlex
import shutil
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from supervisor.xmlrpc import SupervisorTransport

from operations.errors import OperationsError
from operations.leftovers import leftovers_end
from operations.paths import Paths
from operations.programs import GROUPS, INSTANCE_VARIABLE, Program

#: Maximum open files for RabbitMQ; fewer where the machine allows fewer.
WANTED_FILES = 65536


@dataclass(frozen=True)
class State:
    """supervisord's state of one program."""

    name: str
    word: str
    pid: int
    since_seconds: int
    #: Unix time of the last start and the last exit; 0 if there was none.
    started_at: int = 0
    ended_at: int = 0

    @property
    def is_running(self) -> bool:
        """Whether the program is up, and has been for at least a second."""
        return self.word == "RUNNING"


def configuration_write(*, paths: Paths, programs: Iterable[Program]) -> None:
    """Write supervisord's configuration; it contains secrets, so only its owner may read it."""
    configuration = configparser.RawConfigParser()
    configuration["unix_http_server"] = {"file": escaped(paths.socket("supervisor.sock")), "chmod": "0700"}
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    configuration["supervisord"] = {
        "logfile": escaped(paths.logs / "supervisord.log"),
        "logfile_maxbytes": "5MB",
        "logfile_backups": "1",
        "pidfile": escaped(paths.run / "supervisord.pid"),
        "nodaemon": "true",
        "silent": "true",
        "minfds": str(WANTED_FILES if files == resource.RLIM_INFINITY else min(files, WANTED_FILES)),
        "directory": escaped(paths.run),
    }
    if os.geteuid() == 0:
        configuration["supervisord"]["user"] = getpass.getuser()
    configuration["rpcinterface:supervisor"] = {
        "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
    }
    programs = list(programs)
    for program in programs:
        configuration[f"program:{program.name}"] = program_section(program, paths=paths)
    for group, priority in GROUPS.items():
        members = [program.name for program in programs if program.group == group]
        if members:
            configuration[f"group:{group}"] = {"programs": ",".join(members), "priority": str(priority)}
    _save(paths, configuration)


def _file(paths: Paths) -> Path:
    return paths.run / "supervisord.conf"


def _save(paths: Paths, configuration: configparser.RawConfigParser) -> None:
    _file(paths).touch(mode=0o600)
    with _file(paths).open("w") as stream:
        configuration.write(stream)


def program_section(program: Program, *, paths: Paths) -> dict[str, str]:
    """One program's section in supervisord's configuration."""
    section = {
        "command": escaped(shlex.join(program.command)),
        "environment": ",".join(f'{name}="{quotable(name, value)}"' for name, value in program.environment.items()),
        "directory": escaped(program.directory),
        "autostart": "false",
        "autorestart": "true",
        "startsecs": "1",
        # Retry indefinitely: full disks get cleared, and brokers come back.
        "startretries": "1000000",
        "stopsignal": program.stop_signal.name.removeprefix("SIG"),
        "stopwaitsecs": str(program.stop_seconds),
        "killasgroup": "true",
        "redirect_stderr": "true",
        # supervisord expands this value twice, unlike all others.
        "stdout_logfile": escaped(escaped(paths.logs / f"{program.name}.log")),
        "stdout_logfile_maxbytes": "10MB",
        "stdout_logfile_backups": "3",
    }
    return section | ({"user": program.user} if program.user else {})


def escaped(text: str | Path) -> str:
    """Supervisord expands `%(…)s`, so percent signs are doubled."""
    return str(text).replace("%", "%%")


def quotable(name: str, value: str) -> str:
    """A value between quotation marks."""
    # Even in quotes, the parser takes these as the end of the value or the start of a comment.
    if any(mark in value for mark in ('"', "\n", " ;", " #")):
        raise OperationsError(
            f"The setting {name} has a quotation mark, a line break, or a space before ; or #: "
            "the supervisor cannot pass it on; choose another value."
        )
    return escaped(value)


class Supervisor:
    """The running supervisord of one instance, queried over its unix socket."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths

    @property
    def _api(self) -> xmlrpc.client.ServerProxy:
        socket = self._paths.socket("supervisor.sock")
        transport = SupervisorTransport(None, None, serverurl=f"unix://{socket}")
        return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)

    def is_running(self) -> bool:
        """Whether supervisord is running, even if it is just shutting everything down."""
        try:
            self._api.supervisor.getState()
        except xmlrpc.client.Fault:
            return True
        except (OSError, xmlrpc.client.Error):
            return False
        return True

    def launch(self, *, tied_to_us: bool) -> subprocess.Popen[bytes]:
        """Start supervisord in its own session; tied, it stops everything if this process dies unexpectedly."""
        for log in self._paths.logs.glob("*.log*"):
            log.chmod(0o600)
        command = [sys.executable, "-m", "supervisor.supervisord"]
        command += ["-c", str(_file(self._paths))]
        setpriv = shutil.which("setpriv")
        if tied_to_us and setpriv:
            command = [setpriv, "--pdeathsig", "TERM", *command]
        process = subprocess.Popen(
            command,
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "HOME": os.environ.get("HOME", "/"),
                INSTANCE_VARIABLE: str(self._paths.var),
            },
            cwd=self._paths.run,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            # supervisord's own umask setting only applies in the background. Logs contain addresses and names.
            umask=0o077,
        )
        deadline = time.monotonic() + 15
        while not self.is_running():
            if process.poll() is not None or time.monotonic() > deadline:
                raise OperationsError(
                    f"The supervisor did not start: the reason is at the end of {self._paths.logs / 'supervisord.log'}."
                )
            time.sleep(0.05)
        return process

    def start(self, programs: Iterable[Program]) -> None:
        """Request that programs be started, without waiting; running ones are left alone."""
        for program in programs:
            try:
                self._api.supervisor.startProcess(f"{program.group}:{program.name}", False)
            except xmlrpc.client.Fault as fault:
                if "ALREADY_STARTED" not in fault.faultString:
                    raise OperationsError(
                        f"{program.name} could not be started ({fault.faultString}): "
                        f"see {self._paths.logs / f'{program.name}.log'}."
                    ) from fault

    def add(self, program: Program, *, priority: int) -> None:
        """Add a program to the running ones, as the only one in its group."""
        configuration = self._configuration()
        configuration[f"program:{program.name}"] = program_section(program, paths=self._paths)
        configuration[f"group:{program.group}"] = {"programs": program.name, "priority": str(priority)}
        _save(self._paths, configuration)
        try:
            self._api.supervisor.reloadConfig()
            self._api.supervisor.addProcessGroup(program.group)
        except (OSError, xmlrpc.client.Error) as error:
            raise OperationsError(f"{program.name} could not be started ({error}).") from error
        self.start([program])

    def drop(self, name: str) -> None:
        """Stop a program, and remove it if `add` had added it. Does nothing if there is no such program."""
        answer = cast("list[dict[str, Any]]", self._api.supervisor.getAllProcessInfo())
        for group in [info["group"] for info in answer if info["name"] == name]:
            with contextlib.suppress(xmlrpc.client.Fault):
                self._api.supervisor.stopProcess(f"{group}:{name}", True)
            if group in GROUPS:
                continue
            configuration = self._configuration()
            configuration.remove_section(f"program:{name}")
            configuration.remove_section(f"group:{group}")
            _save(self._paths, configuration)
            self._api.supervisor.reloadConfig()
            self._api.supervisor.removeProcessGroup(group)

    def _configuration(self) -> configparser.RawConfigParser:
        configuration = configparser.RawConfigParser()
        configuration.read(_file(self._paths))
        return configuration

    def restart(self, name: str) -> None:
        """Stop one program, by force if necessary, and start it again."""
        try:
            self._api.supervisor.stopProcess(f"roost:{name}", True)
            self._api.supervisor.startProcess(f"roost:{name}", False)
        except (OSError, xmlrpc.client.Error) as error:
            raise OperationsError(f"{name} could not be restarted ({error}).") from error

    def states(self) -> dict[str, State]:
        """Every program's state by name; empty if supervisord is not running."""
        try:
            answer = cast("list[dict[str, Any]]", self._api.supervisor.getAllProcessInfo())
        except (OSError, xmlrpc.client.Error):
            return {}
        return {
            info["name"]: State(
                name=info["name"],
                word=info["statename"],
                pid=info["pid"],
                since_seconds=info["now"] - info["start"],
                started_at=info["start"],
                ended_at=info["stop"],
            )
            for info in answer
        }

    def end(self, *, seconds: float = 14) -> int:
        """Stop everything in order; return how many processes then had to be killed."""
        try:
            self._api.supervisor.shutdown()
        except (OSError, xmlrpc.client.Error):
            pass
        else:
            deadline = time.monotonic() + seconds
            while self.is_running() and time.monotonic() < deadline:
                time.sleep(0.1)
        return leftovers_end(paths=self._paths, seconds=3)
