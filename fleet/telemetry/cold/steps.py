"""The steps by which a station's month becomes cold. If a run dies between two steps, the next one continues.

    the table's rows, and the file of before
        │ begin: a row for the new file
        ▼
    writing ── settle late rows; take both together; Parquet; store ──▶ written
    written ── read back from the store: bytes, number of rows, checksum as the database computes it ──▶ verified
    verified ── read back again; delete exactly these rows from the table; count ──▶ cold, and the one before: over
        (the one transaction in which readers change over)

    any of them ── something differs ──▶ over; all rows are where they were, and the next run begins again

Only one process at a time moves anything; it holds `LOCK`.
"""

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from django.db import connection, transaction

from fleet.core import clock
from fleet.stations.models import Station
from fleet.telemetry.cold.files import (
    ColdUnreadable,
    fetched_tables,
    file_fetched,
    file_name,
    file_store,
    parquet_write,
    place_now,
)
from fleet.telemetry.cold.rows import (
    cold_table_drop,
    cold_table_index,
    cold_table_make,
    rows_load,
    rows_take,
)
from fleet.telemetry.cold.settling import Settled, late_settle
from fleet.telemetry.cold.settling_heard import late_heard_settle
from fleet.telemetry.cold.tables import DETECTIONS, READINGS, TABLES, ColdTable
from fleet.telemetry.cold_files import ColdFile, ColdPart
from fleet.telemetry.models import RollUp

State = ColdFile.State
#: Held by the one process that moves months, thaws them, or erases their files.
LOCK: Final = "roost.cold"
#: Fields that are set when a file is written.
_WRITTEN: Final = ("replaces", "rows", "rows_new", "first_at", "last_at", "checksum", "octets", "sha256")
#: Counts of late rows, which a file takes over from the one that it replaces.
_COUNTED: Final = ("known", "moved", "left_out")
_PARTS: Final = (
    "INSERT INTO telemetry_coldpart (series_id, file_id, rows, first_at, last_at) "  # noqa: S608 - our own names
    f"SELECT series_id, %s, count(*), min(occurred_at), max(occurred_at) FROM {READINGS.cold} GROUP BY 1"
)


class ColdChanged(Exception):
    """The rows read back differ from the database's, so nothing may be deleted. The text says how they differ."""


