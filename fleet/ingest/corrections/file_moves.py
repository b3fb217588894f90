"""Moving files with their rows from one station to another of the same organization, and undoing it.

A card that was read for the wrong station leaves its detections and positions there. These know their file, so they can
be moved. A row that the target already has stays a single row: the moved one is set aside, and comes back when the move
is undone. A row whose key another row of the target has stays where it is, and is counted. Events and readings name no
file and stay.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fleet.core import clock
from fleet.core.audit import audit
from fleet.core.errors import Conflict, InvalidInput, NotFound
from fleet.core.live import live_announce
from fleet.files.models import FileMove, StationFile
from fleet.ingest.stages.file_accounts import sums_rebuild
from fleet.organizations.access import Role, Viewer
from fleet.stations.contact.hours import heard_later_sql
from fleet.stations.models import Station
from fleet.telemetry.cold.heard import heard_overlap
from fleet.telemetry.heard.tag_hours import counting_order, tag_hours_recount
from fleet.telemetry.models import Detection
from fleet.telemetry.same_rows import DETECTION, POSITION

#: Limits of one move: a season's card, within the time that a person waits.
FILES_MOST, ROWS_MOST = 500, 1_000_000
#: Tables whose rows know their file.
_TABLES: Final = {"telemetry_detection": DETECTION, "telemetry_position": POSITION}
_COUNTED = "telemetry_detection"
_HOURS_OF_TAGS = "DISTINCT date_trunc('hour', d.occurred_at, 'UTC')"
_IS_TAG = f"d.kind = {Detection.Kind.TAG.value}"
#: FROM and WHERE of the rows `d` that a move set aside.
_SET_ASIDE = (
    "files_filemovetwin w, LATERAL jsonb_populate_record(NULL::{0}, w.row) d "
    'WHERE w.move_id = %(move)s AND w."table" = %(table)s'
)
_OF_FILES = "d.station_id = %(source)s AND d.file_id = ANY(%(files)s) AND d.occurred_at BETWEEN %(low)s AND %(high)s"


@dataclass(frozen=True, slots=True)
class MovePreview:
    """Effect of a move: files, rows, `twins`, the rows that the target already has, and `left`, which stay.

    A row stays if the target has another one with its time, port and line.
    """

    files: int
    detections: int
    positions: int
    twins: int
    left: int

    @property
    def rows(self) -> int:
        """All rows of the files."""
        return self.detections + self.positions


def file_move_preview(*, actor: Viewer, station: Station, target: Station, files: Sequence[StationFile]) -> MovePreview:
    """Count what a move would do, without changing anything. Raises `Forbidden` or `InvalidInput`."""
    _move_check(actor, station, target, files)
    _cold_check(station, target, files)
    counted = {table: _count(table, _arguments(station, target, files)) for table in _TABLES}
    preview = MovePreview(
        files=len(files),
        detections=counted["telemetry_detection"][0],
        positions=counted["telemetry_position"][0],
        twins=sum(twins for _rows, twins, _left in counted.values()),
        left=sum(left for _rows, _twins, left in counted.values()),
    )
    if preview.rows > ROWS_MOST:
        raise InvalidInput(
            _("These files have %(rows)d rows, but only %(most)d can be moved at a time. Choose fewer files.")
            % {"rows": preview.rows, "most": ROWS_MOST},
            field="files",
        )
    return preview


@transaction.atomic
def file_move(*, actor: Viewer, station: Station, target: Station, files: Sequence[StationFile]) -> FileMove:
    """Move files with their rows. Raises `Forbidden` or `InvalidInput`."""
    moment = clock.now()
    _lock_contacts(station, target)
    # Read again under the lock, so that nobody else can move them now.
    files = list(StationFile.objects.select_for_update().filter(pk__in=[file.pk for file in files], station=station))
    preview = file_move_preview(actor=actor, station=station, target=target, files=files)
    move = FileMove.objects.create(
        station=station,
        target=target,
        moved_at=moment,
        moved_by_name=actor.name[:150],
        files=preview.files,
        rows=preview.rows - preview.twins - preview.left,
        twins=preview.twins,
        left=preview.left,
        file_ids=[file.pk for file in files],
    )
    _move_rows(_arguments(station, target, files), move)
    _move_files(files, target)
    sums_rebuild([station.pk, target.pk], moment)
    _audit_and_announce(actor, move, "station.files_moved")
    return move


@transaction.atomic
def file_move_undo(*, actor: Viewer, move: FileMove) -> FileMove:
    """Move the files back with all their rows, including those that the target already had. Raises `Conflict`.

    A row that arrived again meanwhile is the same and stays single. If another row has the key of one, nothing is changed.
    """
    moment, station, target = clock.now(), move.station, move.target
    file_operator_require(actor=actor, station=station)
    _lock_contacts(station, target)
    files = list(StationFile.objects.select_for_update().filter(pk__in=move.file_ids, station=target))
    if len(files) != len(move.file_ids):
        raise Conflict(_("Some of these files were moved again or deleted since. Move the others one by one."))
    _move_check(actor, target, station, files)
    _cold_check(target, station, files)
    if not FileMove.objects.filter(pk=move.pk, undone_at=None).update(
        undone_at=moment, undone_by_name=actor.name[:150]
    ):
        raise Conflict(_("This move has already been undone."))
    back = _arguments(target, station, files)
    _room_check(move, back)
    again = _move_rows(back, None) + _restore_twins(move)
    _move_files(files, station)
    sums_rebuild([station.pk, target.pk], moment)
    move.refresh_from_db()
    _audit_and_announce(actor, move, "station.files_moved_back", again=again)
    return move


def file_move_list(*, station: Station) -> QuerySet[FileMove]:
    """Moves from and to a station, newest first."""
    both = FileMove.objects.filter(station=station) | FileMove.objects.filter(target=station)
    return both.select_related("station__organization", "target__organization").order_by("-pk")


def file_move_get(*, station: Station, move_id: int) -> FileMove:
    """One move from or to a station. Raises `NotFound`."""
    found = file_move_list(station=station).filter(pk=move_id).first()
    if found is None:
        raise NotFound(_("%(serial)s has no such move of files.") % {"serial": station.serial})
    return found


def file_operator_require(*, actor: Viewer, station: Station) -> None:
    """Raise `Forbidden` unless the actor may move files of a station."""
    actor.require(Role.OPERATOR, station=station, to=_("move files of %(serial)s"))


def _move_check(actor: Viewer, station: Station, target: Station, files: Sequence[StationFile]) -> None:
    file_operator_require(actor=actor, station=station)
    file_operator_require(actor=actor, station=target)
    if station.organization_id != target.organization_id:
        raise InvalidInput(_("Files can only move to a station of the same organization."), field="to")
    if station.pk == target.pk:
        raise InvalidInput(_("The files already belong to this station."), field="to")
    if not files:
        raise InvalidInput(_("Choose at least one file."), field="files")
    if len(files) > FILES_MOST:
        raise InvalidInput(_("At most %(most)d files can be moved at a time.") % {"most": FILES_MOST}, field="files")


def _cold_check(station: Station, target: Station, files: Sequence[StationFile]) -> None:
    """Refuse to move files from or into months whose detections are cold: only rows of the table can be moved."""
    span = _arguments(station, target, files)
    for one in (station, target):
        if heard_overlap([one.pk], span["low"], span["high"]):
            raise Conflict(
                _(
                    "Data of %(serial)s from that time is in cold storage. Ask an administrator to bring it back first: "
                    "./roost manage cold thaw %(serial)s"
                )
                % {"serial": one.serial}
            )


def _lock_contacts(station: Station, target: Station) -> None:
    """Lock the contacts, so that ingest of both stations waits, and change their epoch, so that it rereads file ids."""
    with connection.cursor() as cursor:
        for station_id in sorted((station.pk, target.pk)):
            cursor.execute("UPDATE stations_stationcontact SET epoch = epoch + 1 WHERE station_id = %s", [station_id])


def _arguments(station: Station, target: Station, files: Sequence[StationFile]) -> dict[str, Any]:
    """Parameters of the statements. Files without rows have no moments."""
    lows = [file.rows_from for file in files if file.rows_from is not None]
    highs = [file.rows_to for file in files if file.rows_to is not None]
    nothing = clock.from_seconds(0.0)
    return {
        "source": station.pk,
        "target": target.pk,
        "files": [file.pk for file in files],
        "low": min(lows, default=nothing),
        "high": max(highs, default=nothing),
    }


def _is_there(table: str, condition: str = "true") -> str:
    """Condition: the target has a row `t` with the key of `d`, for which the condition holds."""
    key = _TABLES[table].same_key_sql("t", "d", of_one_owner=False)
    return (
        f"EXISTS (SELECT 1 FROM {table} t WHERE t.station_id = %(target)s AND t.occurred_at = d.occurred_at "  # noqa: S608 - our own names
        f"AND {key} AND {condition})"
    )


def _is_twin(table: str) -> str:
    """Condition: the target already has the row."""
    return _is_there(table, _TABLES[table].same_figures_sql("t", "d"))


def _is_left(table: str) -> str:
    """Condition: the target has another row with its key."""
    return _is_there(table, f"NOT {_TABLES[table].same_figures_sql('t', 'd')}")


def _count(table: str, arguments: dict[str, Any]) -> tuple[int, int, int]:
    """Number of the files' rows, how many of these the target already has, and how many have to stay."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*), count(*) FILTER (WHERE {_is_twin(table)}), count(*) FILTER (WHERE {_is_left(table)}) "  # noqa: S608 - our own names
            f"FROM {table} d WHERE {_OF_FILES}",
            arguments,
        )
        rows, twins, left = cursor.fetchone()
        return int(rows), int(twins), int(left)


