"""The station as sources and commands see it: what they may know and do."""

import hashlib
import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from message_queue.contracts.base import Scalar
from message_queue.contracts.event import Event, Happening
from message_queue.contracts.file import FileTotals
from station_agent.config import Config
from station_agent.outbox import EVENT, Outbox
from station_agent.pace import Pacer
from station_agent.profiles import PROFILES, Profile

#: Before this time (2020-01-01) a clock cannot have been set: no agent existed then.
CLOCK_SANE_FROM = 1_577_836_800.0
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass
class SourceView:
    """The latest state of one source, for the person at the station."""

    last_data_at: float | None = None
    note: str = ""


@dataclass
class LinkState:
    """State of one connection. `reason` is a sentence while it is not connected."""

    connected_since: float | None = None
    reason: str = "It has not been tried yet."
    next_try_at: float | None = None
    last_confirm_at: float | None = None
    trouble: str = ""
    bytes_sent: int = 0
    bytes_received: int = 0
    #: Bytes on the link, including AMQP, TLS, TCP and IP.
    link_sent: int = 0
    link_received: int = 0


@dataclass
class Vitals:
    """Shared state of the agent's parts: best knowledge, not kept on disk."""

    sources: dict[str, SourceView] = field(default_factory=dict)
    publishing: LinkState = field(default_factory=LinkState)
    commands: LinkState = field(default_factory=LinkState)
    #: The separate connection for files; only its bytes on the link are known.
    uploads: LinkState = field(default_factory=LinkState)
    #: The part of all links' `link_sent` and `link_received` that is already on disk.
    link_stored: tuple[int, int] = (0, 0)
    #: Data that is recorded but not sent, because of the settings.
    kept: set[str] = field(default_factory=set)
    clock_code: str = ""
    gps_state: str = ""
    unread_bytes: int = 0
    #: Totals of the station's own files, if a source reads any.
    file_totals: Callable[[], FileTotals] | None = None
    next_report_at: float | None = None
    warnings: dict[str, str] = field(default_factory=dict)

    def uploads_count(self, sent: int, received: int) -> None:
        """Count bytes that files took on the link. Called only by the thread that uploads."""
        self.uploads.link_sent += sent
        self.uploads.link_received += received


