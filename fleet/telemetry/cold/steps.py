"""The steps by which a station's month becomes cold. Whoever dies between two of them, the next run goes on.

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
    CHECKSUM,
    COLD,
    COLUMNS,
    HOT,
    cold_table_drop,
    cold_table_index,
    cold_table_make,
    rows_load,
    rows_take,
)
from fleet.telemetry.cold.settling import Settled, late_settle
from fleet.telemetry.cold_files import ColdFile, ColdPart
from fleet.telemetry.models import RollUp

State = ColdFile.State
#: Held by the one process that moves months, thaws them, or erases their files.
LOCK: Final = "roost.cold"
#: Counts of late rows, which a file takes over from the one that it replaces.
_COUNTED: Final = ("known", "moved", "left_out")
_LIST: Final = ", ".join(COLUMNS)
_EXPIRED: Final = (
    f"DELETE FROM {COLD} c WHERE NOT EXISTS (SELECT 1 FROM telemetry_series s WHERE s.id = c.series_id "  # noqa: S608
    "AND (s.raw_from IS NULL OR c.occurred_at >= s.raw_from))"
)
_TAKE: Final = (
    f"INSERT INTO {COLD} ({_LIST}) SELECT {', '.join(f'h.{name}' for name in COLUMNS)} "  # noqa: S608
    f"FROM telemetry_series s, {HOT} h WHERE s.station_id = %(station)s AND h.series_id = s.id "
    "AND h.occurred_at >= %(start)s AND h.occurred_at < %(end)s AND (s.raw_from IS NULL OR h.occurred_at >= s.raw_from)"
)
_FIGURES: Final = ("received_at", "float8send({}.value)", "flags", "float8send({}.sent_value)", *COLUMNS[6:])
_DROP: Final = (
    f"DELETE FROM {HOT} h USING {COLD} c WHERE h.series_id = c.series_id AND h.occurred_at = c.occurred_at "  # noqa: S608
    "AND h.occurred_at >= %(start)s AND h.occurred_at < %(end)s AND "
    + " IS NOT DISTINCT FROM ".join(
        f"ROW({', '.join(name.format(row) if '{' in name else f'{row}.{name}' for name in _FIGURES)})" for row in "hc"
    )
)
_PARTS: Final = (
    "INSERT INTO telemetry_coldpart (series_id, file_id, rows, first_at, last_at) "  # noqa: S608 - our own names
    f"SELECT series_id, %s, count(*), min(occurred_at), max(occurred_at) FROM {COLD} GROUP BY 1"
)


class ColdChanged(Exception):
    """The rows read back differ from the database's, so nothing may be deleted. The text says how they differ."""


@dataclass(frozen=True, slots=True)
class Month:
    """One month of one station, by the station's clock in UTC."""

    station_id: int
    month: date

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
    """The file in the making for a month, begun now or earlier; None if its station is being deleted."""
    station = Station.objects.select_for_update(no_key=True).filter(pk=month.station_id, deleted_at=None).first()
    if station is None:
        return None
    made = ColdFile.objects.filter(station=station, month=month.month, state__in=ColdFile.MADE).first()
    if made is not None:
        return made
    made = ColdFile.objects.create(station=station, month=month.month, place=place_now(), name="", begun_at=clock.now())
    made.name = file_name(
        organization_id=station.organization_id, station_id=station.pk, month=month.month, number=made.pk
    )
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
    """End a file that never became cold; without a reason if nothing is left of its month."""
    file.state, file.reason, file.over_at = State.OVER, reason[:200], clock.now()
    ColdFile.objects.filter(pk=file.pk, state__in=ColdFile.MADE).update(
        state=file.state, reason=file.reason, over_at=file.over_at
    )


def _write(file: ColdFile) -> None:
    month = Month(file.station_id, file.month)
    with tempfile.TemporaryDirectory(prefix="roost-cold-") as folder, ExitStack() as stack:
        path = Path(folder) / "month.parquet"
        before = cold_file(month)
        source = None if before is None else stack.enter_context(_fetched(before))
        with transaction.atomic(), connection.cursor() as cursor:
            settled = _gather(cursor, month, source)
            cursor.execute(_TAKE, _arguments(month))
            rows_new = cursor.rowcount
            cursor.execute(CHECKSUM)
            rows, checksum = cursor.fetchone()
            written = parquet_write(path, rows_take(cursor.cursor))
            cold_table_drop(cursor)
            file.replaces, file.rows, file.rows_new, file.checksum = before, rows, rows_new, checksum
            file.octets, file.sha256 = written.octets, written.sha256
            file.known += settled.known
            file.moved += settled.moved
            file.left_out += settled.left_out
            file.save(update_fields=["replaces", "rows", "rows_new", "checksum", "octets", "sha256", *_COUNTED])
        if not rows:
            # Retention has removed everything, or nothing is left of it in the table.
            _empty(file, before)
            return
        file_store(place=file.place, name=file.name, path=path, written=written)
    _state(file, State.WRITTEN)


