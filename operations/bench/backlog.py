"""A thousand stations come back after a day. Their backlog should drain without delaying fresh messages."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

import msgspec

from operations.bench.load.gateway import Plan
from operations.bench.load.traffic import stations_make
from operations.bench.processes import commit_times_on, cpu_seconds, processes_run, waits_of
from operations.instance import Instance
from operations.paths import REPOSITORY
from operations.running import health
from operations.services.postgres import DATABASE
from operations.settings_env import process_environment
from operations.stack import Stack

#: A day of messages, one every five minutes.
MESSAGES_A_DAY = 288
READINGS = 5


def backlog_bench(
    stack: Stack, instance: Instance, *, stations: int, live_stations: int, messages: int = MESSAGES_A_DAY
) -> list[dict[str, Any]]:
    """One run: seconds until the whole backlog is committed, and the latency of fresh messages during that time."""
    commit_times_on(stack, instance)
    health.domain_load(instance)
    from operations.running.demo import fleet_write  # noqa: PLC0415 - models exist only once Django is loaded

    file = instance.paths.run / "bench-live.json"
    fleet_write(file, stations=live_stations)
    serials = [f"SG-BACK{number:05d}" for number in range(stations)]
    stations_make(instance, serials)
    total, stream = stations * messages, f"backlog-{time.time_ns()}"
    plan = Plan(serials, stream, "backlog", total, readings=READINGS, since=messages * 300.0)
    environment = process_environment(instance)
    with processes_run(instance, ("ingest",)) as running:
        everybody = {**running, "rabbitmq": stack.rabbitmq.pid, "postgres": stack.postgres.pid}
        live = subprocess.Popen(
            [sys.executable, "-m", "station_agent.simulator", f"--stations={file}", "--rate=1", "--seconds=90"],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        # The live stations connect first.
        time.sleep(8.0)
        before, began, since = cpu_seconds(everybody), time.monotonic(), time.time()
        pushed = subprocess.run(
            [sys.executable, "-m", "operations.bench.load.gateway", msgspec.json.encode(plan).decode()],
            cwd=REPOSITORY,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        _until_home(instance, stream, total)
        spent, ended = time.monotonic() - began, time.time()
        after = cpu_seconds(everybody)
        fresh = waits_of(instance, "bench/r0", since, ended)
        live.communicate(timeout=120)
    return [
        {
            "stations": stations,
            "messages": total,
            "readings_per_message": READINGS,
            "pushed_s": json.loads(pushed.stdout)["seconds"],
            "drained_s": round(spent, 1),
            "messages_per_s": round(total / spent),
            "live_stations": live_stations,
            "live": fresh,
            "cpu_percent": {name: round(100 * (after[name] - before[name]) / spent, 1) for name in everybody},
        }
    ]


def _until_home(instance: Instance, stream: str, total: int) -> None:
    query = "SELECT coalesce(sum(messages), 0) FROM telemetry_streamledger WHERE stream = %s"
    deadline, done = time.monotonic() + 600.0, 0
    with instance.postgres.connect(DATABASE) as connection:
        connection.autocommit = True
        while time.monotonic() < deadline:
            row = connection.execute(query, (stream,)).fetchone()
            done = int(str(row[0])) if row else 0
            if done >= total:
                return
            time.sleep(0.1)
    raise RuntimeError(f"{done} of {total} messages arrived in ten minutes.")
