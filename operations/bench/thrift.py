"""A station's monthly data use on its link, by profile: real agents over TLS, with intervals shortened to seconds.

Two parts are measured and added:

1. Work: the agent runs with its profile's reporting interval and batch age divided by one factor, and its data files
   grow faster by that factor, so each report, batch and visit carries what it carries in the field.
2. Heartbeats of a link that stays connected: counted on an idle agent with a short heartbeat, then multiplied by
   the profile's number of heartbeats. Those made unnecessary by work are not subtracted.

Bytes are counted by the agent: payload plus one header per segment, as reported by the kernel. Loopback does not split
segments, so for a body over 1,400 bytes a few headers of 52 bytes are missing from the count.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from operations.instance import Instance
from operations.paths import REPOSITORY
from operations.running import health
from station_agent.config import config_load, config_write
from station_agent.profiles import PROFILES, Profile
from station_agent.status import status_read

MONTH = 30 * 86_400.0
#: Shortened reporting interval, in seconds.
INTERVAL = 20
#: Number of reports counted after the first.
REPORTS = 3
#: For the idle agent: seconds between heartbeats, and seconds for which they are counted.
HEARTBEAT, IDLE = 10, 65.0
#: Seconds after which a new agent has sent everything and its state file shows it.
SETTLED = 35.0
#: Records that a station makes in an hour: two antennas at a quiet site, occasionally a tagged bird nearby.
PULSES, BURSTS, BURST_PULSES, TAGS, FIXES, CLOCKS = 800, 10, 4, 20, 12, 6
_BEGAN = 1_760_000_400


def thrift_bench(instance: Instance) -> list[dict[str, Any]]:
    """One run for each profile."""
    health.domain_load(instance)
    from operations.running.demo import fleet_write  # noqa: PLC0415 - models exist only once Django is loaded

    fleet = instance.paths.run / "thrift-fleet.json"
    fleet_write(fleet, stations=len(PROFILES) + 1)
    stations = json.loads(fleet.read_text())
    run = instance.paths.run
    with ThreadPoolExecutor(len(stations)) as pool:
        idle = pool.submit(_heartbeat_bytes, run, stations.pop())
        jobs = [
            pool.submit(_work_bytes, run, station, name, profile)
            for station, (name, profile) in zip(stations, PROFILES.items(), strict=True)
        ]
        return [
            _month(name, PROFILES[name], job.result(), idle.result()) for name, job in zip(PROFILES, jobs, strict=True)
        ]


def _work_bytes(run: Path, station: dict[str, Any], name: str, profile: Profile) -> tuple[int, int]:
    """Bytes sent and received over `REPORTS` reporting intervals."""
    factor = profile.reporting_interval / INTERVAL
    folder = _folder(run, station, name)
    settings = {
        "profile": name,
        "reporting_interval": INTERVAL,
        "sources": {"sensorgnome": {"directory": str(folder / "SGdata"), "batch_age": profile.batch_age / factor}},
    }
    recorder = Recorder(folder / "SGdata", factor)
    with _agent(folder, station, settings):
        before = _after_report(folder, recorder)
        for _ in range(REPORTS):
            after = _after_report(folder, recorder)
    return after[0] - before[0], after[1] - before[1]


def _month(name: str, profile: Profile, measured: tuple[int, int], heartbeat: tuple[float, float]) -> dict[str, Any]:
    share = MONTH / (REPORTS * profile.reporting_interval)
    work = [each * share / 1e6 for each in measured]
    beats = [each * MONTH / profile.heartbeat / 1e6 if profile.stays else 0.0 for each in heartbeat]
    return {
        "profile": name,
        "mb_per_month": round(sum(work) + sum(beats), 2),
        "work_sent_mb": round(work[0], 2),
        "work_received_mb": round(work[1], 2),
        "heartbeats_mb": round(sum(beats), 2),
        "reporting_interval_s": profile.reporting_interval,
        "bytes_per_report": round(sum(measured) / REPORTS),
        "pulses_per_hour": PULSES + BURSTS * BURST_PULSES,
        "tags_per_hour": TAGS,
    }


def _heartbeat_bytes(run: Path, station: dict[str, Any]) -> tuple[float, float]:
    """Bytes sent and received by an idle agent in one heartbeat interval, both connections together."""
    folder = _folder(run, station, "idle")
    with _agent(
        folder, station, {"profile": "normal", "reporting_interval": 604_800, "link": {"heartbeat": HEARTBEAT}}
    ):
        # By then the hello and the first report are done; the state file is written every 15 seconds and says when.
        time.sleep(SETTLED)
        state = _status(folder)
        before, began = _link_bytes(state), state["written_at"]
        time.sleep(IDLE)
        state = _status(folder)
        after, ended = _link_bytes(state), state["written_at"]
    beats = (ended - began) / HEARTBEAT
    return (after[0] - before[0]) / beats, (after[1] - before[1]) / beats


class Recorder:
    """Writes a Sensorgnome's data files, `factor` times faster than real time."""

    def __init__(self, folder: Path, factor: float) -> None:
        self._folder, self._factor = folder, factor
        self._began = time.monotonic()
        self._random = random.Random(1)
        self._hour = -1
        self._lines: list[tuple[float, str]] = []

    def write(self) -> None:
        """Write everything the station has heard up to now."""
        now = (time.monotonic() - self._began) * self._factor
        while self._hour < int(now // 3_600):
            self._flush(self._hour * 3_600 + 3_600)
            self._hour += 1
            self._lines = list(reversed(_hour_make(self._random, _BEGAN + self._hour * 3_600)))
        self._flush(now)

    def _flush(self, until: float) -> None:
        due = []
        while self._lines and self._lines[-1][0] < _BEGAN + until:
            due.append(self._lines.pop()[1])
        if due:
            moment = datetime.fromtimestamp(_BEGAN + self._hour * 3_600, UTC)
            day = self._folder / moment.strftime("%Y-%m-%d")
            day.mkdir(parents=True, exist_ok=True)
            name = f"sgv2-7F5ERPI46977-003-{moment.strftime('%Y-%m-%dT%H-%M-%S')}.0000Z-all.txt"
            with (day / name).open("a", encoding="ascii") as file:
                file.write("".join(due))


def _hour_make(chance: random.Random, began: float) -> list[tuple[float, str]]:
    """One hour's lines in the order of their times."""
    lines = [_pulse(chance, began + 3_600 * chance.random()) for _ in range(PULSES)]
    for _ in range(BURSTS):
        at, freq = began + 3_590 * chance.random(), chance.uniform(2, 6)
        lines += [_pulse(chance, at + 0.02 * n, freq) for n in range(BURST_PULSES)]
    for at in sorted(began + 3_600 * chance.random() for _ in range(TAGS)):
        lines.append((at, f"T3,{at:.3f},78664c{chance.randrange(3):02x}04,{chance.randint(-95, -60)}\n"))
    for n in range(FIXES):
        at = began + n * 300
        lat, lon = 44.26738 + chance.gauss(0, 2e-5), -64.25947 + chance.gauss(0, 2e-5)
        lines.append((at, f"G,{at:.0f},{lat:.9f},{lon:.5f},{chance.gauss(22, 3):.1f}\n"))
    lines += [(began + n * 600, f"C,{began + n * 600:.3f},6,{chance.random() * 1e-6:.1e}\n") for n in range(CLOCKS)]
    return sorted(lines)


def _pulse(chance: random.Random, at: float, freq: float | None = None) -> tuple[float, str]:
    values = f"{freq or chance.uniform(0, 12):.3f},{chance.gauss(-45, 6):.2f},{chance.gauss(-58, 2):.2f}"
    return at, f"p{chance.randint(1, 2) if freq is None else 1},{at:.4f},{values}\n"


def _folder(run: Path, station: dict[str, Any], name: str) -> Path:
    folder = run / f"thrift-{name}-{station['serial']}"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "SGdata").mkdir(parents=True)
    return folder


