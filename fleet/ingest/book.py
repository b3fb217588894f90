"""Stations by serial, remembered for a short while so that a batch needs no query for them."""

import time

from fleet.ingest.delivery import StationRef
from fleet.stations.models import Station

#: Seconds after which a station is read again: registration and moves take effect within it.
REMEMBERED_S = 20.0


class StationBook:
    """The stations that ingest has met."""

    def __init__(self) -> None:
        self._known: dict[str, StationRef] = {}
        self._read_at = time.monotonic()

    def look_up(self, serials: set[str]) -> dict[str, StationRef]:
        """The stations with these serials; serials that no station has are left out."""
        if time.monotonic() - self._read_at > REMEMBERED_S:
            self.forget()
        missing = serials - self._known.keys()
        if missing:
            rows = Station.objects.filter(serial__in=missing).values_list("id", "organization_id", "serial")
            self._known |= {row[2]: StationRef(*row) for row in rows}
        return self._known

    def forget(self) -> None:
        """Read everything anew."""
        self._known = {}
        self._read_at = time.monotonic()
