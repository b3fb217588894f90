"""Data packages compared with a bare COPY of the same rows in the same run: rows per second and memory, by format."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import psutil

from operations.bench.load.traffic import stations_make
from operations.instance import Instance
from operations.running import health
from operations.services.postgres import DATABASE

STATIONS, SERIES = 10, 5
#: Readings begin here, one per minute and series.
BEGAN, STEP_S = datetime(2026, 1, 1, tzinfo=UTC), 60
_PARTS_OF_A_SECOND = 0.05


def export_bench(instance: Instance, *, rows: int, rounds: int) -> list[dict[str, Any]]:
    """One run per format, compared with the bare COPY of the same round; the first round warms up."""
    stations_make(instance, [f"SG-EXPORT{number:03d}" for number in range(STATIONS)])
    health.domain_load(instance)
    count, end = _fill(instance, rows)
    rounds_of: dict[str, list[dict[str, float]]] = {"csv": [], "parquet": [], "ndjson": []}
    for _ in range(rounds + 1):
        bare = _bare_seconds(instance, end)
        for wanted, found in rounds_of.items():
            seconds, grown, size = _package(wanted, end)
            found.append({"bare": count / bare, "package": count / seconds, "memory": grown, "bytes": size})
    return [_run(wanted, count, found) for wanted, found in rounds_of.items()]


def _run(wanted: str, count: int, every: list[dict[str, float]]) -> dict[str, Any]:
    # The first round also loads code that packages need, so only its memory counts.
    found = every[1:]
    return {
        "format": wanted,
        "rows": count,
        "bare_copy_rows_per_s": round(statistics.median(one["bare"] for one in found)),
        "package_rows_per_s": round(statistics.median(one["package"] for one in found)),
        "ratio": round(statistics.median(one["package"] / one["bare"] for one in found), 3),
        "memory_grown_mb": round(max(one["memory"] for one in every) / 1e6),
        "bytes_per_row": round(found[0]["bytes"] / count, 1),
        "rounds": [{name: round(value) for name, value in one.items()} for one in found],
    }


def _fill(instance: Instance, rows: int) -> tuple[int, datetime]:
    """Store about `rows` readings in the order of their times; return their number and the end of their period."""
    points = rows // (STATIONS * SERIES)
    end = BEGAN + points * timedelta(seconds=STEP_S)
    with instance.postgres.connect(DATABASE) as database:
        database.autocommit = True
        database.execute("SET ROLE roost")
        database.execute(
            "INSERT INTO telemetry_series (station_id, name, unit, created_at) SELECT s.id, 'bench/' || n, 'V', now() "
            "FROM stations_station s, generate_series(1, %s) n WHERE s.serial LIKE 'SG-EXPORT%%'",
            (SERIES,),
        )
        database.execute(
            "INSERT INTO telemetry_reading (series_id, occurred_at, received_at, value, flags) "
            "SELECT s.id, t, t + interval '1.5 s', random() * 30, 0 "
            "FROM generate_series(%s::timestamptz, %s::timestamptz - interval '1 s', make_interval(secs => %s)) t, "
            "telemetry_series s WHERE s.name LIKE 'bench/%%'",
            (BEGAN, end, STEP_S),
        )
        database.execute("RESET ROLE")
        database.execute("VACUUM ANALYZE telemetry_reading")
        database.execute("CHECKPOINT")
    return points * STATIONS * SERIES, end


def _bare_seconds(instance: Instance, end: datetime) -> float:
    """Seconds to COPY the same rows and columns in the same order, and discard them."""
    with instance.postgres.connect(DATABASE) as database, database.cursor() as cursor:
        # Otherwise the COPY could use two processors, while a package uses one.
        cursor.execute("SET max_parallel_workers_per_gather = 0")
        began = time.monotonic()
        with cursor.copy(
            "COPY (SELECT s.station_id, r.occurred_at, r.received_at, s.name, r.value, s.unit, r.sent_value, "
            "r.sent_unit, r.flags FROM telemetry_reading r JOIN telemetry_series s ON s.id = r.series_id "
            "WHERE r.occurred_at >= %s AND r.occurred_at < %s "
            "ORDER BY s.station_id, r.series_id, r.occurred_at) TO STDOUT",
            (BEGAN, end),
        ) as copy:
            for _piece in copy:
                pass
        return time.monotonic() - began


def _package(wanted: str, end: datetime) -> tuple[float, float, int]:
    """Make one package; return its seconds, the growth of memory in bytes, and the size of its file."""
    from fleet.exports.package import package_write  # noqa: PLC0415 - models exist only once Django is loaded
    from fleet.exports.question import Format, PackageQuestion, stations_chosen  # noqa: PLC0415 - the same
    from fleet.exports.target import FolderTarget  # noqa: PLC0415 - the same
    from fleet.stations.models import Station  # noqa: PLC0415 - the same

    organization = Station.objects.select_related("organization").get(serial="SG-EXPORT000").organization
    station_ids, _none = stations_chosen(organization=organization, serials=[], deployment_ids=[])
    question = PackageQuestion(organization, tuple(station_ids), ("readings",), BEGAN, end, Format(wanted))
    folder = Path(tempfile.mkdtemp(prefix="roost-export-"))
    try:
        with _Memory() as memory:
            began = time.monotonic()
            done = package_write(question, FolderTarget(folder))
            seconds = time.monotonic() - began
    finally:
        shutil.rmtree(folder)
    return seconds, memory.grown, done.files[0].bytes


class _Memory:
    """Watches this process's memory from a thread."""

    def __enter__(self) -> Self:
        self._own, self._stop = psutil.Process(), threading.Event()
        self._began = self._most = self._own.memory_info().rss
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(_PARTS_OF_A_SECOND):
            self._most = max(self._most, self._own.memory_info().rss)

    @property
    def grown(self) -> float:
        """Peak memory in bytes above that at the beginning."""
        return self._most - self._began
