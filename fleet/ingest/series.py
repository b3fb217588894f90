"""Series ids by station and name, remembered between batches."""

from django.db import connection

from fleet.core import clock
from fleet.ingest.delivery import StationRef
from message_queue.errors import MessageRefused

#: Most series of one station; beyond it a name is probably made of values.
SERIES_MOST = 2_000
_REMEMBERED_MOST = 500_000


class SeriesBook:
    """The known series. What a batch adds is kept only when the batch commits."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, str], int] = {}
        self._fresh: dict[tuple[int, str], int] = {}

    def id_of(self, station: StationRef, name: str, unit: str) -> int:
        """The id of a series, made when it is new. Raises `MessageRefused` when the station has too many."""
        key = (station.id, name)
        known = self._known.get(key)
        if known is not None:
            return known
        fresh = self._fresh.get(key)
        return fresh if fresh is not None else self._make(key, unit)

    def keep(self) -> None:
        """The batch was committed."""
        if len(self._known) > _REMEMBERED_MOST:
            self._known.clear()
        self._known |= self._fresh
        self._fresh = {}

    def drop(self) -> None:
        """The batch was rolled back: what it made does not exist."""
        self._fresh = {}

    def forget(self) -> None:
        """Read everything anew, as rows may have been deleted by others."""
        self._known.clear()
        self._fresh = {}

    def _make(self, key: tuple[int, str], unit: str) -> int:
        station_id, name = key
        with connection.cursor() as cursor:
            cursor.execute("SELECT id FROM telemetry_series WHERE station_id = %s AND name = %s", [station_id, name])
            row = cursor.fetchone()
            if row is None:
                cursor.execute("SELECT count(*) FROM telemetry_series WHERE station_id = %s", [station_id])
                if cursor.fetchone()[0] >= SERIES_MOST:
                    raise MessageRefused(
                        "too-many-series", f"The station has {SERIES_MOST} series already; {name!r} would be one more."
                    )
                # DO UPDATE, so that the id comes back when another worker was faster.
                cursor.execute(
                    "INSERT INTO telemetry_series (station_id, name, unit, created_at) VALUES (%s, %s, %s, %s) "
                    "ON CONFLICT (station_id, name) DO UPDATE SET name = excluded.name RETURNING id",
                    [station_id, name, unit, clock.now()],
                )
                row = cursor.fetchone()
        self._fresh[key] = int(row[0])
        return self._fresh[key]
