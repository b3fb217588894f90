"""The broker is killed and comes back: the time until a thousand agents with TLS are connected again."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from typing import Any

import psutil

from operations.instance import Instance
from operations.running import health
from operations.settings_env import process_environment
from operations.stack import Stack

_ACCEPTED = re.compile(r"accepting AMQP connection")
#: Messages per second of each station, so that it sends something now and then.
RATE = 0.05


def storm_bench(stack: Stack, instance: Instance, *, stations: int) -> list[dict[str, Any]]:
    """One run: connected, broker killed, broker back, connected again."""
    health.domain_load(instance)
    from operations.running.demo import fleet_write  # noqa: PLC0415 - models exist only once Django is loaded

    file = instance.paths.run / "bench-storm.json"
    fleet_write(file, stations=stations)
    log = instance.paths.logs / "rabbitmq.log"
    agents = subprocess.Popen(
        [sys.executable, "-m", "station_agent.simulator", f"--stations={file}", f"--rate={RATE}", "--seconds=420"],
        env=process_environment(instance),
        stdout=subprocess.DEVNULL,
    )
    try:
        process = psutil.Process(agents.pid)
        first = _until_connected(instance, stations, 180.0)
        stack.rabbitmq.kill()
        time.sleep(1.0)
        seen, cpu, away = log.stat().st_size, _cpu(process), time.monotonic()
        stack.rabbitmq.start()
        back = time.monotonic()
        spinning = 100 * (_cpu(process) - cpu) / (back - away)
        again = _until_connected(instance, stations, 300.0)
        attempts = len(_ACCEPTED.findall(log.read_bytes()[seen:].decode("utf-8", "replace")))
    finally:
        agents.send_signal(signal.SIGTERM)
        agents.wait(timeout=30)
    return [
        {
            "stations": stations,
            "first_connected_s": round(first, 1),
            "broker_away_s": round(back - away, 1),
            "all_back_s": round(again, 1),
            "attempts_per_station": round(attempts / stations, 2),
            "agents_cpu_percent_while_away": round(spinning, 1),
            "agents_cpu_percent_per_station": round(spinning / stations, 3),
        }
    ]


def _until_connected(instance: Instance, stations: int, seconds: float) -> float:
    """Seconds until this many stations are connected."""
    began = time.monotonic()
    connected = 0
    with instance.rabbitmq.management() as client:
        while time.monotonic() < began + seconds:
            answer = client.get("/api/connections", params={"columns": "user,state"})
            if answer.status_code == 200:
                users = {c["user"] for c in json.loads(answer.content) if c.get("state") == "running"}
                connected = sum(1 for user in users if user.startswith("st."))
                if connected >= stations:
                    return time.monotonic() - began
            time.sleep(1.0)
    raise RuntimeError(f"{connected} of {stations} stations were connected after {seconds:.0f} s.")


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
