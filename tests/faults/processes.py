"""Our own processes, which the rig starts, kills, and starts again as a supervisor does."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil

from operations.paths import REPOSITORY

#: Seconds between the end of a process and its next start.
RESTART_AFTER_S = 0.2


class Supervised:
    """One process that is started again whenever it ends, until `stop`."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str], logs: Path) -> None:
        self.name = name
        self.log = logs / f"{name}.log"
        self.starts = 0
        self._command, self._environment = command, environment
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping, self._begun = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._keep, name=name, daemon=True)

    @property
    def pid(self) -> int:
        """Its current process id; waits while it is restarting."""
        while (process := self._process) is None or process.poll() is not None:
            time.sleep(0.02)
        return process.pid

    def start(self) -> "Supervised":
        """Start the process, and restart it from now on; the first start is counted before this returns."""
        self._thread.start()
        self._begun.wait()
        return self

    def kill(self) -> int:
        """Kill it as the kernel does when memory is short; return its process id."""
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        return pid

    def memory(self) -> int:
        """Resident memory in bytes."""
        return int(psutil.Process(self.pid).memory_info().rss)

    def stop(self, seconds: float = 15.0) -> None:
        """Stop it permanently."""
        self._stopping.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _keep(self) -> None:
        while not self._stopping.is_set():
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    self._command,
                    env=self._environment,
                    cwd=REPOSITORY,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            self.starts += 1
            self._begun.set()
            self._process.wait()
            self._stopping.wait(RESTART_AFTER_S)


def ingest_worker(name: str, environment: dict[str, str], logs: Path, application: str) -> Supervised:
    """A real ingest worker; `application` is the Celery application that it loads."""
    words = ["-P", "solo", "-n", f"{name}@rig", "-Q", "ingest.control", "--without-gossip", "--without-mingle"]
    command = [sys.executable, "-m", "celery", "-A", application, "--skip-checks", "worker", *words]
    return Supervised(name, command, environment | {"ROOST_INGEST": "1"}, logs)
