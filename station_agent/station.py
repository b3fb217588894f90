"""What sources and commands may know and do: the station as they see it."""

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

#: Before this moment (2020-01-01) a clock has not been set: no agent existed then.
CLOCK_SANE_FROM = 1_577_836_800.0
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass
class SourceView:
    """What one source last saw, for the person at the station."""

    last_data_at: float | None = None
    note: str = ""


@dataclass
class LinkView:
    """What one connection is doing. `reason` is a sentence while it is not connected."""

    connected_since: float | None = None
    reason: str = "It has not been tried yet."
    next_try_at: float | None = None
    last_confirm_at: float | None = None
    last_command_at: float | None = None
    trouble: str = ""
    bytes_sent: int = 0
    bytes_received: int = 0
    #: With AMQP, TLS, TCP and IP.
    link_sent: int = 0
    link_received: int = 0


@dataclass
class Vitals:
    """What the parts of the agent tell each other: best knowledge, nothing kept on disk."""

    sources: dict[str, SourceView] = field(default_factory=dict)
    publishing: LinkView = field(default_factory=LinkView)
    commands: LinkView = field(default_factory=LinkView)
    #: What of `link_sent` and `link_received` of both links is on disk already.
    link_stored: tuple[int, int] = (0, 0)
    #: What is taken and not sent, by the settings.
    kept: set[str] = field(default_factory=set)
    clock_code: str = ""
    gps_state: str = ""
    unread_bytes: int = 0
    #: Counts what became of the station's own files, where a source reads any.
    file_totals: Callable[[], FileTotals] | None = None
    next_report_at: float | None = None
    warnings: dict[str, str] = field(default_factory=dict)


class Station:
    """One station: its configuration, its outbox, what is known about it at the moment."""

    def __init__(self, config: Config, outbox: Outbox) -> None:
        self.config = config
        #: Where the configuration lies, if it came from a file.
        self.config_path: Path | None = None
        self.outbox = outbox
        self.vitals = Vitals()
        self.boot_id = boot_id_read()
        self.started_at = time.time()
        #: Set to make the main loop look round at once.
        self.attention = threading.Event()
        #: Set when a health report is wanted now.
        self.report_wanted = threading.Event()
        #: Set when what `hello` says has changed.
        self.hello_wanted = threading.Event()
        #: The address of the newest hello, empty when there was none yet, and when that was (monotonic).
        self.address_said, self.address_said_at = "", 0.0
        self.boot_count = self._boot_count()
        self.pacer = Pacer(outbox)
        #: How often something wanted to reach the server at once: what a visiting link goes by.
        self.calls = 0
        #: How many reports were made: data that waits for a report goes with each.
        self.reports = 0
        #: What the time since boot is added to where the server's time stands in for a clock that is far off.
        self.clock_base: float | None = None
        self._profile = self._profile_known()
        outbox.compress_from = self.tuning.compress_from

    def now(self) -> float:
        """The moment for what the agent itself writes: by the clock, or by the server's time where that is far off."""
        return time.time() + self.clock_offset

    @property
    def clock_offset(self) -> float:
        """Seconds by which the clock is behind the server's time; 0 where the clock is not known to be far off."""
        if self.clock_base is None:
            return 0.0
        return self.clock_base + time.clock_gettime(time.CLOCK_BOOTTIME) - time.time()

    def _boot_count(self) -> int:
        """How often the station has started since the outbox began, as far as the agent was there to count."""
        count = int(self.outbox.state_get("boot_count") or 0)
        if self.boot_id and self.outbox.state_get("boot_id") != self.boot_id:
            count += 1
            with self.outbox.database.transaction():
                self.outbox.state_set("boot_count", str(count))
                self.outbox.state_set("boot_id", self.boot_id)
        return count

    @property
    def profile(self) -> str:
        """The newest word on it: what a command set, unless the configuration was changed after it."""
        return self._profile

    @property
    def tuning(self) -> Profile:
        """The profile's figures."""
        return PROFILES[self._profile]

    def _profile_known(self) -> str:
        wanted, _, instead_of = (self.outbox.state_get("profile") or "").partition("/")
        return wanted if wanted in PROFILES and instead_of == self.config.profile else self.config.profile

    def profile_set(self, name: str) -> None:
        """Change the profile until the configuration names another than it does now."""
        self.outbox.state_set("profile", f"{name}/{self.config.profile}")
        self._profile = name
        self.outbox.compress_from = self.tuning.compress_from
        self.hello_wanted.set()
        self.report_now()

    def call(self) -> None:
        """Reach the server soon, though the profile would wait."""
        self.calls += 1

    @property
    def reporting_interval(self) -> int:
        """Seconds between two health reports: what a command set, else the configuration, else the profile; paced."""
        known = self.outbox.state_get("reporting_interval") or self.config.reporting_interval
        return min(int(known or self.tuning.reporting_interval) * self.pacer.slowdown, 604_800)

    def report_wait(self, now: float) -> float:
        """Seconds to the next report: each station has a moment of its own in the interval, by its serial.

        A fleet that started together would otherwise report together for ever. The next report is never later than
        announced, but for the moment by which the last one came too early.
        """
        interval = self.reporting_interval
        phase = int.from_bytes(hashlib.sha256(self.config.serial.encode()).digest()[:6], "big") / 2**48 * interval
        wait = (phase - now) % interval
        return wait if wait >= interval / 20 else wait + interval

    def reporting_interval_set(self, seconds: int) -> None:
        """Change the reporting interval for good and report at once, so that the server knows it."""
        self.outbox.state_set("reporting_interval", str(seconds))
        self.report_now()

    def report_now(self) -> None:
        """Ask for a health report at once."""
        self.report_wanted.set()
        self.attention.set()

    def event(self, name: str, data: Mapping[str, Scalar] | None = None, *, port: int | None = None) -> None:
        """Put one event of the agent's own into the outbox."""
        happening = Happening(t=self.now(), name=name, port=port, data=dict(data or {}))
        self.outbox.put("event", Event(events=[happening]), EVENT)

    def warn(self, about: str, sentence: str) -> None:
        """Show a warning in health and status until it is cleared; an empty sentence clears it."""
        if sentence:
            self.vitals.warnings[about] = sentence[:250]
        else:
            self.vitals.warnings.pop(about, None)


def boot_id_read() -> str:
    """The kernel's own id of this boot: unlike a boot time it does not depend on the clock. Empty where unknown."""
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except OSError:
        return ""


def card_key_read(folder: Path) -> str:
    """A random key that stays with the SD card: with the serial it tells a swapped board from a swapped card."""
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
    """Whether the clock shows a moment that it can show at all."""
    return now >= CLOCK_SANE_FROM
