"""Cold storage compared with the tables: bytes per row, rows moved per second, and time for a year's plot and pages."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from operations.bench.load.traffic import stations_make
from operations.instance import Instance
from operations.running import health
from operations.services.postgres import DATABASE

SERIAL = "SG-COLD000"
#: One value per minute from here on: with two decimals, as sensors send them, and with all digits, the worst case.
BEGAN = datetime(2025, 1, 1, tzinfo=UTC)
_VALUES = {
    "two decimals": "round((12.5 + sin(extract(epoch FROM t) / 13750) + random() / 10)::numeric, 2)::float8",
    "all digits": "12.5 + sin(extract(epoch FROM t) / 13750) + random() / 10",
}
#: A detection every 20 s on three ports: a tag every five minutes, otherwise pulses. Then their counts.
_HEARD = (
    """
INSERT INTO telemetry_detection (station_id, occurred_at, port, kind, line, received_at, freq, sig, noise, snr, tag, rssi,
    is_used, flags)
SELECT s.id, t + random() * interval '15 s', n %% 3 + 1, CASE n %% 15 WHEN 0 THEN 2 ELSE 1 END, n %% 4000,
    date_trunc('hour', t) + interval '61 minutes 1.234567 s',
    CASE WHEN n %% 15 > 0 THEN round((4 + random())::numeric, 3)::float8 END,
    CASE WHEN n %% 15 > 0 THEN round((-40 - 20 * random())::numeric, 2)::float8 END,
    CASE WHEN n %% 15 > 0 THEN round((-70 - 5 * random())::numeric, 2)::float8 END,
    CASE WHEN n %% 15 > 0 THEN round((10 + 20 * random())::numeric, 2)::float8 END,
    CASE WHEN n %% 15 = 0 THEN (ARRAY['78664C33', '61', '345'])[n / 15 %% 3 + 1] END,
    CASE WHEN n %% 15 = 0 THEN -90 + n %% 30 END, true, 0
FROM stations_station s, (
    SELECT t, row_number() OVER (ORDER BY t) AS n
    FROM generate_series(%(start)s::timestamptz, %(end)s::timestamptz - interval '1 s', interval '20 s') t) AS moments
WHERE s.serial = %(serial)s
""",
    """
INSERT INTO telemetry_detectioncount (station_id, hour, port, kind, count)
SELECT station_id, date_trunc('hour', occurred_at, 'UTC'), port, kind, count(*) FROM telemetry_detection
GROUP BY 1, 2, 3, 4
""",
    """
INSERT INTO telemetry_taghour (station_id, hour, port, tag, count, first_at, last_at, strongest)
SELECT station_id, date_trunc('hour', occurred_at, 'UTC'), port, tag, count(*), min(occurred_at), max(occurred_at),
    max(rssi)
