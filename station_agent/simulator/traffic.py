"""Plausible Sensorgnome lines generated from a seed: passing birds, noise, positions, clock, settings.

The lines are those of a current V2 station, so the agent's own parser reads them. In a season, the birds are those that
all stations of a fleet share; otherwise they are this station's own.
"""

import math
import random
import time
from dataclasses import dataclass
from typing import NamedTuple

from formats.sensorgnome.lines import line_parse
from formats.sensorgnome.messages import LineMessage, messages_make, moments_fill
from formats.sensorgnome.names import file_name_parse
from formats.sensorgnome.reader import CHUNK_LINES
from message_queue.contracts.health import Clock, Health
from station_agent.simulator.power import Battery
from station_agent.simulator.season import DAY, HOUR, BirdStay, Season

GPS_SECONDS, CLOCK_SECONDS = 300.0, 600.0
#: Seconds between a tag's beats, and between positions, in a season: a week of them then loads in a minute.
_BEAT_SECONDS, _SEASON_GPS_SECONDS = 15.4, 1_800.0
#: Share of the usual Lotek birds that a season has, beside the tags that all stations share.
_SEASON_LOTEK = 0.1
#: Lotek tags of a code set repeatedly send four pulses at gaps that identify them.
PULSES_A_BURST = 4
#: An unset clock begins here, at 2000-01-01.
UNSET_CLOCK = 946_684_800.0
_FREQUENCY = 166.376


class _Bird(NamedTuple):
    """One tagged bird near the station: when it leaves, what its tag sends, how loud it is heard."""

    port: int
    until: float
    period: float
    gaps: tuple[float, ...]
    offset_khz: float
    loudness: float
    tag: str


@dataclass
class _File:
    """The data file that the station would be writing."""

    name: str
    until: float
    line: int = 0
    last_at: int = 0


