"""The partitions of readings and detections by the station's clock: their layout, making them ahead, and what is wrong.

    …─2010      2010 … last year    this year and half a year ahead       then on
    ancient     one a year          one a month                           future, cut back as months are made

These cover all of time, so a row always has a partition, whatever its station's clock says. DEFAULT stays empty; a
row in it means that somebody took a partition away.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from fleet.core import clock

TABLES = ("telemetry_reading", "telemetry_detection")
#: Rows from before this year come from clocks that were not set.
FIRST_YEAR = 2010
#: Months made ahead of the present one. With fewer than `MONTHS_LEAST` the job that makes them is not running.
MONTHS_AHEAD = 6
MONTHS_LEAST = 2
#: Waiting for long transactions holds up everybody behind us, so we rather try again later.
_LOCK_WAIT = "2s"


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition: rows from `start` up to `end`; None is without bound. Its table is `<table>_<name>`."""

    name: str
    start: datetime | None
    end: datetime | None


def partitions_ensure(*, moment: datetime | None = None) -> list[str]:
    """Make the partitions that are due on both tables, and empty DEFAULT; return the names of those made.

    Each table is one short transaction. Raises Django's `OperationalError` when a lock was not had in time.
    """
    moment = moment or clock.now()
    made = []
    for table in TABLES:
        known = partition_list(table=table)
        if not known or known[-1].end is not None or _missing(known, moment) or default_is_used(table=table):
            with transaction.atomic():
                made += _extend(table, moment)
    return made


def partition_list(*, table: str) -> list[Partition]:
    """The partitions with bounds of a table, oldest first; DEFAULT is not among them."""
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
    """Whether rows lie in the DEFAULT partition."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {table}_default)")  # noqa: S608 - our own tables
        row = cursor.fetchone()
    return bool(row and row[0])


def default_trouble() -> str | None:
    """That rows lie in a DEFAULT partition, in one sentence; None when none do."""
    used = [table for table in TABLES if default_is_used(table=table)]
    if not used:
        return None
    return f"Rows came into {used[0]}_default: a partition of {used[0]} is missing or was taken away."


def partitions_trouble(*, moment: datetime | None = None) -> str | None:
    """What is wrong with the partitions, in one sentence; None when nothing is."""
    moment = moment or clock.now()
    for table in TABLES:
        ends = [part.end for part in partition_list(table=table) if part.end is not None]
        if not ends or ends[-1] < _month_after(moment, MONTHS_LEAST):
            return f"{table} has no partitions for the months ahead: the job telemetry.make_partitions does not run."
    return default_trouble()


def _missing(known: list[Partition], moment: datetime) -> list[Partition]:
    """What should lie before `future` and does not: holes, and what is due ahead; oldest first."""
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
    """Years that are over when they fit, else months, from a month's beginning to another."""
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


def _extend(table: str, moment: datetime) -> list[str]:
    """Make what is missing, with the rows of `future` and DEFAULT that belong there; return the names.

    1. wait shortly for the lock, so that nobody writes meanwhile
    2. take `future` and DEFAULT off
    3. make the partitions
    4. move the rows that belong there through the table itself
    5. put `future` back from the new end on, and DEFAULT, now empty
    """
    future, default = f"{table}_future", f"{table}_default"
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{_LOCK_WAIT}'")
        cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        # Asked again under the lock: another worker may have been here.
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
        _move(cursor, future, table, last)
        cursor.execute(f"ALTER TABLE {table} ATTACH PARTITION {future} FOR VALUES FROM ('{last}') TO (MAXVALUE)")
        _move(cursor, default, table, None)
        cursor.execute(f"ALTER TABLE {table} ATTACH PARTITION {default} DEFAULT")
    return [f"{table}_{part.name}" for part in missing]


def _move(cursor: CursorWrapper, source: str, table: str, end: datetime | None) -> None:
    """Rows of a table that is no partition now, up to `end`, go into the partitions. A row that is there already stays."""
    cursor.execute(
        f"WITH moved AS (DELETE FROM {source} WHERE %(end)s::timestamptz IS NULL OR occurred_at < %(end)s RETURNING *) "  # noqa: S608 - our own tables
        f"INSERT INTO {table} SELECT * FROM moved ON CONFLICT DO NOTHING",
        {"end": end},
    )


def _bounds(part: Partition) -> str:
    start = "MINVALUE" if part.start is None else f"'{part.start}'"
    return f"FROM ({start}) TO ('{part.end}')"


def _month_after(moment: datetime, months: int) -> datetime:
    """The beginning of the month that lies so many months after that of a moment."""
    years, month = divmod(moment.month - 1 + months, 12)
    return datetime(moment.year + years, month + 1, 1, tzinfo=UTC)
