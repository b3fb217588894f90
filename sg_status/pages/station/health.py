"""A station's health: each figure of its newest report with a word that says whether it is fine."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from fleet.core.spoken import count_words, duration_words
from fleet.stations.contact.health_marks import (
    BATTERY,
    CLOCK_OFF_FROM_S,
    DISK,
    DISK_FILLING_FROM,
    HEAT,
    SIGNAL_WEAK_DBM,
    percent_shown,
    radios_off,
)
from fleet.stations.models import StationContact
from message_queue.contracts.health import Health
from sg_status.event_words.data import precise_words
from sg_status.words import NOTHING, bytes_words, quantity_words

#: A message takes some seconds to arrive, so a smaller offset says nothing about the clock.
_CLOCK_SAME_S: Final = 10.0
#: Errors of a clock by its Sensorgnome code, in seconds.
_CODES: Final = {"Z": 1.0, "Y": 0.1, "X": 0.01, "W": 1e-3, "V": 1e-4, "U": 1e-5, "T": 1e-6}
#: From this percentage of memory or processor in use, a station is short of it.
_SHORT_FROM: Final = 90.0
_SIGNAL_GOOD_DBM: Final = -85.0
#: A change between two days' means by less than this share is no trend: it may be the weather.
_TREND_LEAST: Final = 0.008
_DAY: Final = timedelta(days=1)
#: Maximum warnings shown of one report.
_WARNINGS_MOST: Final = 8


class Fact(NamedTuple):
    """A name and its value, in words."""

    name: str
    value: str


class HealthRow(NamedTuple):
    """One figure: its name, its value, what that means, and whether somebody should look."""

    name: str
    value: str
    word: str = ""
    is_bad: bool = False


def also_said_of(contact: StationContact | None) -> list[Fact]:
    """Fields of the station's newest messages that are not in our contracts, as sent."""
    said = contact.also_said if contact is not None else {}
    return [
        Fact(f"{kind}: {place}", value if isinstance(value, str) else msgspec.json.encode(value).decode())
        for kind, fields in sorted(said.items())
        for place, value in fields.items()
    ]


def health_rows(
    health: Health,
    contact: StationContact,
    *,
    jumps: int = 0,
    battery: Sequence[tuple[datetime, float]] = (),
    has_wrong_times: bool = False,
) -> list[HealthRow]:
    """Everything the station measured about itself, most wanted first, then its own warnings.

    `battery` are its voltages over some days, for the trend; `has_wrong_times`: its data is filed under another time,
    whatever its messages say about its clock.
    """
    rows = [
        *_power(health, battery),
        *_machine(health),
        *_link(health, contact),
        *_clock(health, contact, jumps, has_wrong_times=has_wrong_times),
        *_recording(health),
        *_life(health),
    ]
    return [*rows, *(HealthRow(_("Warning"), NOTHING, text, is_bad=True) for text in health.warnings[:_WARNINGS_MOST])]


def trend_of(values: Sequence[tuple[datetime, float]]) -> str:
    """Whether the mean of the last day is above or below that of the day before; empty if it is neither."""
    if not values:
        return ""
    end = values[-1][0]
    lately = [value for at, value in values if at > end - _DAY]
    before = [value for at, value in values if end - 2 * _DAY < at <= end - _DAY]
    if not before:
        return ""
    mean, mean_before = sum(lately) / len(lately), sum(before) / len(before)
    if abs(mean - mean_before) <= abs(mean_before) * _TREND_LEAST:
        return ""
    return pgettext("trend", "falling") if mean < mean_before else pgettext("trend", "rising")


def _power(health: Health, battery: Sequence[tuple[datetime, float]]) -> Iterator[HealthRow]:
    if health.battery_v is not None:
        trend, is_low = trend_of(battery), BATTERY.is_bad(health.battery_v)
        level = pgettext("level", "low") if is_low else "" if trend else pgettext("level", "fine")
        if health.battery_v <= BATTERY.least:
            level = _("not a 12 V battery")
        word = ", ".join(part for part in (level, trend) if part)
        yield HealthRow(_("Battery"), quantity_words(health.battery_v, "V"), word, is_low)
    if health.solar_v is not None:
        yield HealthRow(_("Solar panel"), quantity_words(health.solar_v, "V"))
    if health.power_w is not None:
        yield HealthRow(pgettext("quantity", "Power"), quantity_words(health.power_w, "W"))


