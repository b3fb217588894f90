"""Rows from a clock that was not set: finding them, moving them to the right time by one offset, and undoing that.

The offset comes from our time of receipt: a row cannot have been recorded after it arrived, so the smallest
*received - recorded* is the clock's error plus the shortest delay of the link.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import F, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fleet.core import clock
from fleet.core.audit import audit
from fleet.core.errors import Conflict, InvalidInput, NotFound
from fleet.core.live import live_announce
from fleet.core.spoken import duration_words, moment_words
from fleet.ingest.batch import AHEAD_S
from fleet.ingest.corrections.repeats import repeat_sqls
from fleet.organizations.access import Role, Viewer
from fleet.stations.contact.hours import heard_later_sql
from fleet.stations.models import Station
from fleet.telemetry.cold.heard import heard_overlap
from fleet.telemetry.cold.reading import cold_overlaps
from fleet.telemetry.heard.tag_hours import PAST, tag_hours_recount
from fleet.telemetry.keeping.models import ClearedDetections
from fleet.telemetry.models import NOT_NEWEST, Detection, Series, Suspicion, TimeShift
from fleet.telemetry.same_rows import IDENTITIES

Side = TimeShift.Side
#: Most rows of one move: ingest of this station waits meanwhile.
ROWS_MOST = 300_000
_AHEAD = timedelta(seconds=AHEAD_S)
_OFFSET_MOST = timedelta(days=200 * 366)
_MICROSECOND = timedelta(microseconds=1)
#: Flags of a wrong time, which a move removes.
_OF_TIME = int(Suspicion.EPOCH | Suspicion.FUTURE | Suspicion.ANCIENT)
#: Tables by the name of their count in `TimeShift`.
_TABLES: Final = {
    "readings": "telemetry_reading",
    "detections": "telemetry_detection",
    "positions": "telemetry_position",
    "events": "telemetry_stationevent",
}
_MOVED: Final = {"occurred_at": "{at}", "flags": "{flags}", "flags_before": "{before}", "shift_id": "{shift}"}


@dataclass(frozen=True, slots=True)
class WrongRows:
    """Rows of one side: counts by table, times by the station's clock and by ours, and the distance between them."""

    side: str
    counts: dict[str, int]
    first_at: datetime
    last_at: datetime
    first_received_at: datetime
    last_received_at: datetime
    least: timedelta
    most: timedelta

    @property
    def rows(self) -> int:
        """Number of all these rows."""
        return sum(self.counts.values())

    @property
    def is_of_several_starts(self) -> bool:
        """Whether one offset may not fit all rows: their distances from receipt differ by more than a day."""
        return self.most - self.least > timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ShiftPreview:
    """Effect of a move: the rows, the offset, and how many rows stay because a row with their key is already there."""

    wrong: WrongRows
    offset: timedelta
    left: int

    @property
    def first_at(self) -> datetime:
        """New time of the first row."""
        return self.wrong.first_at + self.offset

    @property
    def last_at(self) -> datetime:
        """New time of the last row."""
        return self.wrong.last_at + self.offset


def wrong_rows(
    *, station: Station, side: str, received_from: datetime | None = None, received_until: datetime | None = None
) -> WrongRows | None:
    """Rows of one side that we received in a span; None if there are none."""
    arguments = _arguments(station, side, received_from, received_until)
    counts: dict[str, int] = {}
    found: list[tuple[Any, ...]] = []
    with connection.cursor() as cursor:
        for name in _TABLES:
            cursor.execute(
                f"SELECT count(*), min(d.occurred_at), max(d.occurred_at), min(d.received_at), max(d.received_at), "  # noqa: S608 - our own names
                f"min({_APART}), max({_APART}) FROM {_TABLES[name]} d WHERE {_rows_sql(name, side)}",
                arguments,
            )
            row = cursor.fetchone()
            counts[name] = row[0]
            if row[0]:
                found.append(row[1:])
    if not found:
        return None
    columns = list(zip(*found, strict=True))
    return WrongRows(
        side=side,
        counts=counts,
        first_at=min(columns[0]),
        last_at=max(columns[1]),
        first_received_at=min(columns[2]),
        last_received_at=max(columns[3]),
        least=int(min(columns[4])) * _MICROSECOND,
        most=int(max(columns[5])) * _MICROSECOND,
    )


