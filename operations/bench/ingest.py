"""How fast the real worker processes station messages, compared with a bare loop and ORM loops in the same run."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from message_queue.contracts.base import Lane
from message_queue.routing import station_exchange
from operations.bench.load.traffic import connect, depth_await, messages_make, queue_fill, stations_make
from operations.instance import Instance
from operations.paths import REPOSITORY
from operations.running.process_table import WORKER
from operations.services.postgres import DATABASE
from operations.settings_env import process_environment

SERIAL = "SG-BENCH"
#: Stations for the run with several workers: with only one, all workers would wait for the same row.
SERIALS = (SERIAL, *(f"SG-BENCH{number:03d}" for number in range(1, 64)))

#: One station sends here as much as a whole fleet does elsewhere.
NO_QUOTA = {"ROOST_QUOTA_MESSAGES_PER_S": "0", "ROOST_QUOTA_BYTES_PER_HOUR": "0"}

#: Messages per measurement, by readings per message; rounds are interleaved and their median is reported.
SIZES = {1: 60_000, 50: 10_000}
ORM_MESSAGES, ORM_EACH_MESSAGES = {1: 1_500, 50: 600}, {1: 1_500, 50: 100}
ROUNDS = 3


def ingest_bench(instance: Instance, *, rounds: int = ROUNDS, scale: float = 1.0) -> list[dict[str, Any]]:
    """One run per message size."""
    stations_make(instance, SERIALS)
    runs = []
    for readings, size in SIZES.items():
        count = max(int(size * scale), 5_000)
        pairs = [(_bare(instance, readings, count), roost_rate(instance, readings, count)) for _ in range(rounds)]
        orm = _orm(instance, "orm", readings, ORM_MESSAGES[readings])
        orm_each = _orm(instance, "orm-each", readings, ORM_EACH_MESSAGES[readings])
        rate = statistics.median(roost for _, roost in pairs)
        runs.append(
            {
                "readings_per_message": readings,
                "messages_per_s": round(rate),
                "readings_per_s": round(rate * readings),
                "bare_messages_per_s": round(statistics.median(bare for bare, _ in pairs)),
                "orm_messages_per_s": round(orm),
                "orm_each_messages_per_s": round(orm_each, 1),
                "bare_ratio": round(statistics.median(roost / bare for bare, roost in pairs), 3),
                "orm_ratio": round(rate / orm, 1),
                "orm_each_ratio": round(rate / orm_each, 1),
                **_side_by_side(instance, readings, count, rounds),
                "rounds": [{"bare": round(bare), "roost": round(roost)} for bare, roost in pairs],
                "messages": count,
            }
        )
    return runs


def _side_by_side(instance: Instance, readings: int, count: int, rounds: int) -> dict[str, Any]:
    """One worker against two, on messages of many stations in turn."""
    pairs = [[roost_rate(instance, readings, count, SERIALS, workers) for workers in (1, 2)] for _ in range(rounds)]
    return {
        "two_workers_messages_per_s": round(statistics.median(two for _, two in pairs)),
        "two_workers_ratio": round(statistics.median(two / one for one, two in pairs), 2),
        "two_workers_rounds": [{"one": round(one), "two": round(two)} for one, two in pairs],
    }


def _bare(instance: Instance, readings: int, count: int) -> float:
    _fill(instance, readings, count, "bare")
    return _baseline(instance, "bare", count)


def _orm(instance: Instance, way: str, readings: int, count: int) -> float:
    _fill(instance, readings, count, way)
    return _baseline(instance, way, count)


_sequence = {"next": 1}


def _fill(instance: Instance, readings: int, count: int, name: str, serials: Sequence[str] = (SERIAL,)) -> str:
    first = _sequence["next"]
    _sequence["next"] += count
    stream = f"bench-{name}-{readings}-{time.time_ns()}"
    exchanges = [station_exchange(serial) for serial in serials]
    queue_fill(instance, exchanges, stream, list(messages_make(count, readings, first)))
    return stream


def _baseline(instance: Instance, name: str, count: int) -> float:
    done = subprocess.run(
        [sys.executable, "-m", "operations.bench.load.baselines", name, str(count)],
        cwd=REPOSITORY,
        env=process_environment(instance),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=600,
    )
    return float(json.loads(done.stdout)["messages_per_s"])


def roost_rate(
    instance: Instance,
    readings: int,
    count: int,
    serials: Sequence[str] = (SERIAL,),
    workers: int = 1,
    *,
    database: str = DATABASE,
) -> float:
    """Messages per second that the real workers commit, from their first committed batch to the last."""
    stream = _fill(instance, readings, count, "roost", serials)
    own = {
        "ROOST_INGEST": "1",
        "ROOST_LOG_LEVEL": "WARNING",
        "ROOST_DATABASE_URL": instance.postgres.url("worker", database),
    }
    with (instance.paths.logs / "bench-ingest.log").open("ab") as log:
        started = [
            subprocess.Popen(
                [sys.executable, *WORKER, "-P", "solo", "-n", f"ingest-bench{number}@roost", "-Q", "ingest.control"],
                cwd=REPOSITORY,
                env=process_environment(instance, extra={**own, **NO_QUOTA}),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            for number in range(workers)
        ]
    try:
        return _committed_rate(instance, stream, count, workers, database)
    finally:
        for worker in started:
            worker.terminate()
        for worker in started:
            worker.wait(timeout=20)


def _committed_rate(instance: Instance, stream: str, count: int, workers: int, database: str) -> float:
    query = "SELECT coalesce(sum(messages), 0) FROM telemetry_streamledger WHERE stream = %s"
    began, first, done, deadline = 0.0, 0, 0, time.monotonic() + 300.0
    with instance.postgres.connect(database) as connection:
        connection.autocommit = True
        while time.monotonic() < deadline:
            row = connection.execute(query, (stream,)).fetchone()
            done = int(str(row[0])) if row else 0
            # The clock starts when all of them are working.
            if done and not began and (workers == 1 or _readers(instance) >= workers):
                began, first = time.monotonic(), done
            if done >= count:
                rate = (done - first) / (time.monotonic() - began)
                depth_await(instance, 0)
                return rate
            time.sleep(0.005)
    raise RuntimeError(f"The workers took {done} of {count} messages in five minutes; see their log.")


def _readers(instance: Instance) -> int:
    """Number of ingest workers that read the telemetry queue."""
    broker = connect(instance)
    declared: Any = broker.channel().queue_declare(Lane.TELEMETRY.value, passive=True)
    broker.close()
    return int(declared.consumer_count)
