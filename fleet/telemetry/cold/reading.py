"""Reading rows that may be cold: the same statements, over the table and over rows loaded from cold files.

While a month becomes cold, no reader may see a row twice or not at all. So the plan of the files to read is made before
the statement and again after it: if both plans are equal, no month moved in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.db import connection, transaction
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.errors import Unavailable
from fleet.telemetry.cold.conditions import Narrowed, Span, condition_of
from fleet.telemetry.cold.files import parts_of
from fleet.telemetry.cold.rows import cold_table_make, rows_load
from fleet.telemetry.cold.tables import READINGS, ColdTable

if TYPE_CHECKING:
    import psycopg
    import pyarrow as pa

#: No row of the last two months is cold, whatever the setting; see `MONTHS_LEAST` in `fleet.telemetry.cold.due`.
NEVER_COLD: Final = timedelta(days=60)
#: With more spans than this, the whole time is read as one span.
SPANS_MOST: Final = 24
_TRIES: Final = 5

R = TypeVar("R")
#: Series that are known to have no cold readings, inside `without_cold`.
_none_cold: ContextVar[frozenset[int]] = ContextVar("series without cold readings", default=frozenset())

_FILES: Final = """
SELECT f.id, f.place, f.name, p.series_id, s.raw_from
FROM telemetry_coldpart p JOIN telemetry_coldfile f ON f.id = p.file_id JOIN telemetry_series s ON s.id = p.series_id
WHERE p.series_id = ANY(%(series)s) AND f.state = 'cold' AND p.first_at < %(end)s AND p.last_at >= %(start)s
  AND (s.raw_from IS NULL OR p.last_at >= s.raw_from)