def _move_rows(arguments: dict[str, Any], move: FileMove | None) -> int:
    """Remove the twins and keep them with the move; then give the other rows to the target, and correct the counts.

    Return the number of twins.
    """
    twins = 0
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_HOURS_OF_TAGS} FROM {_COUNTED} d WHERE {_OF_FILES} AND {_IS_TAG}", arguments)  # noqa: S608 - our own names
        hours = [row[0] for row in cursor.fetchall()]
        for table in _TABLES:
            arguments = {**arguments, "move": move.pk if move else None, "table": table}
            going = f"{_OF_FILES} AND NOT {_is_left(table)}"
            if table == _COUNTED:
                heard = f"SELECT %(target)s::bigint AS station_id, d.occurred_at AS at FROM {table} d WHERE {going}"  # noqa: S608
                cursor.execute(heard_later_sql(heard), arguments)
                _add_to_hours(cursor, arguments, station="source", sign="-", where=going)
                _add_to_hours(
                    cursor, arguments, station="target", sign="", where=f"{_OF_FILES} AND NOT {_is_there(table)}"
                )
            away = f"DELETE FROM {table} d WHERE {_OF_FILES} AND {_is_twin(table)}"  # noqa: S608 - our own names
            if move is not None:
                away = (
                    f'WITH away AS ({away} RETURNING d.*) INSERT INTO files_filemovetwin (move_id, "table", row) '  # noqa: S608
                    "SELECT %(move)s, %(table)s, to_jsonb(away) FROM away"
                )
            cursor.execute(away, arguments)
            twins += cursor.rowcount
            # Those that remain and are there are others.
            cursor.execute(
                f"UPDATE {table} d SET station_id = %(target)s WHERE {_OF_FILES} AND NOT {_is_there(table)}",  # noqa: S608
                arguments,
            )
        cursor.execute("DELETE FROM telemetry_detectioncount WHERE station_id = %(source)s AND count <= 0", arguments)
    for station_id in sorted((arguments["source"], arguments["target"]), key=counting_order):
        tag_hours_recount(station_id=station_id, hours=hours)
    return int(twins)


