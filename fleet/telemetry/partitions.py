"""Partitions of readings and detections by the station's clock: their layout, creation ahead of time, and problems.

    …─2010      2010 … last year    this year and half a year ahead       then on
    ancient     one a year          one a month                           future, cut back as months are made

These cover all of time, so every row has a partition whatever its station's clock says. DEFAULT stays empty; a row
in it means that somebody removed a partition.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from fleet.core import clock

TABLES = ("telemetry_reading", "telemetry_detection")
#: Rows from before this year come from clocks that were never set.
FIRST_YEAR = 2010
#: Months created ahead of the present one. Fewer than `MONTHS_LEAST` ahead means that the job is not running.
MONTHS_AHEAD = 6
MONTHS_LEAST = 2
#: Waiting behind long transactions would block everybody behind us, so we give up early and try again later.
_LOCK_WAIT = "2s"


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition: rows from `start` up to `end`; None is unbounded. Its table is `<table>_<name>`."""

    name: str
    start: datetime | None
    end: datetime | None


def partitions_ensure(*, moment: datetime | None = None) -> list[str]:
    """Create the partitions that are due on both tables, and empty DEFAULT; return the names of the new ones.

    Each table is one short transaction. Raises Django's `OperationalError` if a lock cannot be had in time.
    """
    moment = moment or clock.now()
    made = []
    for table in TABLES:
        known = partition_list(table=table)
        if not known or known[-1].end is not None or _missing(known, moment) or default_is_used(table=table):
            with transaction.atomic():
                made += _create_missing(table, moment)
    return made


def partition_list(*, table: str) -> list[Partition]:
    """A table's partitions with bounds, oldest first; without DEFAULT."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, substring(b.bound from 'FROM \\(''([^'']+)''\\)')::timestamptz, "
            "substring(b.bound from 'TO \\(''([^'']+)''\\)')::timestamptz "
            "FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid, "
            "LATERAL (SELECT pg_get_expr(c.relpartbound, c.oid) AS bound) b "
            "WHERE i.inhparent = %s::regclass AND b.bound <> 'DEFAULT' ORDER BY 2 NULLS FIRST",
            [table],
        )
        return [Partition(row[0].removeprefix(f"{table}_"), *row[1:]) for row in cursor.fetchall()]


def default_is_used(*, table: str) -> bool:
    """Whether the DEFAULT partition contains rows."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {table}_default)")  # noqa: S608 - our own tables
        row = cursor.fetchone()
    return bool(row and row[0])


def default_trouble() -> str | None:
    """A sentence if a DEFAULT partition contains rows, otherwise None."""
    used = [table for table in TABLES if default_is_used(table=table)]
    if not used:
        return None
    return f"{used[0]}_default contains rows: a partition of {used[0]} is missing or was removed."


def partitions_trouble(*, moment: datetime | None = None) -> str | None:
    """A sentence about what is wrong with the partitions, otherwise None."""
    moment = moment or clock.now()
    for table in TABLES:
        ends = [part.end for part in partition_list(table=table) if part.end is not None]
        if not ends or ends[-1] < _month_after(moment, MONTHS_LEAST):
            return f"{table} has no partitions for the coming months: the job telemetry.make_partitions is not running."
    return default_trouble()


def _missing(known: list[Partition], moment: datetime) -> list[Partition]:
    """Missing partitions before `future`, both gaps and those due ahead; oldest first."""
    closed = [part for part in known if part.end is not None]
    missing: list[Partition] = []
    at = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
    if closed and closed[0].start is not None:
        at = min(at, closed[0].start)
    if not closed or closed[0].start is not None:
        missing.append(Partition("ancient", None, at))
    for part in closed:
        if part.start is not None:
            missing += _pieces(at, part.start, moment)
        at = part.end or at
    return missing + _pieces(at, _month_after(moment, MONTHS_AHEAD + 1), moment)


def _pieces(start: datetime, end: datetime, moment: datetime) -> list[Partition]:
    """Split a span from one month's start to another's into past years if they fit, otherwise months."""
    pieces = []
    while start < end:
        after = start.replace(year=start.year + 1)
        if start.month == 1 and start.year < moment.year and after <= end:
            name = f"{start:%Y}"
        else:
            name, after = f"{start:%Y_%m}", _month_after(start, 1)
        pieces.append(Partition(name, start, after))
        start = after
    return pieces


def _create_missing(table: str, moment: datetime) -> list[str]:
    """Create missing partitions with the rows of `future` and DEFAULT that belong there; return their names.

    1. wait briefly for the lock, so that nobody writes meanwhile
    2. detach `future` and DEFAULT
    3. create the partitions
    4. move the rows that belong there, through the table itself
    5. attach `future` from the new end on, and DEFAULT, now empty
    """
    future, default = f"{table}_future", f"{table}_default"
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{_LOCK_WAIT}'")
        cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        # Read again under the lock: another worker may have been faster.
        known = partition_list(table=table)
        missing = _missing(known, moment)
        cursor.execute(f"ALTER TABLE {table} DETACH PARTITION {default}")
        if known and known[-1].end is None:
            cursor.execute(f"ALTER TABLE {table} DETACH PARTITION {future}")
        else:
            cursor.execute(f"CREATE TABLE {future} (LIKE {table} INCLUDING ALL)")
        for part in missing:
            cursor.execute(f"CREATE TABLE {table}_{part.name} PARTITION OF {table} FOR VALUES {_bounds(part)}")
        last = max(part.end for part in [*known, *missing] if part.end is not None)
        _move_rows(cursor, future, table, last)
        cursor.execute(f"ALTER TABLE {table} ATTACH PARTITION {future} FOR VALUES FROM ('{last}') TO (MAXVALUE)")
        _move_rows(cursor, default, table, None)
        cursor.execute(f"ALTER TABLE {table} ATTACH PARTITION {default} DEFAULT")
    return [f"{table}_{part.name}" for part in missing]


def _move_rows(cursor: CursorWrapper, source: str, table: str, end: datetime | None) -> None:
    """Move rows up to `end` from a detached table into the partitions.

    No row can be in both: PostgreSQL does not attach a table as DEFAULT if its rows belong to another partition. If one
    is in both nevertheless, the error undoes everything, and the administrators are told each day.
    """
    cursor.execute(
        f"WITH moved AS (DELETE FROM {source} WHERE %(end)s::timestamptz IS NULL OR occurred_at < %(end)s RETURNING *) "  # noqa: S608 - our own tables
        f"INSERT INTO {table} SELECT * FROM moved",
        {"end": end},
    )


def _bounds(part: Partition) -> str:
    start = "MINVALUE" if part.start is None else f"'{part.start}'"
    return f"FROM ({start}) TO ('{part.end}')"


def _month_after(moment: datetime, months: int) -> datetime:
    """The start of the month that is this many months after the month of `moment`."""
    years, month = divmod(moment.month - 1 + months, 12)
    return datetime(moment.year + years, month + 1, 1, tzinfo=UTC)
