"""Whether Roost slows down as data grows: ingest on an empty and on a full database, and its query plans."""

from __future__ import annotations

import shutil
import statistics
import threading
import time
from typing import Any

import msgspec
import psycopg

from operations.bench.ingest import SERIALS, SIZES, roost_rate
from operations.bench.load.traffic import stations_make
from operations.instance import Instance
from operations.preparation import pages_build
from operations.running import health
from operations.services.postgres import DATABASE

#: The full database: number of stations and of series per station.
STATIONS, SERIES = 2_000, 5
#: Half of the values are ten minutes apart up to now: the range that pages ask for. The other half share the times of
#: the bench's messages (seconds since 1970), so that these messages meet deep indexes too.
STEP_S = 600
BEGAN, LASTED_S = 1_700_000_000, 30_000_000
#: A second database on the same server, which stays empty.
EMPTY = "roost_empty"
#: Bytes of disk that must stay free.
KEPT_FREE = 15_000_000_000
#: Tables that may never be scanned completely.
BIG = ("telemetry_reading", "telemetry_detection")
_WRITERS = 2


def growth_bench(instance: Instance, *, millions: int, rounds: int) -> list[dict[str, Any]]:
    """One run per message size, and one of the queries."""
    serials = [*SERIALS, *(f"SG-FULL{number:05d}" for number in range(STATIONS))]
    pages_build(instance)
    stations_make(instance, serials)
    with instance.postgres.connect() as connection:
        connection.execute(f"CREATE DATABASE {EMPTY} TEMPLATE {DATABASE} OWNER roost")
    began = time.monotonic()
    rows = _fill(instance, millions * 1_000_000)
    filled_s = time.monotonic() - began
    runs = [{**_side_by_side(instance, readings, rounds), "readings_in_full": rows} for readings in SIZES]
    plans = _plans(instance)
    return [
        {**run, "filled_s": round(filled_s), "plans": plans if number == 0 else []} for number, run in enumerate(runs)
    ]


def _side_by_side(instance: Instance, readings: int, rounds: int) -> dict[str, Any]:
    """Send the same messages to the empty and the full database, alternating; the first round warms up."""
    turns = [
        [roost_rate(instance, readings, SIZES[readings], SERIALS, database=database) for database in (EMPTY, DATABASE)]
        for _ in range(rounds + 1)
    ][1:]
    return {
        "readings_per_message": readings,
        "empty_messages_per_s": round(statistics.median(empty for empty, _ in turns)),
        "full_messages_per_s": round(statistics.median(full for _, full in turns)),
        "ratio": round(statistics.median(full / empty for empty, full in turns), 3),
        "rounds": [{"empty": round(empty), "full": round(full)} for empty, full in turns],
    }


def _fill(instance: Instance, rows: int) -> int:
    """Insert readings up to this many rows, or until the disk is nearly full; return the number of rows."""
    with instance.postgres.connect(DATABASE) as connection:
        connection.execute("SET ROLE roost")
        connection.execute(
            "INSERT INTO telemetry_series (station_id, name, unit, created_at) SELECT s.id, 'full/' || n, 'V', now() "
            "FROM stations_station s, generate_series(1, %s) n WHERE s.serial LIKE 'SG-FULL%%' ON CONFLICT DO NOTHING",
            (SERIES,),
        )
        found = connection.execute("SELECT id FROM telemetry_series WHERE name LIKE 'full/%' ORDER BY id").fetchall()
    ids = [int(str(row[0])) for row in found]
    points = rows // len(ids) // 2
    stopping = threading.Event()
    writers = [
        threading.Thread(target=_write, args=(instance, ids[number::_WRITERS], points, stopping))
        for number in range(_WRITERS)
    ]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        if shutil.disk_usage(instance.postgres.home).free < KEPT_FREE:
            stopping.set()
        time.sleep(1.0)
    with instance.postgres.connect(DATABASE) as connection:
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE telemetry_reading")
        connection.execute("CHECKPOINT")
        row = connection.execute("SELECT count(*) FROM telemetry_reading").fetchone()
    return int(str(row[0])) if row else 0


