"""Lives of stations without an announced interval: contacts as ingest takes them, then learning as the task does it."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection

from fleet.stations.contact.deadlines import waits_learned, waits_said
from fleet.stations.contact.learning import rhythms_learn
from fleet.stations.contact.pauses import PAUSES_SQL, is_pause, pauses_of
from fleet.stations.contact.rhythm import UNKNOWN_INTERVAL_S, Rhythm, rhythm_of
from fleet.stations.models import Station, StationContact

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Life:
    """What happened to one station: `silences` are the contacts before which it had counted as silent."""

    def __init__(self, station: Station) -> None:
        self.station = station
        self.silences: list[datetime] = []

    def contacts(self, moments: Iterable[datetime], *, learns_every: int = 1) -> None:
        """Let the station be heard at these moments."""
        for number, moment in enumerate(moments):
            self._contact(moment)
            if number % learns_every == 0:
                rhythms_learn(moment=moment + 16 * MINUTE)

    def _contact(self, moment: datetime) -> None:
        row = self.row
        if row.silent_after is not None and row.silent_after < moment:
            self.silences.append(moment)
        if row.last_contact_at is not None and is_pause(row.last_contact_at, moment):
            pause = [self.station.pk], [row.last_contact_at], [(moment - row.last_contact_at).total_seconds()]
            with connection.cursor() as cursor:
                cursor.execute(PAUSES_SQL, list(pause))
        late, silent = waits_learned(row.rhythm_s, moment) if row.rhythm_s else waits_said(UNKNOWN_INTERVAL_S)
        StationContact.objects.filter(pk=self.station.pk).update(
            state="on_time",
            first_contact_at=row.first_contact_at or moment,
            last_contact_at=moment,
            late_after=moment + timedelta(seconds=late),
            silent_after=moment + timedelta(seconds=silent),
        )

    @property
    def row(self) -> StationContact:
        """The station's contact row."""
        return StationContact.objects.get(pk=self.station.pk)

    def wait(self) -> timedelta:
        """How long after its last contact it counts as silent."""
        row = self.row
        return row.silent_after - row.last_contact_at

    def rhythm(self, moment: datetime) -> Rhythm | None:
        """The rhythm that can be learned at this moment."""
        return rhythm_of(pauses_of(station_ids=[self.station.pk], moment=moment)[self.station.pk])
