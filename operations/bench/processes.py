"""Shared by the benches: the processes under measurement, their processor time, and PostgreSQL's commit times."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta

import psutil

from operations.instance import Instance
from operations.running import health
from operations.running.process_table import process_programs
from operations.services.postgres import DATABASE
from operations.stack import Stack, program_launch

#: Seconds within which processes must start: on a busy machine, loading the code alone takes a minute.
START_S = 300.0


def commit_times_on(stack: Stack, instance: Instance) -> None:
    """Make PostgreSQL record when each transaction was committed."""
    with instance.postgres.connect() as connection:
        connection.autocommit = True
        connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    stack.postgres.stop()
    stack.postgres.start()


@contextlib.contextmanager
def processes_run(instance: Instance, names: Sequence[str]) -> Iterator[dict[str, int]]:
    """Run these processes as `./roost up` does; process ids by name."""
    programs = [program for program in process_programs(instance) if program.name in names]
    started = {program.name: program_launch(program, logs=instance.paths.logs) for program in programs}
    try:
        _until_listening(instance, names)
        yield {name: process.pid for name, process in started.items()}
    finally:
        for process in started.values():
            process.send_signal(signal.SIGTERM)
        for process in started.values():
            process.wait(timeout=20)


def _until_listening(instance: Instance, names: Sequence[str]) -> None:
    live = f"http://127.0.0.1:{instance.ports['live']}/live/healthz"
    deadline = time.monotonic() + START_S
    while ("live" in names and health.http_check(live)) or health.pulse_check("ingest", most=timedelta(minutes=1)):
        if time.monotonic() > deadline:
            raise RuntimeError(
                f"The processes did not start within {START_S:.0f} s; their logs are in {instance.paths.logs}."
            )
        time.sleep(0.5)


def cpu_seconds(pids: dict[str, int]) -> dict[str, float]:
    """Processor seconds of each process including its children."""
    return {name: sum(_seconds(p) for p in _family(pid)) for name, pid in pids.items()}


def _family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _seconds(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0


def waits_of(
    instance: Instance, series: str, since: float, until: float = 99_999_999_999.0
) -> dict[str, float | int | None]:
    """Milliseconds from publish to commit of the messages in a series whose times are their publishing times."""
    query = (
        "SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY wait), "
        "percentile_cont(0.99) WITHIN GROUP (ORDER BY wait), max(wait) FROM (SELECT "
        "extract(epoch FROM pg_xact_commit_timestamp(r.xmin)) - extract(epoch FROM r.occurred_at) AS wait "
        "FROM telemetry_reading r JOIN telemetry_series s ON s.id = r.series_id "
        "WHERE s.name = %s AND r.occurred_at >= to_timestamp(%s) AND r.occurred_at < to_timestamp(%s)) AS waits"
    )
    with instance.postgres.connect(DATABASE) as connection:
        row = connection.execute(query, (series, since, until)).fetchone() or (0, None, None, None)
    figures = [None if value is None else round(1000 * float(str(value)), 1) for value in row[1:]]
    return {"messages": int(str(row[0])), "p50_ms": figures[0], "p99_ms": figures[1], "most_ms": figures[2]}
