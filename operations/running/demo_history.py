"""The past of the demo's stations: days of messages, processed by the real ingest pipeline as if each had just arrived.

Each quarter of an hour of the past is one batch. A station without a link keeps its messages and sends them later.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.utils import translation

from fleet.alerts.models import Notification
from fleet.alerts.rules.silence import NAME as SILENCE
from fleet.alerts.services import Opening, incident_close, incidents_open
from fleet.core.spoken import moments_kept
from fleet.ingest.delivery import Delivery
from fleet.ingest.pipeline import Pipeline
from fleet.stations.contact.sentences import station_shown
from fleet.stations.models import Station, StationContact
from message_queue import codec
from message_queue.contracts import contracts
from message_queue.contracts.commands import command_contracts
from message_queue.contracts.hello import Hello
from message_queue.routing import station_exchange
from operations.running.clock_set import clock_set
from operations.running.demo_plan import HISTORY_DAYS, SEED
from station_agent import __version__
from station_agent.simulator.season import Season
from station_agent.simulator.traffic import Traffic

STEP = timedelta(minutes=15)
#: How long ago each problem began, and how long it lasted; `silent` and `wrong_clock` still last.
_SILENT_FROM = timedelta(hours=9, minutes=20)
_WRONG_FROM = timedelta(hours=31)
_BEHIND_FROM, _BEHIND_FOR = timedelta(hours=27), timedelta(hours=24)
_NIGHT_FROM, _NIGHT_FOR = timedelta(days=4, hours=7), timedelta(hours=6)
#: Maximum messages of a backlog that arrive in one step, as over a slow link.
_PORTION = 400
_BOOT_COUNT = 2

Say = Callable[[str], None]


class PastStation:
    """One demo station in the past: the messages it records, and those it keeps while it has no link."""

    def __init__(self, station: Station, behaviour: str) -> None:
        self.station = station
        self.behaviour = behaviour
        self._stream = uuid.uuid5(uuid.NAMESPACE_OID, f"{station.serial}/{station.pk}").hex
        self._seq = 0
        self._kept: list[Delivery] = []

    def begin(self, season: Season, start: datetime, until: datetime) -> None:
        """Switch the station on at the start of its past."""
        self._season, self._until = season, until
        fails_at = (until - _SILENT_FROM).timestamp() if self.behaviour == "silent" else None
        self._restart(start, "noisy" if self.behaviour == "noisy" else "normal", fails_at=fails_at)

    def deliveries(self, begin: datetime, end: datetime) -> list[Delivery]:
        """Messages that arrive at the end of a step: kept ones first, then those recorded during the step."""
        if self._is_dead(end):
            return []
        if self.behaviour == "wrong_clock" and begin <= self._until - _WRONG_FROM < end:
            self._restart(begin, "wrong_clock")
        self._kept += self._recorded(begin.timestamp(), end.timestamp())
        if self.is_cut(end):
            return []
        arriving, self._kept = self._kept[:_PORTION], self._kept[_PORTION:]
        return arriving

    def is_cut(self, moment: datetime) -> bool:
        """Whether the station has no link at a moment."""
        ago = self._until - moment
        return (self.behaviour == "behind" and _BEHIND_FROM - _BEHIND_FOR < ago <= _BEHIND_FROM) or (
            self.behaviour == "nightly" and _NIGHT_FROM - _NIGHT_FOR < ago <= _NIGHT_FROM
        )

    def _is_dead(self, moment: datetime) -> bool:
        return self.behaviour == "silent" and moment > self._until - _SILENT_FROM

    def _restart(self, moment: datetime, behaviour: str, *, fails_at: float | None = None) -> None:
        self._boot_count = _BOOT_COUNT + (behaviour == "wrong_clock")
        self._traffic = Traffic(
            self.station.serial,
            seed=SEED,
            started_at=moment.timestamp(),
            boot_count=self._boot_count,
            behaviour=behaviour,
            season=self._season,
            fails_at=fails_at,
        )
        shown = self._traffic.clock(moment.timestamp())
        self._kept.append(self._delivery("hello", self._hello(shown)))

    def _hello(self, at: float) -> Hello:
        return Hello(
            at=at,
            agent_version=__version__,
            boot_count=self._boot_count,
            started_at=at,
            profile="normal",
            next_in=STEP.total_seconds(),
            sources=["host_health", "sensorgnome"],
            commands=sorted(command_contracts()),
            hardware={"model": "Simulated station", "simulated": True},
        )

    def _recorded(self, begin: float, end: float) -> list[Delivery]:
        made = [self._delivery(message.kind, message.body) for message in self._traffic.messages(begin, end)]
        return [*made, self._delivery("health", self._traffic.health(end, next_in=STEP.total_seconds()))]

    def _delivery(self, kind: str, body: Any) -> Delivery:
        self._seq += 1
        raw, _encoding = codec.encode(body, compress=False)
        oldest = self._seq - len(self._kept)
        headers = codec.headers(
            version=contracts()[kind].version,
            stream=self._stream,
            seq=self._seq,
            oldest=max(oldest, 1),
            next_seq=self._seq + 1,
        )
        properties = {"type": kind, "application_headers": headers}
        return Delivery(station_exchange(self.station.serial), kind, properties, raw)


def history_fill(fleet: Sequence[PastStation], *, season: Season, until: datetime, say: Say) -> None:
    """Play the last days of these stations up to `until`, and record the silences that ended before it."""
    stations = Station.objects.filter(pk__in=[one.station.pk for one in fleet])
    # Until this is done, their last contacts are days old, and Roost's running jobs would call them silent.
    stations.update(is_in_maintenance=True)
    try:
        silences = _play(fleet, season, until, say)
    finally:
        stations.update(is_in_maintenance=False)
    for silence in silences:
        _silence_note(silence)


class _Silence(NamedTuple):
    """A past silence: its opening as it would have been noticed, and when the station was heard again."""

    opening: Opening
    noticed_at: datetime
    ended_at: datetime


def _play(fleet: Sequence[PastStation], season: Season, until: datetime, say: Say) -> list[_Silence]:
    pipeline = Pipeline()
    steps = int(timedelta(days=HISTORY_DAYS) / STEP)
    start = until - STEP * steps
    for one in fleet:
        one.begin(season, start, until)
    a_day = int(timedelta(days=1) / STEP)
    noticed: dict[int, tuple[Opening, datetime]] = {}
    over = []
    for number in range(steps):
        if number % (a_day // 4) == 0:
            say(f"the past, {number / a_day:.1f} of {HISTORY_DAYS} days")
        begin, end = start + STEP * number, start + STEP * (number + 1)
        with clock_set(end):
            left = [delivery for one in fleet for delivery in one.deliveries(begin, end)]
            while left:
                left = pipeline.take(left).left
        cut = [one for one in fleet if one.is_cut(end)]
        back = noticed.keys() - {one.station.pk for one in cut}
        over += [_Silence(*noticed.pop(key), ended_at=end) for key in back]
        new = [one.station.pk for one in cut if one.station.pk not in noticed]
        noticed |= {opening.station.pk: (opening, end) for opening in _silences(new, end)}
    return over


def _silences(numbers: Sequence[int], moment: datetime) -> list[Opening]:
    """Openings of incidents for those of these stations that are silent at this moment."""
    stations = Station.objects.select_related("organization", "contact").filter(
        pk__in=numbers, contact__silent_after__lt=moment
    )
    openings = []
    for station in stations:
        # It is in maintenance only while the past is filled in.
        station.is_in_maintenance = False
        station.contact.state = StationContact.State.SILENT
        said = {}
        for language, _name in settings.LANGUAGES:
            with translation.override(language), moments_kept():
                said[language] = station_shown(station, station.contact, moment).sentence
        own = said.get(station.organization.language, said[settings.LANGUAGE_CODE])
        openings.append(Opening(station, station.contact.last_contact_at or moment, own, said))
    return openings


@transaction.atomic
def _silence_note(silence: _Silence) -> None:
    """Open and close its incident in one transaction, so that no job sees it open, and send no mails about it."""
    opened = incidents_open(openings=[silence.opening], rule=SILENCE, moment=silence.noticed_at)
    Notification.objects.filter(incidents__in=opened).delete()
    incident_close(station_id=silence.opening.station.pk, rule=SILENCE, moment=silence.ended_at, is_told=False)