@dataclass(frozen=True, slots=True)
class Month:
    """One month of one station's readings or detections, by the station's clock in UTC."""

    station_id: int
    month: date
    table: ColdTable = READINGS

    @classmethod
    def of(cls, file: ColdFile) -> "Month":
        """The month of a file."""
        return cls(file.station_id, file.month, TABLES[file.kind])

    @property
    def start(self) -> datetime:
        """Its first moment."""
        return datetime(self.month.year, self.month.month, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first moment after it."""
        years, month = divmod(self.month.month, 12)
        return datetime(self.month.year + years, month + 1, 1, tzinfo=UTC)


@transaction.atomic
def file_begin(month: Month) -> ColdFile | None:
    """Get the unfinished file of a month, or begin one; None if the station is being deleted."""
    station = Station.objects.select_for_update(no_key=True).filter(pk=month.station_id, deleted_at=None).first()
    if station is None:
        return None
    same = {"station": station, "month": month.month, "kind": month.table.kind}
    made = ColdFile.objects.filter(**same, state__in=ColdFile.MADE).first()
    if made is not None:
        return made
    made = ColdFile.objects.create(**same, place=place_now(), name="", begun_at=clock.now())
    made.name = file_name(
        table=month.table, organization_id=station.organization_id, station_id=station.pk, month=month.month,
        number=made.pk,
    )  # fmt: skip
    made.save(update_fields=["name"])
    return made


def file_advance(file: ColdFile) -> None:
    """Take one step, or give the file up. Raises `Unavailable` and `OSError` if the store does not work now."""
    step = {State.WRITING: _write, State.WRITTEN: _verify, State.VERIFIED: _drop}[State(file.state)]
    try:
        step(file)
    except (ColdChanged, ColdUnreadable) as error:
        file_give_up(file, str(error))


def file_give_up(file: ColdFile, reason: str) -> None:
    """End a file that never became cold; the reason is empty if no rows of its month are left."""
    file.state, file.reason, file.over_at = State.OVER, reason[:200], clock.now()
    ColdFile.objects.filter(pk=file.pk, state__in=ColdFile.MADE).update(
        state=file.state, reason=file.reason, over_at=file.over_at
    )


def _write(file: ColdFile) -> None:
    month = Month.of(file)
    with tempfile.TemporaryDirectory(prefix="roost-cold-") as folder, ExitStack() as stack:
        path = Path(folder) / "month.parquet"
        before = cold_file(month)
        source = None if before is None else stack.enter_context(_fetched(before))
        _repeats_settle(file, month, source)
        with transaction.atomic(), connection.cursor() as cursor:
            settled = _gather(cursor, month, source)
            cursor.execute(_take_sql(month.table), _arguments(month))
            rows_new = cursor.rowcount
            cursor.execute(month.table.checksum)
            rows, checksum = cursor.fetchone()
            cursor.execute(f"SELECT min(occurred_at), max(occurred_at) FROM {month.table.cold}")  # noqa: S608
            file.first_at, file.last_at = cursor.fetchone()
            written = parquet_write(path, month.table, rows_take(cursor.cursor, month.table))
            cold_table_drop(cursor, month.table)
            file.replaces, file.rows, file.rows_new, file.checksum = before, rows, rows_new, checksum
            file.octets, file.sha256 = written.octets, written.sha256
            file.known += settled.known
            file.moved += settled.moved
            file.left_out += settled.left_out
            file.save(update_fields=[*_WRITTEN, *_COUNTED])
        if not rows:
            # Retention has removed all rows, or they have left the table.
            _empty(file, before)
            return
        file_store(place=file.place, name=file.name, path=path, written=written)
    _state(file, State.WRITTEN)


def _verify(file: ColdFile) -> None:
    table = TABLES[file.kind]
    with _fetched(file) as path, transaction.atomic(), connection.cursor() as cursor:
        _load(cursor, table, path)
        cursor.execute(table.checksum)
        rows, checksum = cursor.fetchone()
        cold_table_drop(cursor, table)
    if (rows, checksum) != (file.rows, file.checksum):
        raise ColdChanged(f"read back {rows} rows with checksum {checksum}, written {file.rows} with {file.checksum}")
    _state(file, State.VERIFIED)


def _drop(file: ColdFile) -> None:
    month = Month.of(file)
    with _fetched(file) as path, transaction.atomic(), connection.cursor() as cursor:
        count = _load(cursor, month.table, path)
        cold_table_index(cursor, month.table)
        if not Station.objects.select_for_update(no_key=True).filter(pk=file.station_id, deleted_at=None).exists():
            raise ColdChanged("the station is being deleted")
        others_wait(cursor)
        before = cold_file(month, is_locked=True)
        if (before and before.pk) != file.replaces_id:
            raise ColdChanged("another file of this month is cold now")
        cursor.execute(_drop_sql(month.table), _arguments(month))
        if (count, cursor.rowcount) != (file.rows, file.rows_new):
            raise ColdChanged(f"{file.rows_new} rows of the table were written, and {cursor.rowcount} are the same now")
        if before is not None:
            for name in _COUNTED:
                setattr(file, name, getattr(file, name) + getattr(before, name))
            file_over(before)
        file.state, file.cold_at = State.COLD, clock.now()
        file.save(update_fields=["state", "cold_at", *_COUNTED])
        if month.table is READINGS:
            cursor.execute(_PARTS, [file.pk])
        cold_table_drop(cursor, month.table)


def cold_file(month: Month, *, is_locked: bool = False) -> ColdFile | None:
    """The cold file of a month."""
    found = ColdFile.objects.filter(
        station=month.station_id, month=month.month, kind=month.table.kind, state=State.COLD
    )
    return (found.select_for_update() if is_locked else found).first()


def file_over(file: ColdFile) -> None:
    """End a cold file, in the transaction that moves its rows elsewhere."""
    ColdPart.objects.filter(file=file).delete()
    ColdFile.objects.filter(pk=file.pk).update(state=State.OVER, over_at=clock.now())


def others_wait(cursor: Any) -> None:
    """Keep roll-ups from being rebuilt, and retention from removing rows, until the end of the transaction."""
    cursor.execute("SET LOCAL lock_timeout = '90s'")
    cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [RollUp.LOCK])


def month_thaw(file: ColdFile) -> int:
    """Bring the rows of a cold file back into the table; return how many. Raises `Unavailable`."""
    month = Month.of(file)
    table = month.table
    with _fetched(file) as path, transaction.atomic(), connection.cursor() as cursor:
        _gather(cursor, month, path)
        if table is DETECTIONS:
            late_heard_settle(cursor, station_id=month.station_id, start=month.start, end=month.end)
        others_wait(cursor)
        if cold_file(month, is_locked=True) != file:
            # Undo the settling of late rows too, because its counts would be lost.
            transaction.set_rollback(True)
            return 0
        cursor.execute(f"INSERT INTO {table.hot} ({table.listed}) SELECT {table.listed} FROM {table.cold}")  # noqa: S608
        count = int(cursor.rowcount)
        cold_table_drop(cursor, table)
        file_over(file)
    return count


def _repeats_settle(file: ColdFile, month: Month, source: Path | None) -> None:
    """Delete late detections whose key is in the previous file of the month.

    This is a transaction of its own, because ingest of the station waits for its end, and should not wait for the file.
    """
    if source is None or month.table is not DETECTIONS:
        return
    with transaction.atomic(), connection.cursor() as cursor:
        _gather(cursor, month, source)
        settled = late_heard_settle(cursor, station_id=month.station_id, start=month.start, end=month.end)
        cold_table_drop(cursor, month.table)
        file.known += settled.known
        file.left_out += settled.left_out
        file.save(update_fields=_COUNTED)


def _gather(cursor: Any, month: Month, source: Path | None) -> Settled:
    """Load the previous file without rows that retention removed, and settle late readings of the table with it."""
    table = month.table
    _load(cursor, table, source)
    if source is None:
        cold_table_index(cursor, table)
        return Settled()
    cursor.execute(f"DELETE FROM {table.cold} c WHERE {table.expired}")  # noqa: S608 - our own names
    cold_table_index(cursor, table)
    if table is not READINGS:
        return Settled()
    return late_settle(cursor, station_id=month.station_id, start=month.start, end=month.end)


def _load(cursor: Any, table: ColdTable, path: Path | None) -> int:
    cursor.execute("SET LOCAL statement_timeout = '900s'")
    cold_table_drop(cursor, table)
    cold_table_make(cursor, table)
    return 0 if path is None else rows_load(cursor.cursor, table, fetched_tables(path, table))


def _take_sql(table: ColdTable) -> str:
    """SQL that adds the table's rows of the month to those of the previous file, except rows whose key it has."""
    return (
        f"INSERT INTO {table.cold} ({table.listed}) SELECT {', '.join(f'h.{name}' for name in table.names)} "  # noqa: S608
        f"FROM {table.kept} AND h.occurred_at >= %(start)s AND h.occurred_at < %(end)s "
        f"AND NOT EXISTS (SELECT 1 FROM {table.cold} c WHERE {table.same_key('c', 'h')})"
    )


def _drop_sql(table: ColdTable) -> str:
    """SQL that deletes rows of the table that equal a cold row in every column."""
    return (
        f"DELETE FROM {table.hot} h USING {table.cold} c WHERE {table.same_key('h', 'c')} "  # noqa: S608
        "AND h.occurred_at >= %(start)s AND h.occurred_at < %(end)s "
        f"AND ROW({table.figures('h')}) IS NOT DISTINCT FROM ROW({table.figures('c')})"
    )


def _empty(file: ColdFile, before: ColdFile | None) -> None:
    with transaction.atomic():
        if before is not None:
            file_over(before)
        file_give_up(file, "")


def _fetched(file: ColdFile) -> Any:
    return file_fetched(place=file.place, name=file.name, sha256=file.sha256)


def _arguments(month: Month) -> dict[str, Any]:
    return {"station": month.station_id, "start": month.start, "end": month.end}


def _state(file: ColdFile, state: ColdFile.State) -> None:
    file.state = state
    if not ColdFile.objects.filter(pk=file.pk, state__in=ColdFile.MADE).update(state=state):
        raise ColdChanged("it was ended meanwhile")