def _room_check(move: FileMove, arguments: dict[str, Any]) -> None:
    """Refuse to undo a move if the station has other rows by now with the keys of those that would come back."""
    taken = 0
    with connection.cursor() as cursor:
        for table in _TABLES:
            cursor.execute(
                f"SELECT (SELECT count(*) FROM {table} d WHERE {_OF_FILES} AND {_is_left(table)}) "  # noqa: S608 - our own names
                f"+ (SELECT count(*) FROM {_SET_ASIDE.format(table)} AND {_is_left(table)})",
                {**arguments, "move": move.pk, "table": table},
            )
            taken += cursor.fetchone()[0]
    if taken:
        raise Conflict(
            ngettext(
                "%(n)d row cannot go back: %(serial)s has another row with its time, port and line by now. Move the files "
                "from %(target)s to %(serial)s instead of undoing the move: that row then stays where it is. Nothing was "
                "changed.",
                "%(n)d rows cannot go back: %(serial)s has other rows with their times, ports and lines by now. Move the "
                "files from %(target)s to %(serial)s instead of undoing the move: those rows then stay where they are. "
                "Nothing was changed.",
                taken,
            )
            % {"n": taken, "serial": move.station.serial, "target": move.target.serial}
        )


def _add_to_hours(cursor: CursorWrapper, arguments: dict[str, Any], *, station: str, sign: str, where: str) -> None:
    cursor.execute(
        "INSERT INTO telemetry_detectioncount (station_id, hour, port, kind, count) "  # noqa: S608 - our own names
        f"SELECT %({station})s, date_trunc('hour', d.occurred_at, 'UTC'), d.port, d.kind, {sign}count(*) "
        f"FROM {_COUNTED} d WHERE {where} GROUP BY 2, 3, 4 ON CONFLICT (station_id, hour, port, kind) "
        "DO UPDATE SET count = telemetry_detectioncount.count + excluded.count",
        arguments,
    )


