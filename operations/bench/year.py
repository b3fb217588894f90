"""The plot of a year with one reading per minute, compared with a day of the same readings, for `bench pages`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection

from fleet.core import clock
from fleet.stations.models import Station
from fleet.telemetry.models import Series
from fleet.telemetry.rollups import rollups_rebuild

#: Minutes in a year, which is the number of readings in the series.
MINUTES = 365 * 24 * 60
_SPANS = {"24h": "a day", "30d": "30 days", "365d": "a year"}


def year_bench(serial: str, measure: Callable[[str, str], dict[str, Any]]) -> list[dict[str, Any]]:
    """One run per period of a station's plot; `of_a_day` is its median divided by that of a day's plot.

    `measure` takes the name of a run and the page's address.
    """
    name = year_fill(serial)
    runs: list[dict[str, Any]] = []
    for span, words in _SPANS.items():
        run = measure(f"plot of {words}", f"/stations/{serial}/data/?series={name}&span={span}")
        day = runs[0]["median_ms"] if runs else run["median_ms"]
        runs.append({**run, "of_a_day": round(run["median_ms"] / day, 2)})
    return runs


def year_fill(serial: str) -> str:
    """Give a station a series with a reading in every minute of a year, rolled up; return its name."""
    moment = clock.now()
    station = Station.objects.get(serial=serial)
    series = Series.objects.create(
        station=station,
        name="minutes",
        unit="V",
        created_at=moment - timedelta(days=366),
        last_at=moment,
        last_value=12.5,
        last_received_at=moment,
    )
    values = [series.pk, moment, MINUTES - 1]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO telemetry_reading (series_id, occurred_at, received_at, value, flags) "
            "SELECT %s, t, t, 12.5 + sin(extract(epoch FROM t) / 13750) + random() / 10, 0 FROM "
            "(SELECT %s::timestamptz - n * interval '1 minute' AS t FROM generate_series(0, %s) n) AS minutes",
            values,  # type: ignore[arg-type]
        )
        cursor.execute(
            "INSERT INTO telemetry_dirtyhour (series_id, hour, noted_at) "
            "SELECT DISTINCT series_id, date_trunc('hour', occurred_at, 'UTC'), now() - interval '1 hour' "
            "FROM telemetry_reading WHERE series_id = %s",
            [series.pk],
        )
    rollups_rebuild(seconds=600.0, settled_s=0.0)
    return series.name