def _machine(health: Health) -> Iterator[HealthRow]:
    if health.disk_percent is not None:
        is_bad = health.disk_percent >= DISK_FILLING_FROM
        level = pgettext("level", "nearly full") if DISK.is_bad(health.disk_percent) else ""
        if is_bad and not level:
            level = pgettext("level", "filling")
        free = (
            "" if health.disk_free_bytes is None else _("%(size)s free") % {"size": bytes_words(health.disk_free_bytes)}
        )
        word = ", ".join(part for part in (level, free) if part) or pgettext("level", "fine")
        used = _("%(percent)s %% used") % {"percent": percent_shown(health.disk_percent)}
        yield HealthRow(_("Storage"), used, word, is_bad)
    if health.memory_percent is not None:
        used = _("%(percent)s %% used") % {"percent": percent_shown(health.memory_percent)}
        yield HealthRow(_("Memory"), used, *_load(health.memory_percent))
    if health.cpu_percent is not None:
        busy = _("%(percent)s %% busy") % {"percent": percent_shown(health.cpu_percent)}
        yield HealthRow(_("Processor"), busy, *_load(health.cpu_percent))
    elif health.load1 is not None:
        yield HealthRow(_("Processor"), quantity_words(health.load1, ""), _("programs are using it or waiting for it"))
    if health.temperature_c is not None:
        is_hot = HEAT.is_bad(health.temperature_c)
        word = pgettext("level", "too hot") if is_hot else pgettext("level", "fine")
        yield HealthRow(_("Board temperature"), quantity_words(health.temperature_c, "Cel"), word, is_hot)


def _load(percent: float) -> tuple[str, bool]:
    is_short = percent >= _SHORT_FROM
    return (pgettext("level", "high") if is_short else pgettext("level", "fine")), is_short


def _link(health: Health, contact: StationContact) -> Iterator[HealthRow]:
    if health.signal_dbm is not None:
        is_weak = health.signal_dbm <= SIGNAL_WEAK_DBM
        word = pgettext("signal", "weak") if is_weak else pgettext("signal", "fair")
        if health.signal_dbm >= _SIGNAL_GOOD_DBM:
            word = pgettext("signal", "good")
        yield HealthRow(_("Mobile signal"), quantity_words(health.signal_dbm, "dBm"), word, is_weak)
    if contact.backlog_messages is not None:
        waiting = contact.backlog_messages
        size = ", " + bytes_words(contact.backlog_bytes) if waiting and contact.backlog_bytes else ""
        word = ngettext("message waiting", "messages waiting", waiting) + size if waiting else _("nothing waiting")
        yield HealthRow(_("Backlog"), count_words(waiting), word)
    if lost := sum(health.dropped.values()):
        word = ngettext("message, because its outbox was full", "messages, because its outbox was full", lost)
        yield HealthRow(_("Dropped"), count_words(lost), word, is_bad=True)
    if health.bytes_sent is not None:
        received = health.bytes_received
        word = "" if received is None else _("%(size)s received") % {"size": bytes_words(received)}
        yield HealthRow(_("Data sent"), bytes_words(health.bytes_sent), word)


def _clock(health: Health, contact: StationContact, jumps: int, *, has_wrong_times: bool) -> Iterator[HealthRow]:
    clock, offset = health.clock, contact.clock_offset_s
    if clock is None and offset is None:
        return
    told: list[str] = []
    is_bad = has_wrong_times
    if clock is not None and clock.code == "P":
        told.append(_("no time source"))
        is_bad = True
    elif clock is not None and (error := clock.error_s or _CODES.get(clock.code)) is not None:
        told.append(_("within %(error)s") % {"error": precise_words(abs(error))})
    if offset is not None and abs(offset) >= _CLOCK_SAME_S:
        shape = _("%(duration)s ahead of ours") if offset > 0 else _("%(duration)s behind ours")
        told.append(shape % {"duration": duration_words(abs(offset))})
        is_bad = is_bad or abs(offset) >= CLOCK_OFF_FROM_S
    elif has_wrong_times:
        told.append(_("its data has wrong times"))
    elif not told and offset is not None:
        told.append(_("same as ours"))
    if jumps:
        told.append(ngettext("%(n)d jump in 30 days", "%(n)d jumps in 30 days", jumps) % {"n": jumps})
    source = clock.source if clock is not None else ""
    yield HealthRow(_("Clock"), source or NOTHING, ", ".join(told), is_bad)
    if health.gps_state:
        yield HealthRow(_("GPS"), health.gps_state)


def _recording(health: Health) -> Iterator[HealthRow]:
    if health.radios:
        off = radios_off(health)
        word = _("all running")
        if off:
            ports = ", ".join(str(port) for port in off)
            word = ngettext("port %(ports)s is off", "ports %(ports)s are off", len(off)) % {"ports": ports}
        running = _("%(running)d of %(all)d") % {"running": len(health.radios) - len(off), "all": len(health.radios)}
        yield HealthRow(_("Radios"), running, word, bool(off))
    files = health.files
    if files is not None:
        told = [
            shape % {"size": bytes_words(size)}
            for shape, size in (
                (_("%(size)s not read yet"), files.bytes_unread),
                (_("%(size)s refused"), files.bytes_refused),
                (_("%(size)s held back by its settings"), files.bytes_kept_back),
            )
            if size
        ]
        yield HealthRow(_("Files"), count_words(files.files), ", ".join(told) or _("all read"))


def _life(health: Health) -> Iterator[HealthRow]:
    if health.uptime_s is None and health.boot_count is None:
        return
    starts = (
        ""
        if health.boot_count is None
        else ngettext("%(n)s start", "%(n)s starts", health.boot_count) % {"n": count_words(health.boot_count)}
    )
    running = NOTHING if health.uptime_s is None else duration_words(health.uptime_s)
    yield HealthRow(_("Running for"), running, starts)
    if health.pace:
        yield HealthRow(_("Pace"), _("slowed down"), health.pace)
