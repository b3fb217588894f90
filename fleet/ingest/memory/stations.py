"""Stations by serial, remembered briefly so that a batch needs no query for them."""

import time
from datetime import datetime

from django.db.models import BigIntegerField, Func

from fleet.ingest.delivery import StationRef
from fleet.stations.models import Station
from fleet.telemetry.models import StreamLedger

#: Seconds after which a station is read again: registrations and moves take effect within this time.
REMEMBERED_S = 20.0
_COLUMNS = ("id", "organization_id", "serial", "contact__epoch", "predecessor_id", "moved_at")


class StationBook:
    """Stations that ingest has seen."""

    def __init__(self) -> None:
        self._known: dict[str, StationRef] = {}
        self._read_at = time.monotonic()

    def look_up(self, serials: set[str]) -> dict[str, StationRef]:
        """Known stations by serial, including these; serials without a station are missing."""
        if time.monotonic() - self._read_at > REMEMBERED_S:
            self.forget()
        missing = serials - self._known.keys()
        if missing:
            rows = Station.objects.filter(serial__in=missing).values_list(*_COLUMNS)
            self._known |= {row[2]: _ref(*row) for row in rows}
        return self._known

    def forget(self) -> None:
        """Forget all stations, so that they are read again."""
        self._known = {}
        self._read_at = time.monotonic()


def _ref(
    station_id: int,
    organization_id: int,
    serial: str,
    epoch: int | None,
    before_id: int | None,
    moved_at: datetime | None,
) -> StationRef:
    """A station with its predecessors, each of which takes a query; nearly no station has any."""
    if moved_at is None:
        return StationRef(station_id, organization_id, serial, epoch or 0)
    row = Station.objects.filter(pk=before_id).values_list(*_COLUMNS).first() if before_id is not None else None
    before = _ref(*row) if row else None
    return StationRef(
        station_id,
        organization_id,
        serial,
        epoch or 0,
        before=before,
        moved_at=moved_at.timestamp(),
        numbers_before={**before.numbers_before, **_numbers(before.id)} if before else {},
    )


def _numbers(station_id: int) -> dict[str, int]:
    """By stream, the first number that was not yet used when this station was last heard."""
    ledger = StreamLedger.objects.filter(station=station_id).annotate(
        top=Func("received", function="upper", output_field=BigIntegerField())
    )
    return {
        stream: max(following or 0, top or 0)
        for stream, following, top in ledger.values_list("stream", "next_seq", "top")
    }
