"""Series ids by station and name, remembered between batches."""

from collections.abc import Iterable

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
        #: How many series each station has that was met.
        self._counts: dict[int, int] = {}

    def meet(self, station_ids: Iterable[int]) -> None:
        """Read the series of stations that were not met yet, all in one query."""
        unmet = [station_id for station_id in station_ids if station_id not in self._counts]
        if not unmet:
            return
        self._counts |= dict.fromkeys(unmet, 0)
        with connection.cursor() as cursor:
            cursor.execute("SELECT station_id, name, id FROM telemetry_series WHERE station_id = ANY(%s)", [unmet])
            for station_id, name, series_id in cursor.fetchall():
                self._known[station_id, name] = series_id
                self._counts[station_id] += 1

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
            self._counts.clear()
        self._known |= self._fresh
        self._fresh = {}

    def drop(self) -> None:
        """The batch was rolled back: what it made does not exist."""
        for station_id, _ in self._fresh:
            self._counts.pop(station_id, None)
        self._fresh = {}

    def forget(self) -> None:
        """Read everything anew, as rows may have been deleted by others."""
        self._known.clear()
        self._counts.clear()
        self._fresh = {}

    def _make(self, key: tuple[int, str], unit: str) -> int:
        station_id, name = key
        count = self._counts.get(station_id, 0)
        if count >= SERIES_MOST:
            raise MessageRefused(
                "too-many-series", f"The station has {SERIES_MOST} series already; {name!r} would be one more."
            )
        with connection.cursor() as cursor:
            # DO UPDATE, so that the id comes back when another worker was faster.
            cursor.execute(
                "INSERT INTO telemetry_series (station_id, name, unit, created_at) VALUES (%s, %s, %s, %s) "
                "ON CONFLICT (station_id, name) DO UPDATE SET name = excluded.name RETURNING id",
                [station_id, name, unit, clock.now()],
            )
            row = cursor.fetchone()
        self._counts[station_id] = count + 1
        self._fresh[key] = int(row[0])
        return self._fresh[key]
