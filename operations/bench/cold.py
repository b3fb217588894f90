"""Cold storage beside the table: bytes a reading, rows moved a second, and a year's plot from each."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from operations.bench.traffic import stations_make
from operations.instance import Instance
from operations.running import health
from operations.services.postgres import DATABASE

SERIAL = "SG-COLD000"
#: A value a minute from here on, with two decimals as sensors send them, and without, which is the worst case.
BEGAN = datetime(2025, 1, 1, tzinfo=UTC)
_VALUES = {
    "two decimals": "round((12.5 + sin(extract(epoch FROM t) / 13750) + random() / 10)::numeric, 2)::float8",
    "all digits": "12.5 + sin(extract(epoch FROM t) / 13750) + random() / 10",
}


def cold_bench(instance: Instance, *, days: int, rounds: int) -> list[dict[str, Any]]:
    """Fill a year of minutes, measure it hot, move it, and measure it cold; then what each took."""
    with tempfile.TemporaryDirectory(prefix="roost-cold-") as folder:
        stations_make(instance, [SERIAL])
        health.domain_load(instance)
        _settings_make(folder)
        end = BEGAN + timedelta(days=days)
        _fill(instance, end)
        hot_bytes, hot = _table_bytes(instance), _plots(end, rounds)
        began = time.monotonic()
        rows, octets = _move()
        seconds = time.monotonic() - began
        return [
            {
                "rows": rows,
                "hot_bytes_per_reading": round(hot_bytes / rows, 1),
                "cold_bytes_per_reading": round(octets / rows, 2),
                **{f"cold_bytes_{name.replace(' ', '_')}": size for name, size in _sizes().items()},
                "files": len(list(Path(folder).rglob("*.parquet"))),
                "moved_rows_per_s": round(rows / seconds),
                **{f"hot_{name}": seconds for name, seconds in hot.items()},
                **{f"cold_{name}": seconds for name, seconds in _plots(end, rounds).items()},
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
        database.execute("RESET ROLE")
        database.execute("VACUUM ANALYZE telemetry_reading")
    from fleet.telemetry.rollups import rollups_rebuild  # noqa: PLC0415 - models exist only once Django is loaded

    rollups_rebuild(seconds=3_600)


def _table_bytes(instance: Instance) -> int:
    """Bytes of all partitions with their indexes."""
    with instance.postgres.connect(DATABASE) as database:
        row = database.execute(
            "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('telemetry_reading') WHERE isleaf"
        ).fetchone()
    return int(str(row[0])) if row else 0


def _move() -> tuple[int, int]:
    from fleet.telemetry.cold.services import cold_run  # noqa: PLC0415 - as above

    (done,) = cold_run(seconds=3_600).values()
    return done.rows, done.octets


def _sizes() -> dict[str, float]:
    """Bytes a reading of each series, by the columns of its row groups."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above
    from django.conf import settings  # noqa: PLC0415 - as above

    from fleet.telemetry.models import Series  # noqa: PLC0415 - as above

    names = dict(Series.objects.filter(station__serial=SERIAL).values_list("pk", "name"))
    octets, rows = dict.fromkeys(names.values(), 0), dict.fromkeys(names.values(), 0)
    for path in Path(settings.MEDIA_ROOT).rglob("*.parquet"):
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
    """Median seconds: a year from roll-ups, from single rows, a day of rows, and the first page of rows."""
    from fleet.telemetry.binned import buckets  # noqa: PLC0415 - as above
    from fleet.telemetry.models import Series  # noqa: PLC0415 - as above
    from fleet.telemetry.selectors import readings  # noqa: PLC0415 - as above

    series = Series.objects.get(station__serial=SERIAL, name="two decimals")
    day = timedelta(days=1)
    asked: dict[str, Callable[[], Sequence[object]]] = {
        "year_in_6_hours_s": lambda: readings(series=series, start=BEGAN, end=end, every=timedelta(hours=6)),
        # No multiple of an hour, so that every single row is read.
        "year_in_110_minutes_s": lambda: buckets(series=series, start=BEGAN, end=end, every=timedelta(minutes=110)),
        "day_in_10_minutes_s": lambda: readings(
            series=series, start=BEGAN + 20 * day, end=BEGAN + 21 * day, every=timedelta(minutes=10)
        ),
        "page_of_5000_rows_s": lambda: readings(series=series, start=BEGAN, end=end),
    }
    found: dict[str, float] = {}
    for name, ask in asked.items():
        seconds = []
        for _round in range(rounds + 1):
            began = time.monotonic()
            assert ask()  # noqa: S101 - a plot of nothing measures nothing
            seconds.append(time.monotonic() - began)
        # The first round loads what is loaded once.
        found[name] = round(statistics.median(seconds[1:]), 3)
    return found
