"""Cold detections: finding the files with the ones asked for, whether there are any, and how many.

A station's detections of a month are one file, so the first and last moment are in the row of the file.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from django.db import connection

from fleet.core import clock
from fleet.telemetry.cold.conditions import Narrowed, Span, condition_of
from fleet.telemetry.cold.files import parts_of
from fleet.telemetry.cold.reading import NEVER_COLD, ColdPlan, ColdSource, spans_joined
from fleet.telemetry.cold.tables import DETECTIONS

#: Cold files with detections that retention still keeps.
_KEPT: Final = """
telemetry_coldfile f LEFT JOIN telemetry_cleareddetections k ON k.station_id = f.station_id
WHERE f.station_id = ANY(%(stations)s) AND f.kind = 'detections' AND f.state = 'cold'
  AND (k.before IS NULL OR f.last_at >= k.before)
"""
_FILES: Final = f"""
SELECT f.id, f.place, f.name, f.station_id, k.before FROM {_KEPT} AND EXISTS (
    SELECT 1 FROM unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) AS s(start, "end")
    WHERE f.first_at < s."end" AND f.last_at >= s.start)
ORDER BY f.month, f.id
"""  # noqa: S608 - our own names
#: Files that are counted whole, and those that are cut by the period or by retention.
_COUNTED: Final = f"""
SELECT f.place, f.name, f.rows, k.before, f.station_id, f.first_at >= %(start)s AND f.last_at < %(end)s
    AND (k.before IS NULL OR f.first_at >= k.before)
FROM {_KEPT} AND f.first_at < %(end)s AND f.last_at >= %(start)s ORDER BY f.id
"""  # noqa: S608 - our own names
_OVERLAPS: Final = """
SELECT EXISTS (
    SELECT 1 FROM telemetry_coldfile f WHERE f.station_id = ANY(%(stations)s) AND f.kind = 'detections'
    AND f.state = 'cold' AND f.first_at <= %(last)s AND f.last_at >= %(first)s)
"""


def heard_plan(station_ids: Sequence[int], spans: Sequence[Span], narrowed: Narrowed | None = None) -> ColdPlan:
    """Find the cold files that may have detections of these stations in these spans; at most one query."""
    spans = [span for span in spans if span[0] < span[1]]
    if not spans or not station_ids or min(start for start, _end in spans) >= clock.now() - NEVER_COLD:
        return ColdPlan(table=DETECTIONS)
    with connection.cursor() as cursor:
        return heard_plan_of(cursor.execute, cursor.fetchall, station_ids, spans, narrowed)


def heard_plan_of(
    execute: Callable[[str, dict[str, Any]], Any],
    fetch: Callable[[], Iterable[Any]],
    station_ids: Sequence[int],
    spans: Sequence[Span],
    narrowed: Narrowed | None = None,
) -> ColdPlan:
    """Like `heard_plan`, on any connection; always one query."""
    starts, ends = [span[0] for span in spans], [span[1] for span in spans]
    execute(_FILES, {"stations": list(station_ids), "starts": starts, "ends": ends})
    files = tuple(
        ColdSource(number, place, name, ((station_id, kept_from),))
        for number, place, name, station_id, kept_from in fetch()
    )
    if not files:
        return ColdPlan(table=DETECTIONS)
    return ColdPlan(files, spans_joined(spans), DETECTIONS, narrowed)


def moments_plan(
    station_ids: Sequence[int], first: datetime, last: datetime, moments: Callable[[], Iterable[datetime]]
) -> ColdPlan:
    """Find the cold files that may have detections at single moments; only detections of these moments are read.

    `moments` is called only if there are cold files from the first to the last of them.
    """
    # One span, so that the database need not compare files with a thousand.
    plan = heard_plan(station_ids, [(first, last + datetime.resolution)])
    return replace(plan, narrowed=Narrowed(moments=tuple(sorted(set(moments()))))) if plan.files else plan


def is_heard_cold(station_id: int, start: datetime, end: datetime) -> bool:
    """Whether some detections of a station in this period are cold, so that reading them takes longer."""
    return bool(heard_plan([station_id], [(start, end)]).files)


def heard_overlap(station_ids: Sequence[int], first: datetime, last: datetime) -> bool:
    """Whether stations have cold detections between two moments."""
    with connection.cursor() as cursor:
        cursor.execute(_OVERLAPS, {"stations": list(station_ids), "first": first, "last": last})
        row = cursor.fetchone()
    return bool(row and row[0])


def heard_total(station_ids: Sequence[int], start: datetime, end: datetime) -> int:
    """Number of cold detections from `start` up to `end` that retention has not removed. Raises `Unavailable`."""
    if not station_ids or start >= min(end, clock.now() - NEVER_COLD):
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED, {"stations": list(station_ids), "start": start, "end": end})
        found = cursor.fetchall()
    count = 0
    for place, name, rows, kept_from, station_id, is_whole in found:
        if is_whole:
            count += rows
            continue
        condition = condition_of(DETECTIONS, [(station_id, kept_from)], [(start, end)])
        count += sum(part.num_rows for part in parts_of(place=place, name=name, table=DETECTIONS, condition=condition))
    return count