def time_shift_preview(
    *,
    actor: Viewer,
    station: Station,
    side: str,
    offset: timedelta | None = None,
    received_from: datetime | None = None,
    received_until: datetime | None = None,
) -> ShiftPreview:
    """Count without changing anything; the offset defaults to the one from our receipt.

    Raises `Forbidden` or `InvalidInput`.
    """
    time_operator_require(actor=actor, station=station)
    wrong = wrong_rows(station=station, side=side, received_from=received_from, received_until=received_until)
    if wrong is None:
        raise InvalidInput(_("No data from this station has a wrong time there."), field="side")
    if wrong.rows > ROWS_MOST:
        raise InvalidInput(
            _(
                "These are %(rows)d rows, but only %(most)d can be moved at a time. Choose a shorter period in which "
                "they were received."
            )
            % {"rows": wrong.rows, "most": ROWS_MOST},
            field="received_from",
        )
    offset = wrong.least if offset is None else offset
    _offset_check(station, wrong, offset)
    arguments = _arguments(station, side, received_from, received_until) | {"offset": offset // _MICROSECOND}
    left = 0
    with connection.cursor() as cursor:
        for name, table in _TABLES.items():
            cursor.execute(
                f"SELECT count(*) FROM {table} d WHERE {_rows_sql(name, side)} AND {_has_twin_sql(name)}",  # noqa: S608 - our own names
                arguments,
            )
            left += cursor.fetchone()[0]
    return ShiftPreview(wrong, offset, left)


@transaction.atomic
def time_shift(
    *,
    actor: Viewer,
    station: Station,
    side: str,
    offset: timedelta | None = None,
    received_from: datetime | None = None,
    received_until: datetime | None = None,
) -> TimeShift:
    """Move the rows of one side by an offset. Raises `Forbidden` or `InvalidInput`.

    1. Make ingest of this station wait.  2. Check as a preview does.  3. Take the rows out and insert them at the right
    time; rows with another of their key there stay.  4. Correct counts, roll-ups and newest values.
    """
    _lock_contact(station)
    preview = time_shift_preview(
        actor=actor, station=station, side=side, offset=offset, received_from=received_from,
        received_until=received_until,
    )  # fmt: skip
    shift = TimeShift.objects.create(
        station=station,
        side=side,
        offset_us=preview.offset // _MICROSECOND,
        received_from=received_from,
        received_until=received_until,
        first_at=preview.first_at,
        last_at=preview.last_at,
        made_at=clock.now(),
        made_by_name=actor.name[:150],
    )
    arguments = _arguments(station, side, received_from, received_until) | {
        "offset": shift.offset_us,
        "shift": shift.pk,
    }
    fields = {
        "at": "g.occurred_at + %(offset)s * interval '1 microsecond'",
        "flags": f"(g.flags & ~{_OF_TIME}) | {int(Suspicion.SHIFTED)}",
        "before": "g.flags",
        "shift": "%(shift)s",
    }
    for name in _TABLES:
        where = f"{_rows_sql(name, side)} AND NOT {_has_twin_sql(name)}"
        setattr(shift, name, _move_rows(name, where, fields, arguments))
    shift.left = preview.wrong.rows - shift.rows
    shift.save(update_fields=[*_TABLES, "left"])
    _audit_and_announce(actor, shift, "station.time_shifted")
    return shift


@transaction.atomic
def time_shift_undo(*, actor: Viewer, shift: TimeShift) -> TimeShift:
    """Move the rows back, with the flags that they had: all of them or none. Raises `Conflict`.

    A row that arrived again meanwhile is removed, because the moved one is the same. If another row has the key of one,
    nothing is changed: neither may be lost, and leaving some moved would leave rows of one clock under two times.
    """
    station = shift.station
    time_operator_require(actor=actor, station=station)
    _lock_contact(station)
    _cold_check(station, shift.first_at, shift.last_at)
    if not TimeShift.objects.filter(pk=shift.pk, undone_at=None).update(
        undone_at=clock.now(), undone_by_name=actor.name[:150]
    ):
        raise Conflict(_("This move has already been undone."))
    arguments = _arguments(station, shift.side, None, None) | {
        "offset": -shift.offset_us, "shift": shift.pk, "first": shift.first_at, "last": shift.last_at,
    }  # fmt: skip
    fields = {
        "at": "g.occurred_at + %(offset)s * interval '1 microsecond'",
        "flags": "g.flags_before",
        "before": "NULL::smallint",
        "shift": "NULL::bigint",
    }
    where = {
        name: f"{_owner_sql(name)} AND d.occurred_at BETWEEN %(first)s AND %(last)s AND d.shift_id = %(shift)s"
        for name in _TABLES
    }
    again = sum(_remove_repeats(name, where[name], arguments) for name in _TABLES)
    _room_check(where, arguments)
    rows = sum(_move_rows(name, where[name], fields, arguments) for name in _TABLES)
    TimeShift.objects.filter(pk=shift.pk).update(again=F("again") + again)
    shift.refresh_from_db()
    _audit_and_announce(actor, shift, "station.time_shifted_back", rows=rows, again=again)
    return shift


def time_shift_list(*, station: Station) -> QuerySet[TimeShift]:
    """Moves of a station's rows in time, newest first."""
    return TimeShift.objects.filter(station=station).select_related("station__organization").order_by("-pk")


def time_shift_get(*, station: Station, shift_id: int) -> TimeShift:
    """One move. Raises `NotFound`."""
    found = time_shift_list(station=station).filter(pk=shift_id).first()
    if found is None:
        raise NotFound(_("%(serial)s has no such move in time.") % {"serial": station.serial})
    return found


def time_operator_require(*, actor: Viewer, station: Station) -> None:
    """Raise `Forbidden` unless the actor may move data of a station."""
    actor.require(Role.OPERATOR, station=station, to=_("move data of %(serial)s"))


_APART = "((extract(epoch FROM d.received_at) - extract(epoch FROM d.occurred_at)) * 1000000)::bigint"


def _offset_check(station: Station, wrong: WrongRows, offset: timedelta) -> None:
    """Refuse offsets that put rows after their receipt, before 2010, or where readings are removed or cold."""
    if abs(offset) > _OFFSET_MOST:
        raise InvalidInput(_("No clock is off by that much."), field="offset_s")
    if offset > wrong.least + _AHEAD:
        raise InvalidInput(
            _(
                "With this offset, some data would have been recorded after it was received; the maximum is %(most)d "
                "seconds."
            )
            % {"most": wrong.least.total_seconds()},
            field="offset_s",
        )
    first = wrong.first_at + offset
    if first < PAST:
        raise InvalidInput(_("With this offset the data would still be from before 2010."), field="offset_s")
    is_cleared = ClearedDetections.objects.filter(station=station, before__gt=first).exists()
    if is_cleared or Series.objects.filter(station=station, raw_from__gt=first).exists():
        raise InvalidInput(
            _("Readings from that time are no longer kept, so the data cannot be moved there."), field="offset_s"
        )
    _cold_check(station, first, wrong.last_at + offset)


def _cold_check(station: Station, first: datetime, last: datetime) -> None:
    """Refuse to move rows to or from months that are cold: only rows of the table can be moved."""
    if cold_overlaps(station_id=station.pk, first=first, last=last) or heard_overlap([station.pk], first, last):
        raise Conflict(
            _(
                "Data of %(serial)s from that time is in cold storage. Ask an administrator to bring it back first: "
                "./roost manage cold thaw %(serial)s"
            )
            % {"serial": station.serial}
        )


def _arguments(
    station: Station, side: str, received_from: datetime | None, received_until: datetime | None
) -> dict[str, Any]:
    if side not in Side.values:
        raise InvalidInput(_("A clock can only be behind or ahead."), field="side")
    return {
        "station": station.pk,
        "series": list(Series.objects.filter(station=station).values_list("pk", flat=True)),
        "past": PAST,
        "ahead": clock.now() + _AHEAD,
        "from": received_from or datetime(1970, 1, 1, tzinfo=UTC),
        "until": received_until or datetime(9000, 1, 1, tzinfo=UTC),
    }


def _owner_sql(name: str, row: str = "d") -> str:
    return f"{row}.series_id = ANY(%(series)s)" if name == "readings" else f"{row}.station_id = %(station)s"


def _rows_sql(name: str, side: str) -> str:
    """SQL condition for the rows that a move is about."""
    moment = "d.occurred_at < %(past)s" if side == Side.BEHIND else "d.occurred_at > %(ahead)s"
    return f"{_owner_sql(name)} AND {moment} AND d.received_at >= %(from)s AND d.received_at < %(until)s AND d.shift_id IS NULL"


def _has_twin_sql(name: str) -> str:
    table = _TABLES[name]
    return (
        f"EXISTS (SELECT 1 FROM {table} t WHERE {IDENTITIES[table].same_key_sql('t', 'd')} "  # noqa: S608 - our own names
        "AND t.occurred_at = d.occurred_at + %(offset)s * interval '1 microsecond')"
    )


def _move_rows(name: str, where: str, fields: dict[str, str], arguments: dict[str, Any]) -> int:
    """Take rows out and insert them elsewhere; return how many. All are out before the first is inserted."""
    table = _TABLES[name]
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE going (LIKE {table}) ON COMMIT DROP")
        cursor.execute(
            f"WITH gone AS (DELETE FROM {table} d WHERE {where} RETURNING d.*) INSERT INTO going SELECT * FROM gone",  # noqa: S608
            arguments,
        )
        moved = cursor.rowcount
        if moved:
            cursor.execute("SELECT attname FROM pg_attribute WHERE attrelid = 'going'::regclass AND attnum > 0")
            columns = [row[0] for row in cursor.fetchall()]
            taken = ", ".join(_MOVED[c].format(**fields) if c in _MOVED else f"g.{c}" for c in columns)
            cursor.execute(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {taken} FROM going g", arguments)  # noqa: S608
            _update_derived(cursor, name, arguments)
        cursor.execute("DROP TABLE going")
    return int(moved)


def _remove_repeats(name: str, where: str, arguments: dict[str, Any]) -> int:
    """Delete rows at the times to which moved rows will return if they are the same, sent again; return how many."""
    table, removed = _TABLES[name], 0
    with connection.cursor() as cursor:
        for is_repeat in repeat_sqls(table, "t", by="d"):
            again = f"DELETE FROM {table} t USING {table} d WHERE {where} AND {is_repeat} AND t.shift_id IS NULL"  # noqa: S608
            corrected = ""
            if name == "detections":
                corrected = f", corrected AS ({_hours_sql('again', 'occurred_at', '-')})"
            elif name == "readings":
                corrected = f", corrected AS ({_hours_due_sql('SELECT series_id, occurred_at AS at FROM again')})"  # noqa: S608
            cursor.execute(
                f"WITH again AS ({again} RETURNING t.*){corrected} SELECT count(*) FROM again",  # noqa: S608 - as above
                arguments,
            )
            removed += cursor.fetchone()[0]
    return removed


def _room_check(where: dict[str, str], arguments: dict[str, Any]) -> None:
    """Refuse to move rows to places that other rows have. Rows of the same move leave theirs, so those are free."""
    taken = 0
    firsts: list[datetime] = []
    lasts: list[datetime] = []
    is_wrong = True
    with connection.cursor() as cursor:
        for name, table in _TABLES.items():
            cursor.execute(
                "SELECT count(*), min(t.received_at), max(t.received_at), "  # noqa: S608 - our own names
                "bool_and(t.shift_id IS NULL AND (t.occurred_at < %(past)s OR t.occurred_at > %(ahead)s)) "
                f"FROM {table} d, {table} t WHERE {where[name]} AND {IDENTITIES[table].same_key_sql('t', 'd')} "
                "AND t.occurred_at = d.occurred_at + %(offset)s * interval '1 microsecond' "
                "AND t.shift_id IS DISTINCT FROM %(shift)s",
                arguments,
            )
            count, first, last, is_movable = cursor.fetchone()
            if count:
                taken += count
                firsts.append(first)
                lasts.append(last)
                is_wrong = is_wrong and is_movable
    if not taken:
        return
    now = clock.now()
    words = {"n": taken, "first": moment_words(min(firsts), now), "last": moment_words(max(lasts), now)}
    if is_wrong:
        sentence = ngettext(
            "%(n)d row cannot go back: other data, received %(first)s, has its original time. Correct the times of that "
            "data first, by when it was received, and then undo this correction. Nothing was changed.",
            "%(n)d rows cannot go back: other data, received from %(first)s to %(last)s, has their original times. "
            "Correct the times of that data first, by when it was received, and then undo this correction. Nothing was "
            "changed.",
            taken,
        )
    else:
        sentence = ngettext(
            "%(n)d row cannot go back, because other data, received %(first)s, has its original time by now. Nothing was "
            "changed.",
            "%(n)d rows cannot go back, because other data, received from %(first)s to %(last)s, has their original "
            "times by now. Nothing was changed.",
            taken,
        )
    raise Conflict(sentence % words)


def _update_derived(cursor: CursorWrapper, name: str, arguments: dict[str, Any]) -> None:
    """Update everything derived from the rows in `going`, at their old moments and at their new ones."""
    new = "occurred_at + %(offset)s * interval '1 microsecond'"
    if name == "readings":
        cursor.execute(
            _hours_due_sql(
                f"SELECT series_id, occurred_at AS at FROM going UNION ALL SELECT series_id, {new} FROM going"  # noqa: S608
            ),
            arguments,
        )
        rows = f"SELECT s.station_id, {new} AS at FROM going g JOIN telemetry_series s ON s.id = g.series_id"  # noqa: S608
        cursor.execute(heard_later_sql(rows), arguments)
        _recompute_newest(cursor)
    if name == "detections":
        cursor.execute(heard_later_sql(f"SELECT station_id, {new} AS at FROM going"), arguments)  # noqa: S608
        for at, sign in (("occurred_at", "-"), (new, "")):
            cursor.execute(_hours_sql("going", at, sign), arguments)
        cursor.execute("DELETE FROM telemetry_detectioncount WHERE station_id = %(station)s AND count <= 0", arguments)
        cursor.execute(
            "SELECT DISTINCT date_trunc('hour', at, 'UTC') FROM ("  # noqa: S608 - our own names
            f"SELECT kind, occurred_at AS at FROM going UNION ALL SELECT kind, {new} FROM going) AS both_ends "
            f"WHERE kind = {Detection.Kind.TAG.value}",
            arguments,
        )
        tag_hours_recount(station_id=arguments["station"], hours=[row[0] for row in cursor.fetchall()])
    if name in ("detections", "positions"):
        cursor.execute(
            "UPDATE files_stationfile f SET rows_from = least(f.rows_from, n.low), rows_to = greatest(f.rows_to, n.high) "  # noqa: S608
            f"FROM (SELECT file_id, min({new}) AS low, max({new}) AS high FROM going GROUP BY 1) n WHERE f.id = n.file_id",
            arguments,
        )


def _hours_due_sql(found: str) -> str:
    """SQL that marks the hours of the series and moments (`at`) in `found` as dirty."""
    return (
        "INSERT INTO telemetry_dirtyhour (series_id, hour, noted_at) "  # noqa: S608 - our own names
        f"SELECT DISTINCT series_id, date_trunc('hour', at, 'UTC'), statement_timestamp() FROM ({found}) AS found "
        "ORDER BY 1, 2 ON CONFLICT DO NOTHING"
    )


def _hours_sql(rows: str, at: str, sign: str) -> str:
    return (
        "INSERT INTO telemetry_detectioncount (station_id, hour, port, kind, count) "  # noqa: S608 - our own names
        f"SELECT station_id, date_trunc('hour', {at}, 'UTC'), port, kind, {sign}count(*) FROM {rows} "
        "GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4 ON CONFLICT (station_id, hour, port, kind) "
        "DO UPDATE SET count = telemetry_detectioncount.count + excluded.count"
    )


def _recompute_newest(cursor: CursorWrapper) -> None:
    """Recompute the newest believable value of each series that lost or got readings."""
    cursor.execute(
        "UPDATE telemetry_series s SET last_at = n.occurred_at, last_value = n.value, last_received_at = n.received_at "  # noqa: S608
        "FROM (SELECT DISTINCT series_id FROM going) g LEFT JOIN LATERAL ("
        "SELECT occurred_at, value, received_at FROM telemetry_reading r WHERE r.series_id = g.series_id "
        f"AND r.flags & {int(NOT_NEWEST)} = 0 ORDER BY r.occurred_at DESC LIMIT 1) n ON true "
        "WHERE s.id = g.series_id AND (n.occurred_at IS NOT NULL OR s.raw_from IS NULL)"
    )


def _lock_contact(station: Station) -> None:
    """Lock the contact, so that ingest of this station waits, and change its epoch."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE stations_stationcontact SET epoch = epoch + 1 WHERE station_id = %s", [station.pk])


def _audit_and_announce(actor: Viewer, shift: TimeShift, action: str, **counts: int) -> None:
    """Enter the move into the audit log, and announce it. `counts` replace or add to those of the move."""
    station = shift.station
    audit(
        actor,
        station,
        action,
        shift=shift.pk,
        offset=duration_words(abs(shift.offset_us) / 1e6),
        offset_us=shift.offset_us,
        **{"rows": shift.rows, "left": shift.left, **counts},
    )
    changed = {station.organization_id: [station.serial]}
    live_announce(changed=changed)


def sides_wrong(*, station: Station) -> Iterator[WrongRows]:
    """Rows with a wrong time for each side that has any, those in the past first."""
    for side in Side.values:
        wrong = wrong_rows(station=station, side=side)
        if wrong is not None:
            yield wrong