def _verify(file: ColdFile) -> None:
    with _fetched(file) as path, transaction.atomic(), connection.cursor() as cursor:
        _load(cursor, path)
        cursor.execute(CHECKSUM)
        rows, checksum = cursor.fetchone()
        cold_table_drop(cursor)
    if (rows, checksum) != (file.rows, file.checksum):
        raise ColdChanged(f"read back {rows} rows with checksum {checksum}, written {file.rows} with {file.checksum}")
    _state(file, State.VERIFIED)


def _drop(file: ColdFile) -> None:
    month = Month(file.station_id, file.month)
    with _fetched(file) as path, transaction.atomic(), connection.cursor() as cursor:
        count = _load(cursor, path)
        cold_table_index(cursor)
        if not Station.objects.select_for_update(no_key=True).filter(pk=file.station_id, deleted_at=None).exists():
            raise ColdChanged("the station is being deleted")
        rollups_wait(cursor)
        before = cold_file(month, is_locked=True)
        if (before and before.pk) != file.replaces_id:
            raise ColdChanged("another file of this month is cold now")
        cursor.execute(_DROP, _arguments(month))
        if (count, cursor.rowcount) != (file.rows, file.rows_new):
            raise ColdChanged(f"{file.rows_new} rows of the table were written, and {cursor.rowcount} are the same now")
        if before is not None:
            for name in _COUNTED:
                setattr(file, name, getattr(file, name) + getattr(before, name))
            file_over(before)
        file.state, file.cold_at = State.COLD, clock.now()
        file.save(update_fields=["state", "cold_at", *_COUNTED])
        cursor.execute(_PARTS, [file.pk])
        cold_table_drop(cursor)


def cold_file(month: Month, *, is_locked: bool = False) -> ColdFile | None:
    """The cold file of a month."""
    found = ColdFile.objects.filter(station=month.station_id, month=month.month, state=State.COLD)
    return (found.select_for_update() if is_locked else found).first()


def file_over(file: ColdFile) -> None:
    """End a cold file, in the transaction in which its rows are elsewhere."""
    ColdPart.objects.filter(file=file).delete()
    ColdFile.objects.filter(pk=file.pk).update(state=State.OVER, over_at=clock.now())


def rollups_wait(cursor: Any) -> None:
    """Wait until no roll-up is rebuilt and no reading removed, until the end of the transaction."""
    cursor.execute("SET LOCAL lock_timeout = '90s'")
    cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [RollUp.LOCK])


def month_thaw(file: ColdFile) -> int:
    """Bring the rows of a cold file back into the table; return how many. Raises `Unavailable`."""
    month = Month(file.station_id, file.month)
    with _fetched(file) as path, transaction.atomic(), connection.cursor() as cursor:
        _gather(cursor, month, path)
        rollups_wait(cursor)
        if cold_file(month, is_locked=True) != file:
            return 0
        cursor.execute(f"INSERT INTO {HOT} ({_LIST}) SELECT {_LIST} FROM {COLD}")  # noqa: S608
        count = int(cursor.rowcount)
        cold_table_drop(cursor)
        file_over(file)
    return count


def _gather(cursor: Any, month: Month, source: Path | None) -> Settled:
    """Load the file of before, without what retention has removed, and settle the late rows of the table with it."""
    if source is None:
        _load(cursor, None)
        cold_table_index(cursor)
        return Settled()
    _load(cursor, source)
    cursor.execute(_EXPIRED)
    cold_table_index(cursor)
    return late_settle(cursor, station_id=month.station_id, start=month.start, end=month.end)


def _load(cursor: Any, path: Path | None) -> int:
    cursor.execute("SET LOCAL statement_timeout = '900s'")
    cold_table_drop(cursor)
    cold_table_make(cursor)
    return 0 if path is None else rows_load(cursor.cursor, fetched_tables(path))


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