class Station:
    """One station: its configuration, its outbox, and its current state."""

    def __init__(self, config: Config, outbox: Outbox) -> None:
        self.config = config
        #: Name and password in use, also after a rotation.
        self.login = config.amqp.username, config.amqp.password
        #: Set when the agent stops, for threads that wait or upload.
        self.stopping = threading.Event()
        #: Path of the configuration, if it came from a file.
        self.config_path: Path | None = None
        self.outbox = outbox
        self.vitals = Vitals()
        self.boot_id = boot_id_read()
        self.started_at = time.time()
        #: Set to make the main loop check at once.
        self.attention = threading.Event()
        #: Set when a health report is wanted now.
        self.report_wanted = threading.Event()
        #: Set when the server asks for a listing of everything that the station holds.
        self.manifest_wanted = threading.Event()
        #: Set when the contents of `hello` have changed.
        self.hello_wanted = threading.Event()
        #: The address in the newest hello, empty if there was none yet, and when that was (monotonic).
        self.address_said, self.address_said_at = "", 0.0
        self.boot_count = self._boot_count()
        self.pacer = Pacer(outbox)
        #: Number of requests to contact the server soon; a link that only visits follows them.
        self.calls = 0
        #: Number of reports made; data that waits for a report is sent with each.
        self.reports = 0
        #: Added to the time since boot where the server's time replaces a clock that is far off.
        self.clock_base: float | None = None
        self._profile = self._profile_known()
        outbox.compress_from = self.tuning.compress_from

    def now(self) -> float:
        """The current time for the agent's own records: by the clock, or by the server's time if the clock is far off."""
        return time.time() + self.clock_offset

    @property
    def clock_offset(self) -> float:
        """Seconds by which the clock is behind the server's time; 0 if the clock is not known to be far off."""
        if self.clock_base is None:
            return 0.0
        return self.clock_base + time.clock_gettime(time.CLOCK_BOOTTIME) - time.time()

    def _boot_count(self) -> int:
        """How often the station has booted since the outbox was created, as far as the agent saw it."""
        count = int(self.outbox.state_get("boot_count") or 0)
        if self.boot_id and self.outbox.state_get("boot_id") != self.boot_id:
            count += 1
            with self.outbox.database.transaction():
                self.outbox.state_set("boot_count", str(count))
                self.outbox.state_set("boot_id", self.boot_id)
        return count

    @property
    def profile(self) -> str:
        """The current profile: the one set by a command, unless the configuration was changed after it."""
        return self._profile

    @property
    def tuning(self) -> Profile:
        """The profile's parameters."""
        return PROFILES[self._profile]

    def _profile_known(self) -> str:
        wanted, _, instead_of = (self.outbox.state_get("profile") or "").partition("/")
        return wanted if wanted in PROFILES and instead_of == self.config.profile else self.config.profile

    def profile_set(self, name: str) -> None:
        """Set the profile until the configuration names a different one than it does now."""
        self.outbox.state_set("profile", f"{name}/{self.config.profile}")
        self._profile = name
        self.outbox.compress_from = self.tuning.compress_from
        self.hello_wanted.set()
        self.report_now()

    def call(self) -> None:
        """Request contact with the server soon, although the profile would wait."""
        self.calls += 1

    @property
    def reporting_interval(self) -> int:
        """Seconds between two health reports: set by a command, else the configuration, else the profile; paced."""
        known = self.outbox.state_get("reporting_interval") or self.config.reporting_interval
        return min(int(known or self.tuning.reporting_interval) * self.pacer.slowdown, 604_800)

    def report_wait(self, now: float) -> float:
        """Seconds to the next report: each station has its own moment in the interval, derived from its serial.

        A fleet that started together would otherwise always report together. The next report is never later than
        announced, except by as much as the last one came too early.
        """
        interval = self.reporting_interval
        phase = int.from_bytes(hashlib.sha256(self.config.serial.encode()).digest()[:6], "big") / 2**48 * interval
        wait = (phase - now) % interval
        return wait if wait >= interval / 20 else wait + interval

    def reporting_interval_set(self, seconds: int) -> None:
        """Set the reporting interval permanently and report at once, so that the server knows it."""
        self.outbox.state_set("reporting_interval", str(seconds))
        self.report_now()

    def report_now(self) -> None:
        """Request a health report at once."""
        self.report_wanted.set()
        self.attention.set()

    def event(self, name: str, data: Mapping[str, Scalar] | None = None, *, port: int | None = None) -> None:
        """Put one of the agent's own events into the outbox."""
        happening = Happening(t=self.now(), name=name, port=port, data=dict(data or {}))
        self.outbox.put("event", Event(events=[happening]), EVENT)

    def warn(self, about: str, sentence: str) -> None:
        """Show a warning in health and status until it is cleared; an empty sentence clears it."""
        if sentence:
            self.vitals.warnings[about] = sentence[:250]
        else:
            self.vitals.warnings.pop(about, None)


def boot_id_read() -> str:
    """The kernel's id of this boot, which unlike a boot time does not depend on the clock. Empty if unknown."""
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except OSError:
        return ""


def card_key_read(folder: Path) -> str:
    """A random key that stays with the SD card: with the serial it distinguishes a swapped board from a swapped card."""
    path = folder / "card.key"
    try:
        return path.read_text("ascii").strip()
    except OSError:
        key = secrets.token_hex(16)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(key + "\n")
    return key


def clock_is_set(now: float) -> bool:
    """Whether the clock shows a plausible time."""
    return now >= CLOCK_SANE_FROM
