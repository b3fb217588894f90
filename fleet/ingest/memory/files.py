"""Ids of stations' own files, remembered between batches."""

from collections.abc import Iterable
from datetime import datetime

from fleet.ingest.database import cursor, numbers

#: Maximum files of one station, so that made-up names cannot fill the disk: one of each kind per hour for five years.
FILES_MOST = 100_000
_REMEMBERED_MOST = 200_000

#: A station's id, and the file's name as given in its rows.
Named = tuple[int, str]


class FileBook:
    """Known files. What a batch adds is kept only if the batch commits. Not thread-safe."""

    def __init__(self) -> None:
        self._known: dict[Named, int] = {}
        self._fresh: dict[Named, int] = {}

    def meet(self, named: set[Named], moment: datetime) -> tuple[dict[Named, int], set[int]]:
        """Ids of these files, and stations that named more files than they may have. New files are created."""
        overfull = set[int]()
        unknown = sorted(named - self._known.keys())
        if unknown:
            self._fresh = _read_ids(unknown)
            unknown = [key for key in unknown if key not in self._fresh]
        if unknown:
            room = files_room({station_id for station_id, _name in unknown})
            made = [key for key in unknown if _take_room(room, key[0])]
            overfull = {key[0] for key in set(unknown).difference(made)}
            self._fresh |= _create_ids(made, moment)
        ids = {key: found for key in named if (found := self._known.get(key) or self._fresh.get(key)) is not None}
        return ids, overfull

    def keep(self) -> None:
        """Keep what the batch added, once it is committed."""
        if len(self._known) > _REMEMBERED_MOST:
            self._known.clear()
        self._known |= self._fresh
        self._fresh = {}

    def drop(self) -> None:
        """Forget what the batch added, because it was rolled back."""
        self._fresh = {}

    def forget(self) -> None:
        """Forget everything, as others may have moved or deleted files."""
        self._known.clear()
        self._fresh = {}


def files_room(station_ids: Iterable[int]) -> dict[int, int]:
    """Number of files that each station may still add."""
    asked = sorted(station_ids)
    rows = cursor().execute(
        "SELECT station_id, count(*) FROM files_stationfile WHERE station_id = ANY(%s::bigint[]) GROUP BY station_id",
        [numbers(asked)],
    )
    counted: dict[int, int] = dict(rows.fetchall())
    return {station_id: FILES_MOST - int(counted.get(station_id, 0)) for station_id in asked}


def _take_room(room: dict[int, int], station_id: int) -> bool:
    room[station_id] -= 1
    return room[station_id] >= 0


def _read_ids(keys: list[Named]) -> dict[Named, int]:
    # If a name exists in two folders, rows are counted for the older file.
    rows = cursor().execute(
        "SELECT DISTINCT ON (f.station_id, f.base) f.station_id, f.base, f.id FROM files_stationfile f JOIN "
        "unnest(%s::bigint[], %s::text[]) AS k(station_id, base) ON k.station_id = f.station_id AND k.base = f.base "
        "WHERE NOT f.is_moved_here ORDER BY f.station_id, f.base, f.id",
        [numbers([key[0] for key in keys]), [key[1] for key in keys]],
    )
    return {(station_id, base): file_id for station_id, base, file_id in rows.fetchall()}


def _create_ids(keys: list[Named], moment: datetime) -> dict[Named, int]:
    if not keys:
        return {}
    # DO UPDATE, so that the id is returned even if another worker was faster.
    rows = cursor().execute(
        "INSERT INTO files_stationfile (station_id, name, base, rows, first_received_at, last_received_at) "
        "SELECT k.station_id, k.name, k.name, 0, %s, %s FROM unnest(%s::bigint[], %s::text[]) AS k(station_id, name) "
        "ON CONFLICT (station_id, name) WHERE NOT is_moved_here DO UPDATE SET base = excluded.base "
        "RETURNING station_id, name, id",
        [moment, moment, numbers([key[0] for key in keys]), [key[1] for key in keys]],
    )
    return {(station_id, name): file_id for station_id, name, file_id in rows.fetchall()}