class Traffic:
    """One station's environment. All times are the server's true time; `clock` converts them to the station's.

    `fails_at`: when its battery is empty, in a season.
    """

    def __init__(
        self,
        serial: str,
        *,
        seed: int,
        started_at: float,
        boot_count: int,
        behaviour: str,
        season: Season | None = None,
        fails_at: float | None = None,
    ) -> None:
        self._random = random.Random(f"{seed}/{serial}/{boot_count}")
        place = random.Random(f"{seed}/{serial}")
        self._serial = serial
        self._behaviour = behaviour
        self._started_at = started_at
        self._boot_count = boot_count
        self.latitude = round(place.uniform(42.0, 55.0), 5)
        self.longitude = round(place.uniform(-82.0, -60.0), 5)
        self._ports = [1, 2, 3][: place.randint(2, 3)]
        self._tag_port = 4
        self._noise = {port: place.uniform(0.01, 0.05) for port in self._ports}
        if behaviour == "noisy":
            self._noise[self._ports[-1]] = 6.0
        self._season = season
        self._battery: Battery | None = None
        if season is not None:
            _, self.latitude, self.longitude = season.place(serial)
            self._battery = Battery(season, at=started_at, fails_at=fails_at)
            self._noise = {port: rate * (0.05 if rate > 1 else 0.15) for port, rate in self._noise.items()}
        self._lotek: list[_Bird] = []
        self._ctt: list[_Bird] = []
        self._files: dict[str, _File] = {}
        self._next_gps = started_at
        self._next_clock = started_at
        self._settings_due = True
        # Some birds are already there.
        self._arrive(started_at - 900.0, started_at)

    def clock(self, at: float) -> float:
        """The time the station's clock shows at a given moment."""
        if self._behaviour == "wrong_clock":
            return UNSET_CLOCK + (at - self._started_at)
        return at

    @property
    def clock_code(self) -> str:
        """The clock code of the files."""
        return "P" if self._behaviour == "wrong_clock" else "Z"

    def messages(self, begin: float, end: float) -> list[LineMessage]:
        """Everything that the station's files would have received between two moments."""
        lines: dict[str, list[tuple[float, str]]] = {"all": [], "ctt": []}
        self._arrive(begin, end)
        self._upkeep(begin, end, lines)
        for bird in self._lotek:
            lines["all"] += self._burst_lines(bird, begin, min(end, bird.until))
        for port, rate in self._noise.items():
            for _ in range(self._poisson(rate * (end - begin))):
                lines["all"].append(
                    self._pulse(port, self._random.uniform(begin, end), -60 + self._random.gauss(0, 2), None)
                )
        for bird in self._ctt:
            lines["ctt"] += self._tag_lines(bird, begin, min(end, bird.until))
        if self._season is not None:
            for stay in self._season.heard(self._serial, begin, end):
                lines["ctt"] += self._stay_lines(stay, begin, end)
        made: list[LineMessage] = []
        for source, found in lines.items():
            made += self._read(source, begin, [text for _, text in sorted(found)])
        return made

    def _activity(self, at: float) -> float:
        """0 to 1: highest before dawn and after dusk, when migrants fly; by the station's own time of day."""
        hour = (at % DAY) / HOUR + self.longitude / 15
        return 0.15 + 0.85 * max(math.cos((hour - 5.0) / 12 * math.pi), 0) ** 2

    def _arrive(self, begin: float, end: float) -> None:
        """Let birds arrive and leave."""
        rng = self._random
        self._lotek = [bird for bird in self._lotek if bird.until > begin]
        self._ctt = [bird for bird in self._ctt if bird.until > begin]
        chance = self._activity(begin) * (end - begin)
        for _ in range(self._poisson(chance / 240 * (_SEASON_LOTEK if self._season else 1.0))):
            gaps = tuple(round(rng.uniform(0.015, 0.08), 4) for _ in range(PULSES_A_BURST - 1))
            period = rng.choice([4.7, 9.7, 12.7, 25.1])
            self._lotek.append(
                _Bird(
                    rng.choice(self._ports),
                    rng.uniform(begin, end) + rng.expovariate(1 / 300),
                    period,
                    gaps,
                    rng.gauss(3.0, 0.6),
                    rng.uniform(-58, -35),
                    "",
                )
            )
        for _ in range(0 if self._season else self._poisson(chance / 500)):
            tag = f"{rng.getrandbits(32):08x}"
            self._ctt.append(
                _Bird(
                    self._tag_port,
                    rng.uniform(begin, end) + rng.expovariate(1 / 200),
                    5.12,
                    (),
                    0.0,
                    rng.uniform(-95, -60),
                    tag,
                )
            )

    def _upkeep(self, begin: float, end: float, lines: dict[str, list[tuple[float, str]]]) -> None:
        """Write settings at the start, positions and clock lines now and then, in both files as a real station does."""
        if self._settings_due:
            self._settings_due = False
            for index, (port, name, value) in enumerate(
                (port, name, value)
                for port in self._ports
                for name, value in (("frequency", _FREQUENCY), ("lna_gain", 1), ("mixer_gain", 1))
            ):
                at = begin + 0.02 * index
                lines["all"].append((at, f"S,{self.clock(at):.3f},{port},{name},{value},0,"))
        while self._next_clock < end:
            at = max(self._next_clock, begin)
            for found in lines.values():
                found.append((at, f"C,{self.clock(at):.3f},{2 if self.clock_code == 'Z' else -1},0"))
            self._next_clock = at + CLOCK_SECONDS
        while self._next_gps < end:
            at = max(self._next_gps, begin)
            for found in lines.values():
                found.append((at, self._position(at)))
            self._next_gps = at + (_SEASON_GPS_SECONDS if self._season else GPS_SECONDS)

    def _position(self, at: float) -> str:
        if self._behaviour == "wrong_clock":
            return "G,undefined,undefined,undefined,undefined"
        rng = self._random
        lat, lon = self.latitude + rng.gauss(0, 2e-5), self.longitude + rng.gauss(0, 2e-5)
        return f"G,{self.clock(at):.0f},{lat:.6f},{lon:.6f},{20 + rng.gauss(0, 1.5):.1f}"

    def _burst_lines(self, bird: _Bird, begin: float, end: float) -> list[tuple[float, str]]:
        found: list[tuple[float, str]] = []
        at = math.ceil(begin / bird.period) * bird.period
        while at < end:
            loud = bird.loudness + self._random.gauss(0, 1.5)
            moment = at
            for gap in (0.0, *bird.gaps):
                moment += gap
                found.append(self._pulse(bird.port, moment, loud, bird.offset_khz))
            at += bird.period
        return found

    def _pulse(self, port: int, at: float, loud: float, offset: float | None) -> tuple[float, str]:
        rng = self._random
        freq = rng.uniform(-6, 12) if offset is None else offset + rng.gauss(0, 0.02)
        floor = -66 + rng.gauss(0, 1)
        letter = "n" if offset is None else "p"
        return at, f"{letter}{port},{self.clock(at):.4f},{freq:.1f},{loud:.0f},{floor:.0f},{max(loud - floor, 1):.0f}"

    def _tag_lines(self, bird: _Bird, begin: float, end: float) -> list[tuple[float, str]]:
        found = []
        at = math.ceil(begin / bird.period) * bird.period
        while at < end:
            rssi = bird.loudness + self._random.gauss(0, 3)
            found.append((at, f"T{bird.port},{self.clock(at):.3f},{bird.tag},{rssi:.0f}"))
            at += bird.period
        return found

    def _stay_lines(self, stay: BirdStay, begin: float, end: float) -> list[tuple[float, str]]:
        """The beats of a bird's tag that get through: loudest in the middle of its stay, and few at both ends."""
        found = []
        middle, half = (stay.begin + stay.end) / 2, (stay.end - stay.begin) / 2
        at = stay.begin + math.ceil(max(begin - stay.begin, 0.0) / _BEAT_SECONDS) * _BEAT_SECONDS
        while at < min(end, stay.end):
            distance = abs(at - middle) / half
            if self._random.random() > 0.7 * distance:
                rssi = stay.loudness - 14 * distance**2 + self._random.gauss(0, 2.5)
                found.append((at, f"T{stay.port},{self.clock(at):.3f},{stay.tag},{rssi:.0f}"))
            at += _BEAT_SECONDS
        return found

    def _read(self, source: str, begin: float, texts: list[str]) -> list[LineMessage]:
        """The lines as messages, with their file's name, as many at a time as the agent reads."""
        file = self._files.get(source)
        if file is None or begin >= file.until:
            file = self._files[source] = _File(self._file_name(source, begin), begin + HOUR)
        name = file_name_parse(file.name)
        if name is None or not texts:
            return []
        made: list[LineMessage] = []
        for first in range(0, len(texts), CHUNK_LINES):
            lines = map(line_parse, texts[first : first + CHUNK_LINES])
            numbered = moments_fill(enumerate(lines, file.line + 1), file.last_at or name.start)
            file.line += len(numbered)
            file.last_at = numbered[-1].at
            made += messages_make(numbered, name)
        return made

    def _file_name(self, source: str, at: float) -> str:
        shown = self.clock(at)
        start = time.strftime("%Y-%m-%dT%H-%M-%S", time.gmtime(shown))
        fraction = int(shown % 1 * 10_000)
        serial = self._serial.removeprefix("SG-").replace("-", "")
        return f"sgv2-{serial}-{self._boot_count:03d}-{start}.{fraction:04d}{self.clock_code}-{source}.txt"

    def _poisson(self, expected: float) -> int:
        """Random count of events with mean `expected`; by the sum of waits up to 50, else by the normal distribution."""
        if expected > 50:
            return max(round(self._random.gauss(expected, math.sqrt(expected))), 0)
        limit, product, count = math.exp(-expected), self._random.random(), 0
        while product > limit:
            product *= self._random.random()
            count += 1
        return count

    def health(self, at: float, *, next_in: float) -> Health:
        """The host's health: the battery follows the sun, the disk fills slowly."""
        rng = self._random
        sun = max(math.cos(((at % DAY) / HOUR + self.longitude / 15 - 12.5) / 12 * math.pi), 0.0)
        battery, solar = self._battery.volts(at) if self._battery else (12.25 + 1.1 * sun, 0.4 + 19.0 * sun)
        days = (at - 1_700_000_000) / DAY
        return Health(
            at=self.clock(at),
            next_in=next_in,
            boot_count=self._boot_count,
            uptime_s=round(at - self._started_at + 60, 1),
            cpu_percent=round(rng.uniform(3, 18), 1),
            load1=round(rng.uniform(0.05, 0.6), 2),
            memory_percent=round(31 + rng.gauss(0, 1.5), 1),
            disk_percent=round(20 + days * 0.05 % 60, 1),
            disk_free_bytes=int(24e9 - days * 6e6 % 15e9),
            temperature_c=round(28 + 14 * sun + rng.gauss(0, 0.8), 1),
            battery_v=round(battery + rng.gauss(0, 0.03), 2),
            solar_v=round(max(solar + rng.gauss(0, 0.2), 0.0), 2),
            signal_dbm=round(-82 + rng.gauss(0, 4), 0),
            clock=Clock(code=self.clock_code, source="simulated"),
            gps_state="no fix" if self._behaviour == "wrong_clock" else "fix",
        )