@contextlib.contextmanager
def _agent(folder: Path, station: dict[str, Any], settings: dict[str, Any]) -> Iterator[None]:
    """The agent in a separate process."""
    config = folder / "config.toml"
    sources = {"sensorgnome": {"directory": str(folder / "SGdata")}}
    table = {"serial": station["serial"], "state_dir": str(folder / "state"), "sources": sources, **settings}
    config_write(config, {**table, "amqp": {key: value for key, value in station["amqp"].items() if value is not None}})
    environment = {key: value for key, value in os.environ.items() if not key.startswith("STATION_AGENT_")}
    with (folder / "agent.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "station_agent", "run", "--config", str(config)],
            cwd=REPOSITORY,
            env=environment,
            stderr=log,
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


def _status(folder: Path) -> dict[str, Any]:
    answer = status_read(config_load(folder / "config.toml", {}))["agent"]
    return msgspec.convert(answer, dict[str, Any]) if answer else {}


def _link_bytes(state: dict[str, Any]) -> tuple[int, int]:
    links = [state[name] for name in ("publishing", "commands")]
    return sum(link["link_sent"] for link in links), sum(link["link_received"] for link in links)


def _after_report(folder: Path, recorder: Recorder) -> tuple[int, int]:
    """Let the station record until it has sent its next report; return the bytes sent and received so far."""
    deadline = time.monotonic() + 3 * INTERVAL
    before = _status(folder).get("next_report_at")
    while (known := _status(folder).get("next_report_at")) == before or known is None or before is None:
        before = before or known
        if time.monotonic() > deadline:
            raise RuntimeError(f"The agent made no report; its log is {folder / 'agent.log'}.")
        recorder.write()
        time.sleep(0.25)
    # A visit ends after a few seconds, and the state file follows within two.
    settled = time.monotonic() + INTERVAL * 0.6
    while time.monotonic() < settled:
        recorder.write()
        time.sleep(0.25)
    return _link_bytes(_status(folder))
