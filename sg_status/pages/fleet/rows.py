"""Stations as the fleet's pages show them: one page of them in a constant number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from fleet.alerts.attention import CHECK, fleet_state, fleet_state_word, incidents_by_station
from fleet.alerts.models import Incident
from fleet.alerts.rules import rule_known
from fleet.alerts.rules.silence import NAME as SILENCE
from fleet.core.models import Outage
from fleet.stations.contact.deadlines import interval_of
from fleet.stations.contact.health_marks import BATTERY, Mark, health_of, marks_of, volts_shown
from fleet.stations.contact.hours import Hours, hours_of
from fleet.stations.contact.sentences import Shown, station_shown
from fleet.stations.models import Station, StationContact
from fleet.telemetry.condition.batteries import BatteryWeek, battery_weeks
from fleet.telemetry.condition.disks import disk_days, disk_mark
from sg_status.pages.station.contact import contact_of
from sg_status.words import bytes_words

WEEK_HOURS: Final = 7 * 24


@dataclass(frozen=True, slots=True)
class FleetRow:
    """One station as shown. `word` names its `state` or what to check; `incidents` are the open ones."""

    station: Station
    contact: StationContact | None
    state: str
    word: str | Promise
    shown: Shown
    incidents: list[Incident]
    marks: list[Mark]
    interval_s: float | None
    hours: Hours
    battery: BatteryWeek | None
    detections: int
    site: str

    @property
    def name(self) -> str:
        """Its name, or its serial."""
        return self.station.name or self.station.serial

    @property
    def sentence(self) -> str:
        """Why it is in its state, and what to do."""
        return self.causes[0].said(is_over=False) if self.state == CHECK and self.causes else self.shown.sentence

    @property
    def is_battery_low(self) -> bool:
        """Whether somebody should look at its battery."""
        return self.battery is not None and self.battery.newest is not None and BATTERY.is_bad(self.battery.newest)

    @property
    def volts(self) -> str:
        """Its battery's newest voltage."""
        newest = self.battery.newest if self.battery else None
        return "" if newest is None else f"{volts_shown(newest)}\u00a0V"

    @property
    def battery_words(self) -> str | None:
        """Its battery's lowest and highest voltage of the week."""
        steps = [value for value in self.battery.steps if value is not None] if self.battery else []
        if not steps:
            return None
        low, high = f"{volts_shown(min(steps))}\u00a0V", f"{volts_shown(max(steps))}\u00a0V"
        return _("Last 7 days: %(low)s to %(high)s") % {"low": low, "high": high}

    @property
    def backlog_words(self) -> str | None:
        """The size of its backlog, if it has one and reported it."""
        waiting = self.contact.backlog_bytes if self.contact else None
        return bytes_words(waiting) if waiting else None

    @property
    def causes(self) -> list[Incident]:
        """Its open incidents besides its silence, which the state says already."""
        return [incident for incident in self.incidents if incident.rule != SILENCE]


def rows_of(
    stations: Sequence[Station], moment: datetime, outages: Sequence[Outage] | None = None
) -> dict[int, FleetRow]:
    """The rows of these stations of `fleet_list`, by id. `outages`: our own of the last nine days, if already read."""
    hours = hours_of(stations=stations, moment=moment, hours=WEEK_HOURS, outages=outages)
    batteries = battery_weeks(stations=stations, moment=moment)
    disks = disk_days(stations=stations, moment=moment)
    incidents = incidents_by_station(stations=stations)
    return {
        station.pk: _row(
            station,
            moment,
            hours[station.pk],
            battery=batteries.get(station.pk),
            disk_days_left=disks.get(station.pk),
            incidents=incidents.get(station.pk, []),
        )
        for station in stations
    }


def rule_word(incident: Incident) -> str | Promise:
    """The problem of an incident in one or two words."""
    rule = rule_known(incident.rule, incident.title)
    return rule.short if rule else incident.rule


def _row(
    station: Station,
    moment: datetime,
    hours: Hours,
    *,
    battery: BatteryWeek | None,
    disk_days_left: int | None,
    incidents: list[Incident],
) -> FleetRow:
    contact = contact_of(station)
    health = health_of(contact)
    coming = disk_mark(disk_days_left, health.disk_percent if health else None)
    state = fleet_state(station)
    is_heard = contact is not None and contact.last_contact_at is not None
    is_falling = battery is not None and battery.is_falling
    return FleetRow(
        station=station,
        contact=contact,
        state=state,
        word=next(
            (rule_word(one) for one in incidents if state == CHECK and one.rule != SILENCE), fleet_state_word(state)
        ),
        shown=station_shown(station, contact, moment, is_battery_falling=is_falling),
        incidents=incidents,
        marks=[*marks_of(contact), *([coming] if coming else [])],
        interval_s=interval_of(station, contact) if contact is not None and is_heard else None,
        hours=hours,
        battery=battery,
        detections=getattr(station, "detections_today", 0),
        site=getattr(station, "site_name", None) or "",
    )
