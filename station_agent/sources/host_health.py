"""The station's own health, reported at the reporting interval, with the backlog and dropped messages."""

import os
import re
import time
from pathlib import Path

import msgspec

from message_queue.contracts.health import Backlog, Clock, Health, Radio
from station_agent.clock.quality import clock_read
from station_agent.host import Disk, Processor, disk_read, memory_read, temperature_read
from station_agent.link.data_use import data_use_store
from station_agent.outbox import REPORT
from station_agent.sources.base import Source, SourceKind, SourceSettings
from station_agent.station import Station, clock_is_set

#: Radios and warnings that a report lists.
LISTED_MOST = 32
_RADIO = re.compile(r"(?P<type>[A-Za-z0-9/]+)\.port=(?P<port>\d{1,3})(?:\.|\Z)")
#: Free bytes below which people are warned: the recorder stops when the disk is full.
DISK_FREE_LOW = 200_000_000


class HostHealthSettings(SourceSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`disk`: the folder whose disk counts. `radios`: where udev links a Sensorgnome's radios, named by port."""

    disk: str = "/"
    radios: str = "/dev/sensorgnome"
    thermal: str = "/sys/class/thermal/thermal_zone0/temp"


class HostHealthSource:
    """Polled by the main loop."""

    def __init__(self, station: Station, settings: HostHealthSettings) -> None:
        self._station = station
        self._settings = settings
        self._next = self._wait = 0.0
        self._processor = Processor()

    def poll(self) -> float:
        """Report when it is due or was requested."""
        now = time.monotonic()
        if now >= self._next or self._station.report_wanted.is_set():
            self._station.report_wanted.clear()
            self._wait = self._station.report_wait(time.time())
            report = health_read(self._station, self._settings, self._processor, next_in=self._wait)
            self._station.outbox.put("health", report, REPORT)
            self._station.vitals.sources["host_health"].last_data_at = time.time()
            self._station.vitals.next_report_at = time.time() + self._wait
            self._next = now + self._wait
            self._station.reports += 1
            self._station.call()
        return max(self._next - now, 0.1)


def health_read(station: Station, settings: HostHealthSettings, processor: Processor, *, next_in: float) -> Health:
    """All that is known about the host; unknown values are left out."""
    disk = _disk(settings.disk)
    backlog = station.outbox.backlog()
    vitals = station.vitals
    radios = radios_find(Path(settings.radios))
    more = len(radios) - LISTED_MOST
    station.warn("radios", f"There are {len(radios)} radios; {more} of them are not listed." if more > 0 else "")
    _warnings_look(station, disk.free if disk else None)
    return Health(
        at=station.now(),
        next_in=max(float(station.reporting_interval), round(next_in + 0.5)),
        boot_count=station.boot_count,
        uptime_s=round(time.clock_gettime(time.CLOCK_BOOTTIME), 1),
        cpu_percent=processor.percent(),
        load1=round(os.getloadavg()[0], 2),
        memory_percent=memory_read().percent,
        disk_percent=disk.percent if disk else None,
        disk_free_bytes=disk.free if disk else None,
        temperature_c=temperature_read(Path(settings.thermal)),
        bytes_sent=vitals.publishing.bytes_sent + vitals.commands.bytes_sent,
        bytes_received=vitals.publishing.bytes_received + vitals.commands.bytes_received,
        data_use=data_use_store(station.outbox, vitals),
        pace=station.pacer.say()[:250],
        clock=_clock(station),
        gps_state=vitals.gps_state,
        radios=radios[:LISTED_MOST],
        backlog=Backlog(messages=backlog.messages, bytes=backlog.bytes, oldest_at=backlog.oldest_at),
        dropped=station.outbox.dropped(),
        files=vitals.file_totals() if vitals.file_totals else None,
        warnings=_warnings_listed(list(vitals.warnings.values())),
    )


def _disk(folder: str) -> Disk | None:
    try:
        return disk_read(folder)
    except OSError:
        return None


def _clock(station: Station) -> Clock | None:
    """The system's clock quality, overridden by the recorder's own code, because that marks the data."""
    if station.clock_base is not None:
        return Clock(code="P", source="the server's time", offset_s=round(station.clock_offset, 1))
    clock = clock_read()
    if not clock_is_set(time.time()):
        clock = Clock(code="P", source=clock.source if clock else "system")
    code = station.vitals.clock_code
    if not code:
        return clock
    if clock is None:
        return Clock(code=code, source="sensorgnome")
    return msgspec.structs.replace(clock, code=code)


def _warnings_look(station: Station, free: int | None) -> None:
    low = free is not None and free < DISK_FREE_LOW
    station.warn("disk", f"Only {(free or 0) // 1_000_000} MB of disk are free." if low else "")
    unset = not clock_is_set(time.time())
    station.warn("clock", "The clock is not set; times of new data are wrong." if unset else "")


def _warnings_listed(warnings: list[str]) -> list[str]:
    """As many as a report lists; the last one counts the others."""
    if len(warnings) <= LISTED_MOST:
        return warnings
    return [*warnings[: LISTED_MOST - 1], f"There are {len(warnings) - LISTED_MOST + 1} more warnings."]


def radios_find(folder: Path) -> list[Radio]:
    """The receivers, by the names udev gave them: `funcubeProPlus.port=6.alsaDev=6.…`."""
    try:
        names = sorted(entry.name for entry in folder.iterdir())
    except OSError:
        return []
    matches = [match for name in names if (match := _RADIO.match(name))]
    return [Radio(port=int(match["port"]), type=match["type"]) for match in matches]


def _make(station: Station, settings: HostHealthSettings) -> Source:
    return HostHealthSource(station, settings)


SOURCE = SourceKind(name="host_health", settings=HostHealthSettings, make=_make)
