"""Health marks: what is wrong with a station, or soon will be, by its newest health message. All limits are here.

Each mark has one limit where it begins and another where it ends, so that a value that fluctuates around one of them
does not switch the mark on and off.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fleet.core.spoken import count_words, decimal_words, duration_words
from fleet.stations.models import StationContact
from message_queue.contracts.health import Health

#: For a 12 V lead battery; below the first value there is no battery, or one of another kind.
LEAD_BATTERY_FROM_V, LEAD_BATTERY_LOW_V, LEAD_BATTERY_GOOD_V = 8.0, 11.8, 12.2
DISK_FILLING_FROM, DISK_FULL_FROM, DISK_GOOD_BELOW = 85.0, 95.0, 92.0
HOT_FROM_C, HOT_OVER_BELOW_C = 75.0, 70.0
CLOCK_OFF_FROM_S, CLOCK_GOOD_BELOW_S = 120.0, 60.0
#: A delayed message looks like one from a clock that is behind, so alerts start at a day behind, not at minutes.
CLOCK_BEHIND_TOLD_S, CLOCK_BEHIND_GOOD_S = 86_400.0, 43_200.0
SIGNAL_WEAK_DBM = -105.0
RADIO_OFF = ("error", "stopped")


class Mark(NamedTuple):
    """One fact about a station's health that somebody should know; `series`: the readings that show it."""

    word: str
    is_bad: bool
    series: str = ""

    @property
    def sign(self) -> str:
        """The symbol next to the word."""
        return "▲" if self.is_bad else "△"


@dataclass(frozen=True, slots=True)
class Measure:
    """A value of the health message with its limits: bad from `bad` on, good again from `good` on.

    `least`: a value at or below it means nothing. `is_low`: low values are bad instead of high ones.
    """

    field: str
    bad: float
    good: float
    is_low: bool = False
    least: float = -math.inf

    def is_bad(self, value: float) -> bool:
        """Whether somebody should look at it."""
        return self.least < value < self.bad if self.is_low else value >= self.bad

    def is_good(self, value: float) -> bool:
        """Whether it is good again after it was bad."""
        if self.is_low:
            return value >= self.good or value <= self.least
        return value < self.good


BATTERY = Measure("battery_v", LEAD_BATTERY_LOW_V, LEAD_BATTERY_GOOD_V, is_low=True, least=LEAD_BATTERY_FROM_V)
DISK = Measure("disk_percent", DISK_FULL_FROM, DISK_GOOD_BELOW)
HEAT = Measure("temperature_c", HOT_FROM_C, HOT_OVER_BELOW_C)


def health_of(contact: StationContact | None) -> Health | None:
    """The newest health message, typed; None if there is none or it cannot be read."""
    if contact is None or not contact.health:
        return None
    try:
        return msgspec.convert({"at": 0.0, **_known(contact.health)}, Health, strict=False)
    except msgspec.ValidationError:
        return None


def _known(health: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in health.items() if value is not None}


def marks_of(contact: StationContact | None) -> list[Mark]:
    """Troubles, present or coming, worst first; empty if all is well or nothing is known."""
    health = health_of(contact)
    if health is None or contact is None:
        return []
    found = [*_power_and_disk(health), *_radios(health), *_clock(health, contact)]
    if lost := sum(health.dropped.values()):
        found.append(Mark(_("%(n)s messages dropped") % {"n": count_words(lost)}, is_bad=True))
    found += [Mark(warning, is_bad=False) for warning in health.warnings[:3]]
    return sorted(found, key=lambda mark: not mark.is_bad)


def radios_off(health: Health) -> list[int]:
    """The ports whose radio is not running."""
    return [radio.port for radio in health.radios if radio.state in RADIO_OFF]


def percent_shown(percent: float) -> str:
    """A percentage rounded down, so that it never shows too much: 99.5 is not 100, and 94.9 is not 95."""
    digits = 1 if 99 <= percent < 100 else 0
    return decimal_words(math.floor(percent * 10**digits) / 10**digits, digits)


def volts_shown(volts: float) -> str:
    """Volts rounded down to one decimal, so that a low battery never looks like a good one."""
    return decimal_words(math.floor(round(volts * 10, 6)) / 10, 1)


def _power_and_disk(health: Health) -> list[Mark]:
    found: list[Mark] = []
    if health.battery_v is not None and BATTERY.is_bad(health.battery_v):
        found.append(
            Mark(_("battery %(volts)s V") % {"volts": volts_shown(health.battery_v)}, True, f"health/{BATTERY.field}")
        )
    if health.disk_percent is not None and health.disk_percent >= DISK_FILLING_FROM:
        word = _("disk %(percent)s %% full") % {"percent": percent_shown(health.disk_percent)}
        found.append(Mark(word, DISK.is_bad(health.disk_percent), f"health/{DISK.field}"))
    if health.temperature_c is not None and HEAT.is_bad(health.temperature_c):
        found.append(Mark(_("%(degrees).0f °C") % {"degrees": health.temperature_c}, True, f"health/{HEAT.field}"))
    return found


def _radios(health: Health) -> list[Mark]:
    broken = radios_off(health)
    if not broken:
        return []
    ports = ", ".join(str(port) for port in broken)
    return [Mark(ngettext("radio %(ports)s is off", "radios %(ports)s are off", len(broken)) % {"ports": ports}, True)]


def _clock(health: Health, contact: StationContact) -> list[Mark]:
    found: list[Mark] = []
    if health.clock is not None and health.clock.code == "P":
        found.append(Mark(_("clock not synchronised"), is_bad=False))
    offset = contact.clock_offset_s
    if offset is not None and abs(offset) >= CLOCK_OFF_FROM_S:
        shape = _("clock %(duration)s ahead") if offset > 0 else _("clock %(duration)s behind")
        found.append(Mark(shape % {"duration": duration_words(abs(offset))}, is_bad=True))
    return found