def _restore_twins(move: FileMove) -> int:
    """Put back the rows that the target also had, except those that arrived again meanwhile; return how many did."""
    hours: list[datetime] = []
    again = 0
    with connection.cursor() as cursor:
        for table in _TABLES:
            arguments: dict[str, Any] = {"move": move.pk, "table": table}
            back = f"INSERT INTO {table} SELECT d.* FROM {_SET_ASIDE.format(table)} ON CONFLICT DO NOTHING RETURNING *"  # noqa: S608
            counted = ""
            if table == _COUNTED:
                cursor.execute(f"SELECT {_HOURS_OF_TAGS} FROM {_SET_ASIDE.format(table)} AND {_IS_TAG}", arguments)  # noqa: S608
                hours = [row[0] for row in cursor.fetchall()]
                counted = (
                    ", counted AS (INSERT INTO telemetry_detectioncount (station_id, hour, port, kind, count) "
                    "SELECT station_id, date_trunc('hour', occurred_at, 'UTC'), port, kind, count(*) FROM back "
                    "GROUP BY 1, 2, 3, 4 ON CONFLICT (station_id, hour, port, kind) "
                    "DO UPDATE SET count = telemetry_detectioncount.count + excluded.count)"
                )
            cursor.execute(
                f"WITH back AS ({back}){counted} SELECT (SELECT count(*) FROM {_SET_ASIDE.format(table)}) "  # noqa: S608
                "- (SELECT count(*) FROM back)",
                arguments,
            )
            again += cursor.fetchone()[0]
        cursor.execute("DELETE FROM files_filemovetwin WHERE move_id = %s", [move.pk])
    tag_hours_recount(station_id=move.station_id, hours=hours)
    return again


def _move_files(files: Sequence[StationFile], target: Station) -> None:
    """Give the files to the target. A returning file is its own again, unless it has a new file of that name."""
    for file in files:
        is_home = file.is_moved_here and file.moved_from_id == target.pk
        own = StationFile.objects.filter(station=target, name=file.name, is_moved_here=False)
        is_own = is_home and not own.exists()
        origin = None if is_own else (file.moved_from_id if file.is_moved_here else file.station_id)
        StationFile.objects.filter(pk=file.pk).update(station=target, moved_from=origin, is_moved_here=not is_own)


def _audit_and_announce(actor: Viewer, move: FileMove, action: str, **counts: int) -> None:
    organization_id = move.station.organization_id
    audit(
        actor,
        move.station,
        action,
        to=move.target.serial,
        move=move.pk,
        files=move.files,
        rows=move.rows,
        twins=move.twins,
        left=move.left,
        **counts,
    )
    changed = {organization_id: [move.station.serial, move.target.serial]}
    live_announce(changed=changed)
