"""The agent as its users run it: a separate process that can be stopped and killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
from waiting import PATIENCE_S

from station_agent.config import config_load, config_write
from station_agent.status import status_read

REPOSITORY = Path(__file__).parents[2]


class AgentProcess:
    """One station's agent, in a folder of its own."""

    def __init__(self, folder: Path, amqp, **fields) -> None:
        self.folder = folder
        self.data = folder / "SGdata"
        self.config = folder / "config.toml"
        self._process = None
        table = {
            "serial": amqp.exchange.removeprefix("in."),
            "state_dir": str(folder / "state"),
            "profile": "generous",
            "amqp": {key: value for key, value in msgspec.to_builtins(amqp).items() if value is not None},
            "commands": {"consent_file": str(folder / "consent.json"), "reboot": ["true"]},
            "link": {"retry_first": 0.2, "retry_most": 1.0},
            "sources": {"sensorgnome": {"directory": str(self.data)}},
        }
        config_write(self.config, table | fields)

    def start(self):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("STATION_AGENT_")}
        with (self.folder / "agent.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "station_agent", "run", "--config", str(self.config)],
                stderr=log,
                cwd=REPOSITORY,
                env=environment,
            )
        return self

    @property
    def log(self) -> str:
        return (self.folder / "agent.log").read_text()

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        if self.is_running:
            self._process.send_signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def stop(self) -> tuple[int, float]:
        """Send SIGTERM; return the exit code and how many seconds the agent took to end."""
        begin = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(PATIENCE_S)
        return code, time.monotonic() - begin

    def status(self):
        return status_read(config_load(self.config, {}))

    def command(self, *arguments):
        return subprocess.run(
            [sys.executable, "-m", "station_agent", *arguments, "--config", str(self.config)],
            capture_output=True,
            text=True,
            cwd=REPOSITORY,
            check=False,
            timeout=PATIENCE_S,
        )

    def status_until(self, wanted, *, seconds=PATIENCE_S):
        deadline = time.monotonic() + seconds
        while not wanted(status := self.status()):
            assert time.monotonic() < deadline, status
            time.sleep(0.3)
        return status
