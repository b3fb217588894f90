"""The site and the live process as people run them: uvicorn on free ports, on the test's database."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
from django.conf import settings
from django.db import connection
from waiting import PATIENCE_S

from operations.running.process_table import UVICORN

ROOT = Path(__file__).resolve().parents[1]
#: Seconds that a server waits for its open connections when it is stopped.
GRACE_S = 60


@dataclass
class Running:
    """The two processes and their addresses."""

    site_port: int
    live_port: int
    processes: dict[str, subprocess.Popen[bytes]]
    environment: dict[str, str]
    logs: Path
    grace_s: int = GRACE_S

    @property
    def site(self) -> str:
        return f"http://127.0.0.1:{self.site_port}"

    @property
    def live(self) -> str:
        return f"http://127.0.0.1:{self.live_port}"

    def start(self, name: str) -> None:
        application = {"site": "web.asgi:application", "live": "sg_status.live.main:application"}[name]
        port = {"site": self.site_port, "live": self.live_port}[name]
        flags = [flag.format(bind="127.0.0.1") for flag in UVICORN]
        command = [
            sys.executable,
            *flags,
            application,
            "--port",
            str(port),
            f"--timeout-graceful-shutdown={self.grace_s}",
        ]
        with (self.logs / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=log, stderr=subprocess.STDOUT
            )
        health = {"site": f"{self.site}/healthz", "live": f"{self.live}/live/healthz"}[name]
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            assert self.processes[name].poll() is None, f"{name} ended at once"
            try:
                if httpx.get(health, timeout=20, trust_env=False).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"{name} was not healthy in time")

    def stop(self, name: str) -> float:
        """Stop one process as a supervisor does; return how many seconds that took."""
        process, began = self.processes.pop(name), time.monotonic()
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
            raise
        return time.monotonic() - began


@contextmanager
def running(static_root: Path, *names: str, grace_s: int = GRACE_S, **settings_more: str) -> Iterator[Running]:
    """Start these processes, with extra settings if given; stop them afterwards. `grace_s`: see `GRACE_S`."""
    site_port, live_port = _free_ports(2)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ROOST_DATABASE_URL")}
    environment |= {
        "ROOST_DATABASE_URL": database_url(),
        "ROOST_REDIS_URL": settings.ROOST_REDIS_URL,
        "ROOST_SITE_URL": f"http://127.0.0.1:{site_port}",
        "ROOST_LIVE_PORT": str(live_port),
        "ROOST_STATIC_ROOT": str(static_root),
        "DJANGO_SETTINGS_MODULE": "web.settings",
        **settings_more,
    }
    logs = static_root / "logs"
    logs.mkdir(exist_ok=True)
    made = Running(site_port, live_port, {}, environment, logs, grace_s)
    try:
        for name in names:
            made.start(name)
        yield made
    finally:
        for name in list(made.processes):
            made.stop(name)


def database_url() -> str:
    """The address of the test's database, for a process of its own."""
    database = connection.settings_dict
    return "postgres://{}:{}@{}:{}/{}".format(
        *(quote(str(database[part]), safe="") for part in ("USER", "PASSWORD", "HOST", "PORT", "NAME"))
    )


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
