"""A whole fleet at one message per second each: first with a TLS connection for every station, then over gateways.

The second part is repeated at twice the rate, to see what fails first.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from typing import Any

import msgspec

from operations.bench.load.gateway import Plan
from operations.bench.load.traffic import depth_await, depth_of, stations_make
from operations.bench.processes import commit_times_on, cpu_seconds, processes_run, waits_of
from operations.instance import Instance
from operations.paths import REPOSITORY
from operations.running import health
from operations.settings_env import process_environment
from operations.stack import Stack

#: A queue counts as growing only if it holds more than this many seconds of messages: a batch or two is normal.
STEADY_S = 2.0
#: Seconds at the beginning that are left out of the latencies: every station's series and streams are created then.
WARMING_S = 10.0


def fleet_bench(
    stack: Stack, instance: Instance, *, stations: int, seconds: float, gateway_stations: int, gateway_seconds: float
) -> list[dict[str, Any]]:
    """Three runs: with separate connections, over gateways, and over gateways at twice the rate."""
    commit_times_on(stack, instance)
    health.domain_load(instance)
    from operations.running.demo import fleet_write  # noqa: PLC0415 - models exist only once Django is loaded

    file = instance.paths.run / "bench-fleet.json"
    fleet_write(file, stations=stations)
    serials = [f"SG-GATE{number:05d}" for number in range(gateway_stations)]
    stations_make(instance, serials)
    runs = []
    with processes_run(instance, ("ingest",)) as running:
        everybody = {**running, "rabbitmq": stack.rabbitmq.pid, "postgres": stack.postgres.pid}
        own = [sys.executable, "-m", "station_agent.simulator", f"--stations={file}", "--rate=1"]
        runs.append(
            {
                "run": "a TLS connection for each station",
                "stations": stations,
                "rate": stations,
                **_run_watched(instance, everybody, [*own, f"--seconds={seconds}"], "bench/r0", stations),
            }
        )
        for factor in (1, 2):
            rate = gateway_stations * factor
            plan = Plan(serials, f"gw-{factor}-{time.time_ns()}", f"gw{factor}", int(rate * gateway_seconds), rate)
            command = [sys.executable, "-m", "operations.bench.load.gateway", msgspec.json.encode(plan).decode()]
            runs.append(
                {
                    "run": "over gateway connections" + (", twice the rate" if factor == 2 else ""),
                    "stations": gateway_stations,
                    "rate": rate,
                    **_run_watched(instance, everybody, command, f"gw{factor}/r0", rate),
                }
            )
    return runs


def _run_watched(
    instance: Instance, everybody: dict[str, int], command: list[str], series: str, rate: float
) -> dict[str, Any]:
    """Run the publisher, recording the queues' depths, the latencies and the processor time."""
    depths: list[int] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(1.0):
            depths.append(depth_of(instance))

    watcher = threading.Thread(target=watch, daemon=True)
    before, began, since = cpu_seconds(everybody), time.monotonic(), time.time()
    watcher.start()
    done = subprocess.run(
        command, cwd=REPOSITORY, env=process_environment(instance), stdout=subprocess.PIPE, text=True, check=True
    )
    spent = time.monotonic() - began
    after = cpu_seconds(everybody)
    over.set()
    watcher.join()
    depth_await(instance, 0, seconds=300.0)
    summary = json.loads(done.stdout)
    return {
        "published_per_s": round(summary["messages"] / max(float(summary["seconds"]), 0.001), 1),
        "depth_most": max(depths, default=0),
        "depth_last": depths[-1] if depths else 0,
        "is_steady": (depths[-1] if depths else 0) <= STEADY_S * rate,
        **waits_of(instance, series, since + min(WARMING_S, spent / 4)),
        "cpu_percent": {name: round(100 * (after[name] - before[name]) / spent, 1) for name in everybody},
        "depths": depths,
    }
