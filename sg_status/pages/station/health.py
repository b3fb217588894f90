"""A station's health: its newest health message as facts, and a line about its clock."""

from typing import NamedTuple

import msgspec
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from fleet.core.spoken import duration_words
from fleet.stations.contact.health_marks import percent_shown
from fleet.stations.models import StationContact
from message_queue.contracts.health import Health
from sg_status.words import NOTHING, bytes_words, count_words, quantity_words

#: A message takes some seconds to arrive, so a smaller offset says nothing about the clock.
_CLOCK_SAME_S = 10.0


class Fact(NamedTuple):
    """A name and its value, in words."""

    name: str
    value: str


def also_said_of(contact: StationContact | None) -> list[Fact]:
    """Fields of the station's newest messages that our contracts do not know, as sent."""
    said = contact.also_said if contact is not None else {}
    return [
        Fact(f"{kind}: {place}", value if isinstance(value, str) else msgspec.json.encode(value).decode())
        for kind, fields in sorted(said.items())
        for place, value in fields.items()
    ]


def facts_of(health: Health) -> list[Fact]:
    """Everything the station measured about itself, most wanted first."""
    found = [
        Fact(_("Battery"), quantity_words(health.battery_v, "V")),
        Fact(_("Solar"), quantity_words(health.solar_v, "V")),
        Fact(_("Power"), quantity_words(health.power_w, "W")),
        Fact(_("Disk used"), _disk(health)),
        Fact(_("Memory used"), quantity_words(health.memory_percent, "%")),
        Fact(pgettext("processor", "Load"), _load(health)),
        Fact(_("Temperature"), quantity_words(health.temperature_c, "Cel")),
        Fact(_("Signal"), quantity_words(health.signal_dbm, "dBm")),
        Fact(_("Clock"), _clock_words(health)),
        Fact(_("GPS"), health.gps_state or NOTHING),
        Fact(_("Running for"), NOTHING if health.uptime_s is None else duration_words(health.uptime_s)),
        Fact(_("Starts"), NOTHING if health.boot_count is None else count_words(health.boot_count)),
        Fact(_("Sent"), NOTHING if health.bytes_sent is None else bytes_words(health.bytes_sent)),
        Fact(_("Files"), _files(health)),
        Fact(_("Received"), NOTHING if health.bytes_received is None else bytes_words(health.bytes_received)),
    ]
    return [fact for fact in found if fact.value != NOTHING]


def clock_line(health: Health | None, contact: StationContact | None, jumps: int, *, is_wrong: bool = False) -> str:
    """The station's clock in one line: its source, its offset from ours, its jumps; empty if unknown.

    `is_wrong`: its data has wrong times, whatever its messages say about its clock.
    """
    if contact is None or (health is None and contact.clock_offset_s is None):
        return ""
    told = [_clock_words(health)] if health and health.clock else []
    if health and health.clock and health.clock.code:
        told.append(_("code %(code)s") % {"code": health.clock.code})
    offset = contact.clock_offset_s
    if offset is not None and abs(offset) < _CLOCK_SAME_S:
        told.append(
            _("its messages agree with the server, but its data has wrong times")
            if is_wrong
            else _("same as the server")
        )
    elif offset is not None:
        shape = _("%(duration)s ahead of the server") if offset > 0 else _("%(duration)s behind the server")
        told.append(shape % {"duration": duration_words(abs(offset))})
    if jumps:
        told.append(ngettext("%(n)d jump in 30 days", "%(n)d jumps in 30 days", jumps) % {"n": jumps})
    return " · ".join(told)


def _disk(health: Health) -> str:
    if health.disk_percent is None:
        return NOTHING
    text = f"{percent_shown(health.disk_percent)}\u00a0%"
    if health.disk_free_bytes is None:
        return text
    return text + " " + _("(%(free)s free)") % {"free": bytes_words(health.disk_free_bytes)}


def _files(health: Health) -> str:
    """What the station reports on all its own files together."""
    files = health.files
    if files is None:
        return NOTHING
    told = [ngettext("%(n)s file", "%(n)s files", files.files) % {"n": count_words(files.files)}]
    if files.bytes_unread:
        told.append(_("%(size)s not read yet") % {"size": bytes_words(files.bytes_unread)})
    if files.bytes_refused:
        told.append(_("%(size)s refused") % {"size": bytes_words(files.bytes_refused)})
    if files.bytes_kept_back:
        told.append(_("%(size)s held back by its settings") % {"size": bytes_words(files.bytes_kept_back)})
    return " · ".join(told)


def _load(health: Health) -> str:
    if health.cpu_percent is not None:
        return quantity_words(health.cpu_percent, "%")
    return quantity_words(health.load1, "")


def _clock_words(health: Health) -> str:
    clock = health.clock
    if clock is None:
        return NOTHING
    if clock.code == "P":
        return _("not synchronised")
    source = clock.source or _("synchronised")
    return source if clock.error_s is None else f"{source} ±{quantity_words(clock.error_s, 's')}"