FROM telemetry_detection WHERE tag IS NOT NULL GROUP BY 1, 2, 3, 4
""",
)


def cold_bench(instance: Instance, *, days: int, rounds: int) -> list[dict[str, Any]]:
    """Fill the tables with rows up to `days` long, measure, move them to cold storage, and measure again."""
    with tempfile.TemporaryDirectory(prefix="roost-cold-") as folder:
        stations_make(instance, [SERIAL])
        health.domain_load(instance)
        _settings_make(folder)
        end = BEGAN + timedelta(days=days)
        _fill(instance, end)
        hot_bytes, hot = _table_bytes(instance, "telemetry_reading"), _plots(end, rounds)
        heard_bytes, hot_pages = _table_bytes(instance, "telemetry_detection"), _pages(end, rounds)
        began = time.monotonic()
        _move()
        seconds = time.monotonic() - began
        (rows, octets), (heard, heard_octets) = _held("readings"), _held("detections")
        return [
            {
                "rows": rows,
                "hot_bytes_per_reading": round(hot_bytes / rows, 1),
                "cold_bytes_per_reading": round(octets / rows, 2),
                **{f"cold_bytes_{name.replace(' ', '_')}": size for name, size in _sizes().items()},
                "detections": heard,
                "hot_bytes_per_detection": round(heard_bytes / heard, 1),
                "cold_bytes_per_detection": round(heard_octets / heard, 2),
                "files": len(list(Path(folder).rglob("*.parquet"))),
                "moved_rows_per_s": round((rows + heard) / seconds),
                **{f"hot_{name}": seconds for name, seconds in (hot | hot_pages).items()},
                **{f"cold_{name}": seconds for name, seconds in (_plots(end, rounds) | _pages(end, rounds)).items()},
            }
        ]


def _settings_make(folder: str) -> None:
    from django.conf import settings  # noqa: PLC0415 - only now do the settings know their services

    settings.MEDIA_ROOT, settings.ROOST_COLD_AFTER_MONTHS = Path(folder), 3


def _fill(instance: Instance, end: datetime) -> None:
    with instance.postgres.connect(DATABASE) as database:
        database.autocommit = True
        database.execute("SET ROLE roost")
        for name, value in _VALUES.items():
            database.execute(
                "INSERT INTO telemetry_series (station_id, name, unit, created_at) "
                "SELECT id, %s, 'V', now() FROM stations_station WHERE serial = %s",
                (name, SERIAL),
            )
            database.execute(
                "INSERT INTO telemetry_reading (series_id, occurred_at, received_at, value, flags) "  # noqa: S608
                f"SELECT s.id, t, date_trunc('hour', t) + interval '61 minutes 1.234567 s', {value}, 0 "
                "FROM telemetry_series s, generate_series(%s::timestamptz, %s::timestamptz - interval '1 s', "
                "interval '1 minute') t WHERE s.name = %s",
                (BEGAN, end, name),
            )
        database.execute(
            "INSERT INTO telemetry_dirtyhour (series_id, hour, noted_at) SELECT DISTINCT series_id, "
            "date_trunc('hour', occurred_at, 'UTC'), now() - interval '1 hour' FROM telemetry_reading"
        )
        for query in _HEARD:
            database.execute(query, {"serial": SERIAL, "start": BEGAN, "end": end})
        database.execute("RESET ROLE")
        database.execute("VACUUM ANALYZE telemetry_reading")
        database.execute("VACUUM ANALYZE telemetry_detection")
    from fleet.telemetry.rollups import rollups_rebuild  # noqa: PLC0415 - models exist only once Django is loaded

    rollups_rebuild(seconds=3_600)


def _table_bytes(instance: Instance, table: str) -> int:
    """Bytes of all partitions of a table, with their indexes."""
    with instance.postgres.connect(DATABASE) as database:
        row = database.execute(
            "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree(%s::regclass) WHERE isleaf", (table,)
        ).fetchone()
    return int(str(row[0])) if row else 0


def _move() -> None:
    from fleet.telemetry.cold.services import cold_run  # noqa: PLC0415 - as above

    (done,) = cold_run(seconds=3_600).values()
    assert not done.failed  # noqa: S101 - what did not move is not measured


def _held(kind: str) -> tuple[int, int]:
    """Rows and bytes in cold storage."""
    from fleet.telemetry.cold.services import cold_held  # noqa: PLC0415 - as above

    (held,) = (one for one in cold_held() if one.kind == kind)
    return held.rows, held.octets


def _sizes() -> dict[str, float]:
    """Bytes per reading of each series, from the column sizes of its row groups."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above
    from django.conf import settings  # noqa: PLC0415 - as above

    from fleet.telemetry.models import Series  # noqa: PLC0415 - as above

    names = dict(Series.objects.filter(station__serial=SERIAL).values_list("pk", "name"))
    octets, rows = dict.fromkeys(names.values(), 0), dict.fromkeys(names.values(), 0)
    for path in Path(settings.MEDIA_ROOT).glob("cold/organization=*/**/*.parquet"):
        found = pq.ParquetFile(path).metadata
        for group in (found.row_group(number) for number in range(found.num_row_groups)):
            bounds = group.column(0).statistics
            if bounds.min == bounds.max:
                octets[names[bounds.min]] += sum(
                    group.column(n).total_compressed_size for n in range(group.num_columns)
                )
                rows[names[bounds.min]] += group.num_rows
    return {name: round(octets[name] / rows[name], 2) for name in octets if rows[name]}


def _plots(end: datetime, rounds: int) -> dict[str, float]:
    """Median seconds for a year from roll-ups, a year from single rows, a day, and the first page of rows."""
    from fleet.telemetry.binned import buckets  # noqa: PLC0415 - as above
    from fleet.telemetry.models import Series  # noqa: PLC0415 - as above
    from fleet.telemetry.selectors import readings  # noqa: PLC0415 - as above

    series = Series.objects.get(station__serial=SERIAL, name="two decimals")
    day = timedelta(days=1)
    asked: dict[str, Callable[[], Sequence[object]]] = {
        "year_in_6_hours_s": lambda: readings(series=series, start=BEGAN, end=end, every=timedelta(hours=6)),
        # Not a multiple of an hour, so that roll-ups cannot be used and every row is read.
        "year_in_110_minutes_s": lambda: buckets(series=series, start=BEGAN, end=end, every=timedelta(minutes=110)),
        "day_in_10_minutes_s": lambda: readings(
            series=series, start=BEGAN + 20 * day, end=BEGAN + 21 * day, every=timedelta(minutes=10)
        ),
        "page_of_5000_rows_s": lambda: readings(series=series, start=BEGAN, end=end),
    }
    return _medians(asked, rounds)


def _pages(end: datetime, rounds: int) -> dict[str, float]:
    """Median seconds for a page of the newest detections, and for one of a single tag's."""
    from fleet.stations.models import Station  # noqa: PLC0415 - as above
    from fleet.telemetry.heard.single import detections_newest  # noqa: PLC0415 - as above

    asked: dict[str, Any] = {"station": Station.objects.get(serial=SERIAL), "start": BEGAN, "end": end, "limit": 51}
    return _medians(
        {
            "page_of_51_detections_s": lambda: detections_newest(**asked),
            "page_of_51_of_a_tag_s": lambda: detections_newest(**asked, tag="78664C33"),
        },
        rounds,
    )


def _medians(asked: dict[str, Callable[[], Sequence[object]]], rounds: int) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, ask in asked.items():
        seconds = []
        for _round in range(rounds + 1):
            began = time.monotonic()
            assert ask()  # noqa: S101 - a plot of nothing measures nothing
            seconds.append(time.monotonic() - began)
        # Skip the first round, which imports modules and fills caches.
        found[name] = round(statistics.median(seconds[1:]), 3)
    return found
