"""The next steps for a station: a few that people can really take, in order, from everything known about it."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fleet.alerts.rules import cloned_card, data_plan, hardware_swap, over_quota, quarantine_growth, wrong_time
from fleet.core.spoken import duration_words
from fleet.stations.contact.health_marks import (
    BATTERY,
    CLOCK_OFF_FROM_S,
    DISK,
    HEAT,
    SIGNAL_WEAK_DBM,
    percent_shown,
    radios_off,
    volts_shown,
)
from fleet.stations.models import Station, StationContact
from message_queue.contracts.health import Health
from sg_status.words import bytes_words, quantity_words

#: Maximum steps: nobody does more than these in a day.
MOST: Final = 4


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what to do, and why or how. `address` leads to where it is done, if that is a page."""

    what: str
    why: str = ""
    address: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Situation:
    """The facts from which the steps follow. `rules` are those of the station's open incidents."""

    station: Station
    contact: StationContact | None
    state: str
    health: Health | None
    rules: Collection[str]
    moment: datetime
    may_operate: bool
    site: str

    def page(self, name: str, *arguments: str) -> str:
        """The address of one of its pages."""
        return reverse(name, args=[self.station.serial, *arguments])


def next_steps(situation: Situation) -> list[Step]:
    """The steps, most urgent first; none if there is nothing to do."""
    if situation.state == "retired":
        return []
    if situation.station.suspended_at is not None:
        return list(_of_suspended(situation))
    if situation.state == "never_seen":
        return list(_of_new(situation))
    if situation.state == "asleep":
        return list(_decisions(situation))[:MOST]
    steps = [*_decisions(situation), *_repairs(situation)]
    if situation.state == "silent":
        steps = [*steps, *_of_silent(situation, has_cause=bool(steps))]
    if situation.state == "maintenance" and not situation.station.is_in_maintenance:
        steps.append(
            Step(
                _("End the planned maintenance when the work is done."),
                _("Until then it causes no alerts. It ends by itself, too."),
                reverse("organization-maintenance", args=[situation.station.organization.slug]),
                _("Maintenance"),
            )
        )
    elif situation.state == "maintenance":
        steps.append(
            Step(
                _("End the maintenance when the work is done."),
                _("Until then its silence causes no alert."),
                situation.page("station-settings"),
                _("Settings"),
            )
        )
    return steps[:MOST]


def _of_suspended(situation: Situation) -> Iterator[Step]:
    yield Step(
        _("Find out what it sends."),
        _("A faulty update, a program in a loop or a stolen login are the usual causes."),
        situation.page("station-deliveries"),
        _("Deliveries"),
    )
    yield Step(
        _("Lift the suspension."),
        _("It keeps its data and sends it then."),
        situation.page("station-settings"),
        _("Settings"),
    )


def _of_new(situation: Situation) -> Iterator[Step]:
    if situation.station.generation == 0:
        yield Step(
            _("Create an enrolment token."),
            _("It works once, for a limited time."),
            situation.page("station-settings"),
            _("Settings"),
        )
        yield Step(_("Type it at the station."), _("The page with the token shows the whole line."))
        return
    yield Step(_("See at the station whether its agent runs."), _("Type: station-agent status"))
    yield Step(_("Check its network."), _("It must reach this server and its broker."))


def _decisions(situation: Situation) -> Iterator[Step]:
    """Questions that only a person can answer."""
    if hardware_swap.NAME in situation.rules:
        yield Step(
            _("Say whether this is still the same station."),
            _("Other hardware reports under its serial."),
            situation.page("station-hardware"),
            _("Hardware"),
        )
    if cloned_card.NAME in situation.rules:
        yield Step(
            _("Decide about the second machine."),
            _("Its data waits and is not mixed with this station's."),
            situation.page("station-deliveries"),
            _("Deliveries"),
        )
    if quarantine_growth.NAME in situation.rules:
        yield Step(
            _("Look at a message that was held back."),
            _("It says what was wrong. Nothing is lost: all can be processed again."),
            f"{reverse('quarantine')}?station={situation.station.serial}",
            _("Held back"),
        )