ORDER BY f.month, f.id, p.series_id
"""
#: Start of the newest months that together have the wanted number of readings; a month cut by the moment counts as 0.
_NEWEST: Final = """
SELECT min(n.first_at) FROM unnest(%(series)s::bigint[]) AS s(id), LATERAL (
    SELECT p.first_at, coalesce(sum(p.rows) FILTER (WHERE p.last_at < %(before)s) OVER (
        ORDER BY p.first_at DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS newer
    FROM telemetry_coldpart p WHERE p.series_id = s.id AND p.first_at < %(before)s
) AS n WHERE n.newer < %(most)s GROUP BY s.id
"""
_OVERLAPS: Final = """
SELECT EXISTS (
    SELECT 1 FROM telemetry_coldfile f JOIN telemetry_coldpart p ON p.file_id = f.id
    WHERE f.station_id = %(station)s AND f.state = 'cold' AND p.first_at <= %(last)s AND p.last_at >= %(first)s)
"""
#: Number of readings in parts that count whole, and the files of parts that are cut by the period or by retention.
_COUNTED: Final = """
SELECT coalesce(sum(rows) FILTER (WHERE is_whole), 0)::bigint,
    json_agg(json_build_array(place, name, series_id, raw_from)) FILTER (WHERE NOT is_whole)
FROM (
    SELECT p.rows, f.place, f.name, s.id AS series_id, s.raw_from, p.first_at >= %(start)s AND p.last_at < %(end)s
        AND (s.raw_from IS NULL OR p.first_at >= s.raw_from) AS is_whole
    FROM telemetry_coldpart p JOIN telemetry_coldfile f ON f.id = p.file_id JOIN telemetry_series s ON s.id = p.series_id
    WHERE p.series_id = ANY(%(series)s) AND f.state = 'cold' AND p.first_at < %(end)s AND p.last_at >= %(start)s
      AND (s.raw_from IS NULL OR p.last_at >= s.raw_from)
) AS part
"""


@dataclass(frozen=True, slots=True)
class ColdSource:
    """A cold file to read; `owners`: its series or stations, each with the moment from which retention keeps rows."""

    id: int
    place: str
    name: str
    owners: tuple[tuple[int, datetime | None], ...]


@dataclass(frozen=True, slots=True)
class ColdPlan:
    """The cold files to read, and the spans of time; without files, everything asked for is in the table."""

    files: tuple[ColdSource, ...] = ()
    spans: tuple[Span, ...] = ()
    table: ColdTable = READINGS
    narrowed: Narrowed | None = None


def cold_plan(series_ids: Sequence[int], spans: Sequence[Span]) -> ColdPlan:
    """Find the cold files with rows of these series in these spans; at most one query."""
    spans = [span for span in spans if span[0] < span[1]]
    if not spans or _is_known_hot(series_ids, min(start for start, _end in spans)):
        return ColdPlan()
    with connection.cursor() as cursor:
        return cold_plan_of(cursor.execute, cursor.fetchall, series_ids, spans)


def is_cold(series_ids: Sequence[int], start: datetime, end: datetime) -> bool:
    """Whether some readings of these series in this period are cold, so that reading them takes longer."""
    return bool(cold_plan(series_ids, [(start, end)]).files)


def cold_plan_of(
    execute: Callable[[str, dict[str, Any]], Any],
    fetch: Callable[[], Iterable[Any]],
    series_ids: Sequence[int],
    spans: Sequence[Span],
) -> ColdPlan:
    """Like `cold_plan`, on any connection; always one query."""
    start, end = min(span[0] for span in spans), max(span[1] for span in spans)
    execute(_FILES, {"series": list(series_ids), "start": start, "end": end})
    files: dict[int, ColdSource] = {}
    for file_id, place, name, series_id, kept_from in fetch():
        found = files.get(file_id) or ColdSource(file_id, place, name, ())
        files[file_id] = replace(found, owners=(*found.owners, (series_id, kept_from)))
    if not files:
        return ColdPlan()
    return ColdPlan(tuple(files.values()), spans_joined(spans))


def spans_joined(spans: Sequence[Span]) -> tuple[Span, ...]:
    """These spans, or if they are many, one span that covers all."""
    if len(spans) <= SPANS_MOST:
        return tuple(spans)
    return ((min(span[0] for span in spans), max(span[1] for span in spans)),)


def without_cold(series_ids: Sequence[int], start: datetime, make: Callable[[], R]) -> R:
    """Call `make`, which reads these series from `start` on, any number of times; return its result.

    If none of the series has cold readings, `make` does not look for any. Finding that out takes two queries for all
    reads together, and none for the last two months. If a month becomes cold meanwhile, `make` is called again.
    """
    if _is_known_hot(series_ids, start) or _any_cold(series_ids):
        return make()
    token = _none_cold.set(_none_cold.get() | frozenset(series_ids))
    try:
        made = make()
    finally:
        _none_cold.reset(token)
    return make() if _any_cold(series_ids) else made


def _any_cold(series_ids: Sequence[int]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM telemetry_coldpart WHERE series_id = ANY(%s))", [list(series_ids)])
        return bool(cursor.fetchone()[0])


def _is_known_hot(series_ids: Sequence[int], start: datetime) -> bool:
    """Whether it is known without a query that all these readings are in the table."""
    return start >= clock.now() - NEVER_COLD or _none_cold.get().issuperset(series_ids)


def cold_before(series_ids: Sequence[int], before: datetime, most: int) -> list[Span]:
    """A span up to a moment for each series with cold readings before it, long enough for the newest `most`."""
    if _none_cold.get().issuperset(series_ids):
        return []
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, {"series": list(series_ids), "before": before, "most": most})
        return [(first_at, before) for (first_at,) in cursor.fetchall()]


def rows_read(plan: Callable[[], ColdPlan], ask: Callable[[str], R], *, most: int | None = None) -> R:
    """Call `ask` with the source of rows, to use as a table in a statement; return its result.

    `plan` is called before and after. `most`: only this many rows of one series or station are needed, the first ones.
    Raises `Unavailable` if a cold file cannot be read.
    """
    for _try in range(_TRIES):
        planned = plan()
        if planned.files:
            with transaction.atomic():
                cold_load(planned, most=most)
                found = ask(planned.table.both)
        else:
            found = ask(planned.table.hot)
        if planned == plan():
            return found
    raise Unavailable(_("This data is being moved to cold storage or back just now. Try again."))


def cold_load(plan: ColdPlan, *, most: int | None = None) -> None:
    """Load the rows of a plan into the temporary table, for the current transaction."""
    with connection.cursor() as cursor:
        cold_table_make(cursor, plan.table)
        cold_load_into(cursor.cursor, plan, most=most)


def cold_load_into(cursor: psycopg.Cursor[Any], plan: ColdPlan, *, most: int | None = None) -> None:
    """Load the rows of a plan on any connection that has the temporary table."""
    if plan.files:
        rows_load(cursor, plan.table, cold_parts(plan, most))


def cold_parts(plan: ColdPlan, most: int | None = None) -> Iterator[pa.Table]:
    """The rows of a plan, part by part; with `most`, only the first ones. Raises `Unavailable`."""
    is_newest_first = plan.narrowed is not None and plan.narrowed.is_newest_first
    left = most if plan.narrowed is None or plan.narrowed.is_exact else None
    for file in reversed(plan.files) if is_newest_first else plan.files:
        condition = condition_of(plan.table, file.owners, plan.spans, plan.narrowed)
        for part in parts_of(
            place=file.place, name=file.name, table=plan.table, condition=condition, is_newest_first=is_newest_first
        ):
            if left is None:
                yield part
                continue
            yield part.slice(max(part.num_rows - left, 0)) if is_newest_first else part.slice(0, left)
            left -= part.num_rows
            if left <= 0:
                return


def cold_overlaps(*, station_id: int, first: datetime, last: datetime) -> bool:
    """Whether a station has cold readings between two moments."""
    with connection.cursor() as cursor:
        cursor.execute(_OVERLAPS, {"station": station_id, "first": first, "last": last})
        row = cursor.fetchone()
    return bool(row and row[0])


def cold_total(series_ids: Sequence[int], start: datetime, end: datetime, *, is_least: bool = False) -> int:
    """Number of cold readings of series from `start` up to `end` that retention has not removed. Raises `Unavailable`.

    With `is_least`, a lower bound: months that are cut are not counted, so that no file is read.
    """
    if _is_known_hot(series_ids, start):
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED, {"series": list(series_ids), "start": start, "end": end})
        whole, partly = cursor.fetchone() or (0, None)
    count = int(whole)
    for place, name, series_id, kept_from in () if is_least else partly or ():
        kept = datetime.fromisoformat(kept_from) if kept_from else None
        condition = condition_of(READINGS, [(series_id, kept)], [(start, end)])
        count += sum(part.num_rows for part in parts_of(place=place, name=name, table=READINGS, condition=condition))
    return count