def _write(instance: Instance, ids: list[int], points: int, stopping: threading.Event) -> None:
    """Write one batch of series after another, oldest values first: fastest for the index, unlike any real station."""
    with instance.postgres.connect(DATABASE) as connection:
        connection.autocommit = True
        connection.execute("SET synchronous_commit = off")
        for at in range(0, len(ids), 20):
            if stopping.is_set():
                return
            for begin, step in ((BEGAN, LASTED_S / points), (time.time() // 3_600 * 3_600 - points * STEP_S, STEP_S)):
                connection.execute(
                    "INSERT INTO telemetry_reading (series_id, occurred_at, received_at, value, flags) "
                    "SELECT s, t, t, random(), 0 FROM unnest(%s::bigint[]) s, "
                    "LATERAL (SELECT to_timestamp(%s + n * %s) AS t FROM generate_series(1, %s) n) AS times",
                    (ids[at : at + 20], begin, step, points),
                )


def _plans(instance: Instance) -> list[dict[str, Any]]:
    """EXPLAIN each query that the pages and the API run about a station with data."""
    health.domain_load(instance)
    from django.contrib.auth.models import User  # noqa: PLC0415 - models exist only once Django is loaded
    from django.db import connection  # noqa: PLC0415 - as above
    from django.test import Client  # noqa: PLC0415 - as above
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415 - as above

    from fleet.core import clock  # noqa: PLC0415 - as above
    from fleet.stations.models import Station, StationContact  # noqa: PLC0415 - as above
    from fleet.telemetry.models import Series  # noqa: PLC0415 - as above

    # Add contacts and newest values, which ingest would have written along with the rows.
    now = clock.now()
    known = Station.objects.filter(contact=None)
    StationContact.objects.bulk_create(
        StationContact(station=each, state="on_time", first_contact_at=now, last_contact_at=now) for each in known
    )
    Series.objects.filter(last_at=None).update(last_at=now, last_value=1.0, last_received_at=now)
    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.get(username="admin"))
    serial = "SG-FULL00007"
    found = []
    for address in _addresses(serial):
        with CaptureQueriesContext(connection) as asked:
            answer = client.get(address)
        if answer.status_code != 200:
            raise RuntimeError(f"{address} answered {answer.status_code}: {answer.content[:200]!r}.")
        found += [
            {"address": address, "status": answer.status_code, **_explained(instance, query["sql"])}
            for query in asked.captured_queries
            if any(table in query["sql"] for table in BIG) and not query["sql"].startswith(("SAVEPOINT", "UPDATE"))
        ]
    return found


def _addresses(serial: str) -> list[str]:
    now = time.time()
    day, month = (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - days * 86_400)) for days in (1, 30))
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    station = f"/api/v1/stations/{serial}"
    series = f"{station}/series/full/1/readings"
    return [
        "/",
        f"/stations/{serial}/",
        f"/stations/{serial}/data/",
        f"/stations/{serial}/detections/",
        f"/stations/{serial}/deliveries/",
        station,
        f"{station}/series",
        f"{series}?from={day}&to={until}",
        f"{series}?from={month}&to={until}&every=1h",
        f"{series}?from={month}&to={until}&every=90m",
        f"{station}/detections?from={day}&to={until}",
    ]


def _explained(instance: Instance, sql: str) -> dict[str, Any]:
    with instance.postgres.connect(DATABASE) as connection:
        try:
            row = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}").fetchone()
        except psycopg.Error as error:
            return {"query": sql[:300], "error": str(error).splitlines()[0]}
    plan: dict[str, Any] = msgspec.convert(row[0] if row else [{}], list[dict[str, Any]])[0]
    nodes = list(_nodes(plan.get("Plan", {})))
    relations = {node.get("Relation Name", "") for node in nodes if node.get("Actual Loops", 0) > 0}
    return {
        "query": sql[:300],
        "partitions": sorted(name for name in relations if name.startswith(BIG)),
        "sequential_scans": sorted(
            node["Relation Name"]
            for node in nodes
            if node.get("Node Type") == "Seq Scan"
            and node["Relation Name"].startswith(BIG)
            and node.get("Actual Loops", 0) > 0
        ),
        "milliseconds": plan.get("Execution Time"),
    }


def _nodes(node: dict[str, Any]) -> Any:
    yield node
    for child in node.get("Plans", []):
        yield from _nodes(child)