def _repairs(situation: Situation) -> Iterator[Step]:
    """Steps against faults that show in its newest health report or its data."""
    health = situation.health
    if health is not None:
        yield from _power(health)
        yield from _machine(health)
        yield from _radio(situation, health)
    yield from _clock(situation)
    if data_plan.NAME in situation.rules or over_quota.NAME in situation.rules:
        yield Step(
            _("Let it send less."),
            _("A more frugal data profile keeps the rest on the station."),
            situation.page("station-command-send", "set_profile") if situation.may_operate else "",
            _("Set data profile"),
        )


def _power(health: Health) -> Iterator[Step]:
    if health.battery_v is None or not BATTERY.is_bad(health.battery_v):
        return
    yield Step(
        _("Check the battery on site."),
        _("It was at %(volts)s V; below %(limit)s a 12 V battery is nearly empty and may not start again by itself.")
        % {"volts": volts_shown(health.battery_v), "limit": quantity_words(BATTERY.bad, "V")},
    )
    told = _("Look for dirt, snow, shade and loose cables.")
    if health.solar_v is not None:
        told = _("It gave %(volts)s at the last report.") % {"volts": quantity_words(health.solar_v, "V")} + " " + told
    yield Step(_("Clean and aim the solar panel."), told)


def _machine(health: Health) -> Iterator[Step]:
    if health.disk_percent is not None and DISK.is_bad(health.disk_percent):
        free = health.disk_free_bytes
        told = _("It is %(percent)s %% full.") % {"percent": percent_shown(health.disk_percent)}
        if free is not None:
            told = _("It is %(percent)s %% full, %(free)s are free.") % {
                "percent": percent_shown(health.disk_percent),
                "free": bytes_words(free),
            }
        yield Step(_("Make room on its card."), told + " " + _("When it is full, recording stops."))
    if health.temperature_c is not None and HEAT.is_bad(health.temperature_c):
        yield Step(
            _("Give it shade and air."),
            _("It was at %(degrees)s.") % {"degrees": quantity_words(health.temperature_c, "Cel")},
        )


def _radio(situation: Situation, health: Health) -> Iterator[Step]:
    if not (ports := radios_off(health)):
        return
    named = ", ".join(str(port) for port in ports)
    shape = ngettext("Restart the radio on port %(ports)s.", "Restart the radios on ports %(ports)s.", len(ports))
    yield Step(
        shape % {"ports": named},
        _("Nothing is heard there. Reboot the station; if that does not help, check plug, cable and USB hub."),
        situation.page("station-command-send", "reboot") if situation.may_operate else "",
        _("Reboot station"),
    )


def _clock(situation: Situation) -> Iterator[Step]:
    contact = situation.contact
    is_filed_wrong = wrong_time.NAME in situation.rules
    offset = contact.clock_offset_s if contact is not None else None
    if offset is not None and abs(offset) >= CLOCK_OFF_FROM_S:
        shape = _("Its clock is %(duration)s ahead.") if offset > 0 else _("Its clock is %(duration)s behind.")
        told = shape % {"duration": duration_words(abs(offset))}
    elif is_filed_wrong:
        told = _("Its clock was not set when it recorded.")
    else:
        return
    yield Step(_("Check its GPS antenna."), told + " " + _("A time server in its network helps as well."))
    if is_filed_wrong:
        yield Step(
            _("Move its data to the right time."),
            _("It is filed under the wrong time. Nothing is lost, and you can undo the move."),
            situation.page("station-clock"),
            _("Data with a wrong time"),
        )


def _of_silent(situation: Situation, *, has_cause: bool) -> Iterator[Step]:
    health = situation.health
    if not has_cause and health is not None and (health.signal_dbm or 0.0) <= SIGNAL_WEAK_DBM:
        yield Step(
            _("Check the antenna of its modem."),
            _("The signal was weak: %(signal)s.") % {"signal": quantity_words(health.signal_dbm, "dBm")},
        )
    elif not has_cause:
        yield Step(_("Check its network and power."), _("Ask somebody near it whether the network is down."))
    if situation.may_operate:
        yield Step(
            _("Send it a ping."),
            _("It waits for the next contact, and its answer shows that the station is back."),
            situation.page("station-commands"),
            _("Commands"),
        )
    told = _("It stands at %(site)s.") % {"site": situation.site} if situation.site else ""
    yield Step(_("Visit it if it stays silent."), told, situation.page("station-notes"), _("Notes"))
