"""Benchmarks with simulated stations: each publishes small messages at a steady rate, and each message is timed."""

import asyncio
import csv
import random
import time
from pathlib import Path
from typing import Any, NamedTuple

from message_queue.contracts.readings import SenmlRecord
from station_agent.config import LinkSettings
from station_agent.link.publish import PublishLink
from station_agent.simulator.actor import StationEntry
from station_agent.simulator.feed import MemoryFeed
from station_agent.simulator.fleet import STARTS_A_SECOND
from station_agent.station import LinkState

#: Seconds that all stations have to connect, and that the last confirms have to arrive.
CONNECT_SECONDS = 90.0
LAST_CONFIRM_SECONDS = 30.0


class BenchPlan(NamedTuple):
    """The load of each station: `rate` messages a second of `readings` readings, for `seconds`."""

    kind: str
    rate: float
    readings: int
    seconds: float
    seed: int


class _Timed:
    """One benchmark station."""

    def __init__(self, entry: StationEntry, plan: BenchPlan) -> None:
        self.serial = entry.serial
        self.feed = MemoryFeed(timed=True)
        self.view = LinkState()
        self._plan = plan
        self._random = random.Random(f"{plan.seed}/{entry.serial}")
        self.link = PublishLink(
            entry.amqp,
            LinkSettings(),
            self.feed,
            self.view,
            heartbeat=60,
            name=f"{entry.serial} bench",
            gather=0.0,
        )

    async def publish(self) -> None:
        """Publish at the rate, starting at the station's own offset."""
        loop = asyncio.get_running_loop()
        step = 1.0 / self._plan.rate
        begin = loop.time()
        due = begin + self._random.uniform(0, step)
        while due < begin + self._plan.seconds:
            await asyncio.sleep(max(due - loop.time(), 0))
            self.feed.put("readings", self._pack())
            self.link.pump()
            due += step

    def _pack(self) -> list[SenmlRecord]:
        now = time.time()
        records = [SenmlRecord(bn="bench/", bt=now, n="r0", v=self._random.random())]
        return records + [SenmlRecord(n=f"r{i}", v=self._random.random()) for i in range(1, self._plan.readings)]


def bench_run(fleet: list[StationEntry], plan: BenchPlan, csv_path: Path | None) -> dict[str, Any]:
    """Run the plan; returns the figures, and writes one line for each message to `csv_path`."""
    return asyncio.run(_bench(fleet, plan, csv_path))


async def _bench(fleet: list[StationEntry], plan: BenchPlan, csv_path: Path | None) -> dict[str, Any]:
    stations = [_Timed(entry, plan) for entry in fleet]
    stop = asyncio.Event()
    links = []
    for count, station in enumerate(stations, 1):
        links.append(asyncio.ensure_future(station.link.run(stop)))
        if count % STARTS_A_SECOND == 0:
            await asyncio.sleep(1.0)
    await _until(lambda: all(s.view.connected_since is not None for s in stations), CONNECT_SECONDS)
    connected = sum(s.view.connected_since is not None for s in stations)
    begin = time.time()
    await asyncio.gather(*(station.publish() for station in stations))
    end = time.time()
    await _until(lambda: all(s.feed.waiting == 0 for s in stations), LAST_CONFIRM_SECONDS)
    stop.set()
    await asyncio.gather(*links)
    if csv_path is not None:
        _write(csv_path, stations)
    return _figures(stations, plan, connected=connected, begin=begin, end=end)


async def _until(done: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:  # noqa: ASYNC110 - many stations' states, none has an event
        await asyncio.sleep(0.1)


def _write(path: Path, stations: list[_Timed]) -> None:
    with path.open("w", newline="", encoding="ascii") as file:
        writer = csv.writer(file)
        writer.writerow(["station", "stream", "seq", "published_at", "confirmed_at"])
        for station in stations:
            for timing in station.feed.timings.values():
                confirmed = "" if timing.confirmed_at is None else f"{timing.confirmed_at:.6f}"
                writer.writerow(
                    [station.serial, station.feed.stream, timing.seq, f"{timing.published_at:.6f}", confirmed]
                )


def _figures(stations: list[_Timed], plan: BenchPlan, *, connected: int, begin: float, end: float) -> dict[str, Any]:
    timings = [timing for station in stations for timing in station.feed.timings.values()]
    waits = sorted(t.confirmed_at - t.published_at for t in timings if t.confirmed_at is not None)
    return {
        "stations": len(stations),
        "connected": connected,
        "seconds": round(end - begin, 3),
        "messages": len(timings),
        "confirmed": len(waits),
        "dropped": sum(station.feed.dropped_count for station in stations),
        "messages_per_s": round(len(timings) / max(end - begin, 0.001), 1),
        "readings_per_message": plan.readings,
        "confirm_p50_s": round(waits[len(waits) // 2], 4) if waits else None,
        "confirm_p99_s": round(waits[int(len(waits) * 0.99)], 4) if waits else None,
    }
