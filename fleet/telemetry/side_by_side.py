"""Readings of several series at once, for plots: one statement for all, with one index probe for each series."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from fleet.telemetry.cold.reading import cold_before, cold_plan, cold_total, rows_read
from fleet.telemetry.cold.tables import READINGS
from fleet.telemetry.models import Series
from fleet.telemetry.selectors import Point, readings

_SINGLE = """
SELECT s.id, r.occurred_at, r.value, r.flags, r.received_at, r.sent_value, r.sent_unit
FROM unnest(%(series)s::bigint[]) AS s(id), LATERAL (
    SELECT * FROM {rows} r
    WHERE series_id = s.id AND occurred_at >= %(start)s AND occurred_at < %(end)s ORDER BY occurred_at LIMIT %(most)s
) AS r ORDER BY s.id, r.occurred_at
"""
_MOMENTS = """
SELECT s.id, r.occurred_at FROM unnest(%(series)s::bigint[]) AS s(id), LATERAL (
    SELECT occurred_at FROM {rows} r
    WHERE series_id = s.id AND occurred_at < %(before)s ORDER BY occurred_at DESC LIMIT %(most)s
) AS r ORDER BY s.id, r.occurred_at
"""
#: Points of each series, by its id.
Points = dict[int, list[Point]]


def readings_single(*, series: Sequence[Series], start: datetime, end: datetime, most: int) -> Points | None:
    """Every reading of these series from `start` up to `end`; None if one of them has more than `most`."""
    found: Points = {one.pk: [] for one in series}
    ids = list(found)
    if cold_total(ids, start, end, is_least=True) > most * len(ids):
        return None

    def ask(rows: str) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(_SINGLE.format(rows=rows), {"series": ids, "start": start, "end": end, "most": most + 1})
            return list(cursor.fetchall())

    for key, at, value, flags, *rest in rows_read(lambda: cold_plan(ids, [(start, end)]), ask):
        found[key].append(Point(at, value, value, value, 1, flags, int(flags != 0), *rest))
    return None if any(len(points) > most for points in found.values()) else found


def readings_rolled(*, series: Sequence[Series], start: datetime, end: datetime, every: timedelta) -> Points:
    """Buckets of the width `every` of each series."""
    return {one.pk: readings(series=one, start=start, end=end, every=every) for one in series}


def moments_before(*, series: Sequence[Series], before: datetime, most: int) -> dict[int, list[datetime]]:
    """Moments by the station's clock of each series' newest readings before a moment, oldest first."""
    found = {one.pk: list[datetime]() for one in series}

    def ask(rows: str) -> list[tuple[int, datetime]]:
        with connection.cursor() as cursor:
            cursor.execute(_MOMENTS.format(rows=rows), {"series": list(found), "before": before, "most": most})
            return list(cursor.fetchall())

    moments = ask(READINGS.hot)
    # Cold readings are older than the table's, late ones aside, so look for them only if the table has too few.
    few = sorted(key for key in found if sum(1 for one, _at in moments if one == key) < most)
    if few and (spans := cold_before(few, before, most)):
        moments = rows_read(lambda: cold_plan(few, spans), ask)
    for key, at in moments:
        found[key].append(at)
    return found
