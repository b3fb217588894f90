"""Months that are due for cold storage, and partitions that are empty afterwards."""

from datetime import UTC, datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import OperationalError, connection, transaction

from fleet.core import clock
from fleet.telemetry.cold.steps import Month
from fleet.telemetry.cold.tables import TABLES, ColdTable
from fleet.telemetry.partitions import Partition, partition_list

#: The least age in months: reads of the last two months need not look for cold files.
MONTHS_LEAST: Final = 3
#: A month's file is rewritten for late rows at most this often.
_MERGED_EVERY: Final = timedelta(hours=20)

_MADE: Final = (
    "SELECT station_id, month FROM telemetry_coldfile WHERE state IN ('writing', 'written', 'verified') AND kind = %s"
)
_KEPT: Final = "SELECT station_id, month, cold_at FROM telemetry_coldfile WHERE state = 'cold' AND kind = %s"
_MOVED: Final = """
SELECT f.station_id, f.month FROM telemetry_coldfile f JOIN stations_station t ON t.id = f.station_id
WHERE f.state = 'cold' AND f.kind = %s AND NOT starts_with(f.name, %s || '/organization=' || t.organization_id || '/')
"""


def months_due() -> list[Month]:
    """Months to move, merge, or rewrite: the oldest of each station first, then the second oldest, and so on.

    A month of a station is due if a file for it was begun; if it is old enough and has rows in the table, late ones
    included; if retention has removed rows that are still in its file; or if its file is in another organization's
    folder. Readings and detections are separate months.
    """
    moment = clock.now()
    return _in_turns({month for table in TABLES.values() for month in _due(table, moment)})


def _due(table: ColdTable, moment: datetime) -> set[Month]:
    with connection.cursor() as cursor:
        cursor.execute(_KEPT, [table.kind])
        kept = {Month(station, month, table): at for station, month, at in cursor.fetchall()}
        due = set()
        for query, told in (
            (_MADE, [table.kind]),
            (table.shrinking, None),
            (_MOVED, [table.kind, table.folder]),
        ):
            cursor.execute(query, told)
            due |= {Month(station, month, table) for station, month in cursor.fetchall()}
        limit = _limit(moment)
        for start in _months_with_rows(table, moment if limit is None else limit):
            bounds = Month(0, start.date(), table)
            if limit is None and not any(month.month == bounds.month for month in kept):
                continue
            cursor.execute(table.found, {"start": bounds.start, "end": bounds.end})
            for (station_id,) in cursor.fetchall():
                month = Month(station_id, bounds.month, table)
                at = kept.get(month)
                if (at is None and limit is not None) or (at is not None and at <= moment - _MERGED_EVERY):
                    due.add(month)
    return due


def partitions_shrink() -> int:
    """Free the disk space of partitions that became empty; return how many. The partitions stay, for late rows."""
    limit = _limit(clock.now())
    if limit is None:
        return 0
    return sum(_shrink(table, part.name) for table in TABLES.values() for part in _old_partitions(table, limit))


def _old_partitions(table: ColdTable, limit: datetime) -> list[Partition]:
    return [
        part
        for part in partition_list(table=table.hot)
        if part.start is not None and part.end is not None and part.end <= limit and _octets(table, part.name)
    ]


def _shrink(of: ColdTable, name: str) -> bool:
    table = f"{of.hot}_{name}"
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '2s'")
            # Looked at before the lock blocks anybody, and once more when nobody can write.
            for is_locked in (False, True):
                if is_locked:
                    cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
                cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {table})")  # noqa: S608 - our own names
                if cursor.fetchone()[0]:
                    return False
            cursor.execute(f"TRUNCATE {table}")
    except OperationalError:
        # Somebody reads or writes there; the next run tries again.
        return False
    return True


def _limit(moment: datetime) -> datetime | None:
    """The moment by which a month must have ended to become cold; None if no further month is to."""
    months = settings.ROOST_COLD_AFTER_MONTHS
    if not months:
        return None
    years, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    return datetime(years, month + 1, 1, tzinfo=UTC)


def _months_with_rows(table: ColdTable, limit: datetime) -> list[datetime]:
    """The first moments of the months, from the first real year on, whose partition is not empty."""
    found = []
    for part in partition_list(table=table.hot):
        if part.start is None or part.end is None or part.start >= limit or not _octets(table, part.name):
            continue
        start = part.start
        while start < min(part.end, limit):
            found.append(start)
            start = Month(0, start.date()).end
    return found


def _octets(table: ColdTable, name: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_relation_size(%s::regclass)", [f"{table.hot}_{name}"])
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def _in_turns(due: set[Month]) -> list[Month]:
    """The first month of each station, then the second of each: no station keeps the others waiting."""
    turns: dict[int, int] = {}
    ordered = []
    for month in sorted(due, key=lambda one: (one.month, one.station_id, one.table.kind)):
        turns[month.station_id] = turns.get(month.station_id, 0) + 1
        ordered.append((turns[month.station_id], month))
    return [month for _turn, month in sorted(ordered, key=lambda pair: pair[0])]
