"""Hours in which stations were heard, remembered so that each is written once and not with every batch."""

from collections.abc import Collection
from datetime import datetime

from fleet.ingest.database import cursor, numbers
from fleet.stations.contact.hours import HEARD_SQL

_REMEMBERED_MOST = 500_000

#: A station's id, and an hour in hours since 2000-01-01 UTC.
StationHour = tuple[int, int]


class HeardHours:
    """Hours with detections that are noted already; those with readings come from `NotedHours`. Not thread-safe."""

    def __init__(self) -> None:
        self._known: set[StationHour] = set()
        self._fresh: set[StationHour] = set()

    def write(self, of_series: Collection[tuple[int, int]], of_stations: set[StationHour], moment: datetime) -> None:
        """Note these hours of series, and new hours of stations, in the current transaction."""
        self._fresh = of_stations - self._known
        if not self._fresh and not of_series:
            return
        columns = [[row[place] for row in rows] for rows in (list(of_series), list(self._fresh)) for place in (0, 1)]
        cursor().execute(HEARD_SQL, [moment, *(numbers(column) for column in columns)])

    def keep(self) -> None:
        """Remember what the batch noted, once it is committed."""
        if len(self._known) > _REMEMBERED_MOST:
            self._known.clear()
        self._known |= self._fresh
        self._fresh = set()

    def drop(self) -> None:
        """Forget the batch's notes, because it was rolled back."""
        self._fresh = set()

    def forget(self) -> None:
        """Forget all notes."""
        self._known, self._fresh = set(), set()
