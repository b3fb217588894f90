"""The time from a station's publish to its commit, and to an event in a browser.

Every station has its own TLS connection. Commit times are PostgreSQL's own (`track_commit_timestamp`), so Roost is
unchanged for the measurement.
"""

from __future__ import annotations

import bisect
import csv
import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx

from operations.bench.load.traffic import depth_await
from operations.bench.processes import commit_times_on, cpu_seconds, processes_run
from operations.instance import Instance
from operations.running import health
from operations.services.postgres import DATABASE
from operations.settings_env import process_environment
from operations.stack import Stack

MEASURED = ("ingest", "live")


def latency_bench(stack: Stack, instance: Instance, *, stations: int, seconds: float) -> list[dict[str, Any]]:
    """One run: this many stations at one message per second for this many seconds."""
    commit_times_on(stack, instance)
    fleet = instance.paths.run / "bench-fleet.json"
    cookie = _prepare(instance, fleet, stations)
    times = instance.paths.run / "bench-times.csv"
    with processes_run(instance, MEASURED) as running:
        browser = _Browser(instance, cookie)
        browser.start()
        everybody = {
            **running,
            "rabbitmq": stack.rabbitmq.pid,
            "postgres": stack.postgres.pid,
            "redis": stack.redis.pid,
        }
        before, began = cpu_seconds(everybody), time.monotonic()
        summary = _stations_run(instance, fleet, times, seconds)
        spent = time.monotonic() - began
        after = cpu_seconds(everybody)
        depth_await(instance, 0)
        time.sleep(1.5)
        browser.stop()
    committed, seen, missing = _waits(instance, times, browser.heard)
    return [
        {
            "stations": stations,
            "messages": summary["messages"],
            "messages_per_s": summary["messages_per_s"],
            "commit_p50_ms": _rank(committed, 0.50),
            "commit_p99_ms": _rank(committed, 0.99),
            "browser_p50_ms": _rank(seen, 0.50),
            "browser_p99_ms": _rank(seen, 0.99),
            "not_committed": missing,
            "cpu_percent": {name: round(100 * (after[name] - before[name]) / spent, 1) for name in everybody},
        }
    ]


class _Browser(threading.Thread):
    """A browser with the fleet page open: receives which stations changed, and when."""

    def __init__(self, instance: Instance, cookie: str) -> None:
        super().__init__(daemon=True)
        self._url = f"http://127.0.0.1:{instance.ports['live']}/live/fleet"
        self._headers = {"Cookie": cookie, "Origin": f"http://127.0.0.1:{instance.ports['site']}"}
        self._stopping = threading.Event()
        #: Times of the events that named each station, in order; under "" those of events that said that more stations
        #: had changed than they named.
        self.heard: dict[str, list[float]] = {}

    def run(self) -> None:
        """Listen until stopped."""
        with (
            httpx.Client(trust_env=False, timeout=30) as client,
            client.stream("GET", self._url, headers=self._headers) as answer,
        ):
            answer.raise_for_status()
            for line in answer.iter_lines():
                if self._stopping.is_set():
                    return
                if line.startswith("data:"):
                    moment = time.time()
                    event = json.loads(line[5:])
                    for serial in [*event.get("stations", []), *([""] if event.get("more") else [])]:
                        self.heard.setdefault(serial, []).append(moment)

    def stop(self) -> None:
        """Stop listening."""
        self._stopping.set()


def _prepare(instance: Instance, fleet: Path, stations: int) -> str:
    """Enrol the stations; return the cookie of the administrator's session."""
    health.domain_load(instance)
    from django.conf import settings  # noqa: PLC0415 - models exist only once Django is loaded
    from django.contrib.auth.models import User  # noqa: PLC0415 - as above
    from django.test import Client  # noqa: PLC0415 - as above

    from operations.running.demo import fleet_write  # noqa: PLC0415 - as above

    fleet_write(fleet, stations=stations)
    client = Client()
    client.force_login(User.objects.get(username="admin"))
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def _stations_run(instance: Instance, fleet: Path, times: Path, seconds: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "station_agent.simulator", f"--stations={fleet}", "--rate=1", f"--csv={times}"]
    done = subprocess.run(
        [*command, f"--seconds={seconds}"],
        env=process_environment(instance),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def _waits(instance: Instance, times: Path, heard: dict[str, list[float]]) -> tuple[list[float], list[float], int]:
    """Seconds from publish to commit and to the browser, sorted, and the number of messages without a row."""
    query = (
        "SELECT extract(epoch FROM pg_xact_commit_timestamp(r.xmin)) FROM telemetry_reading r "
        "JOIN telemetry_series s ON s.id = r.series_id JOIN stations_station t ON t.id = s.station_id "
        "WHERE t.serial = %s AND s.name = 'bench/r0' ORDER BY r.occurred_at"
    )
    published: dict[str, list[float]] = {}
    with times.open(encoding="ascii") as file:
        for row in csv.DictReader(file):
            published.setdefault(row["station"], []).append(float(row["published_at"]))
    committed, seen, missing = [], [], 0
    with instance.postgres.connect(DATABASE) as connection:
        for serial, sent in published.items():
            commits = [float(str(row[0])) for row in connection.execute(query, (serial,)).fetchall()]
            missing += len(sent) - len(commits)
            # A page refreshes on an event that names its station, and on one that says that more changed.
            named = sorted(heard.get(serial, []) + heard.get("", []))
            for at, commit in zip(sorted(sent), commits, strict=False):
                committed.append(commit - at)
                next_named = bisect.bisect_left(named, commit)
                if next_named < len(named):
                    seen.append(named[next_named] - at)
    return sorted(committed), sorted(seen), missing


def _rank(values: list[float], share: float) -> float | None:
    return round(1000 * values[min(int(len(values) * share), len(values) - 1)], 1) if values else None
