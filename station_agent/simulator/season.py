"""A spring along a shore: tagged birds that live at a station, and migrants that pass several in waves, by night.

Everything follows from the seed and the time, so that the stations of a fleet hear the same birds, however often they
are asked.
"""

import math
import random
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

DAY, HOUR = 86_400.0, 3_600.0
#: A wave of migrants moves along all stations within this many nights, and then the next one begins.
WAVE_NIGHTS = 4
#: Migrants on a calm night, and how many more on the best night.
_CALM, _BUSY = 5, 30
#: A bird that rests is near a station for at most this long.
_REST_MOST = 40 * HOUR
_RESIDENTS = 3
_PORTS = 3
_KM_A_DEGREE = 111.2
#: The sun of mid-May, whatever the date: in November no panel of such a fleet would charge its battery.
_DECLINATION = math.radians(18.8)


class Place(NamedTuple):
    """A station and where it stands."""

    serial: str
    latitude: float
    longitude: float


class BirdStay(NamedTuple):
    """A bird within reach of a station: its tag, the port that hears it best, from when to when, and how loud."""

    tag: str
    port: int
    begin: float
    end: float
    loudness: float


class Season:
    """The birds and the weather of a fleet."""

    def __init__(self, places: Sequence[Place], *, seed: int) -> None:
        # Spring migrants follow this shore from its south-west end.
        self._places = sorted(places, key=lambda place: (place.longitude, place.latitude))
        self._of_serial = {place.serial: place for place in self._places}
        self._seed = seed
        self._latitude = sum(place.latitude for place in self._places) / len(self._places)
        self._noon_s = DAY / 2 - sum(place.longitude for place in self._places) / len(self._places) * DAY / 360
        self._cycle = lru_cache(maxsize=8)(self._make_cycle)

    def place(self, serial: str) -> Place:
        """The place of a station."""
        return self._of_serial[serial]

    def heard(self, serial: str, begin: float, end: float) -> list[BirdStay]:
        """The birds within reach of a station at some time between two moments."""
        last = self._number(end)
        numbers = range(self._number(begin - _REST_MOST) - 1, last + 1)
        return [
            stay
            for number in numbers
            for stay in self._cycle(number).get(serial, ())
            if stay.begin < end and stay.end > begin
        ]

    def sun(self, at: float) -> float:
        """The spring sun's height as a share of the zenith: 0 at night."""
        latitude, angle = math.radians(self._latitude), math.tau * (at - self._noon_s) / DAY
        height = math.sin(latitude) * math.sin(_DECLINATION)
        return max(height + math.cos(latitude) * math.cos(_DECLINATION) * math.cos(angle), 0.0)

    def clear(self, at: float) -> float:
        """How clear the sky is on the day of a moment: 0.1 under thick cloud, 1 without."""
        day = math.floor((at - self._noon_s + DAY / 2) / DAY)
        return (1.0, 0.85, 0.12, 0.3, 0.95, 0.7, 0.15)[(day + self._seed) % 7] * self._dice("sky", day).uniform(
            0.8, 1.0
        )

    def _number(self, at: float) -> int:
        """The cycle of a moment: from one solar noon to the next, with a whole night in it."""
        return math.floor((at - self._noon_s) / DAY)

    def _dice(self, *words: object) -> random.Random:
        return random.Random("/".join(str(word) for word in (self._seed, *words)))

    def _make_cycle(self, number: int) -> dict[str, list[BirdStay]]:
        """All stays that begin with one cycle, by serial."""
        noon = number * DAY + self._noon_s
        dusk, dawn = self._dusk_and_dawn(noon)
        stays: dict[str, list[BirdStay]] = {place.serial: [] for place in self._places}
        for place in self._places:
            for bird in range(_RESIDENTS):
                stays[place.serial] += self._resident(place.serial, bird, number, noon, dusk, dawn)
        phase = number % WAVE_NIGHTS
        swell = math.sin(math.pi * (phase + 0.5) / WAVE_NIGHTS) ** 2
        for bird in range(round(_CALM + _BUSY * swell)):
            for serial, stay in self._migrant(bird, number, phase, dusk, dawn):
                stays[serial].append(stay)
        return stays

    def _dusk_and_dawn(self, noon: float) -> tuple[float, float]:
        steps = [noon + minute * 60 for minute in range(0, 24 * 60, 5)]
        dark = [at for at in steps if self.sun(at) == 0.0]
        return (dark[0], dark[-1]) if dark else (noon + 11 * HOUR, noon + 13 * HOUR)

    def _resident(
        self, serial: str, bird: int, number: int, noon: float, dusk: float, dawn: float
    ) -> Iterator[BirdStay]:
        """A bird that lives here: near the station again and again, most of all around dawn and dusk."""
        known, dice = self._dice(serial, bird), self._dice(serial, bird, number)
        tag, port = _tag(known), known.randint(1, _PORTS)
        if dice.random() < 0.12:
            return
        for _ in range(dice.randint(7, 14)):
            around = dice.choice((dusk - 0.5 * HOUR, dawn + 0.5 * HOUR, dawn + HOUR, dusk - 2 * HOUR, None))
            begin = dice.uniform(noon, noon + DAY) if around is None else dice.gauss(around, 0.7 * HOUR)
            if not dusk + HOUR < begin < dawn - HOUR:
                yield BirdStay(tag, port, begin, begin + dice.uniform(120, 900), dice.uniform(-88, -62))

    def _migrant(self, bird: int, number: int, phase: int, dusk: float, dawn: float) -> Iterator[tuple[str, BirdStay]]:
        """A bird that flies along a few stations in one night, minutes at each, and may rest a day at the last."""
        dice = self._dice("migrant", number, bird)
        tag, speed = _tag(dice), dice.uniform(11.0, 18.0)
        middle = (phase + 0.3) / WAVE_NIGHTS * len(self._places)
        first = min(max(round(dice.gauss(middle, len(self._places) / 6)), 0), len(self._places) - 1)
        at = dusk + 0.6 * HOUR + dice.expovariate(1 / (1.3 * HOUR))
        chain = self._places[first : first + dice.randint(2, 6)]
        for before, place in zip([chain[0], *chain], chain, strict=False):
            at += _metres(before, place) / speed
            if at > dawn:
                return
            if dice.random() < 0.85:
                stay = BirdStay(tag, dice.randint(1, _PORTS), at, at + dice.uniform(100, 480), dice.uniform(-95, -68))
                yield place.serial, stay
        if dice.random() < 0.3:
            end = at + dice.uniform(8 * HOUR, _REST_MOST - 2 * HOUR)
            while (at := at + dice.expovariate(1 / (1.5 * HOUR))) < end:
                yield chain[-1].serial, BirdStay(tag, 1, at, at + dice.uniform(60, 500), dice.uniform(-92, -75))


def _tag(dice: random.Random) -> str:
    return f"{dice.getrandbits(32):08x}"


def _metres(one: Place, other: Place) -> float:
    east = (other.longitude - one.longitude) * math.cos(math.radians(one.latitude))
    return math.hypot(other.latitude - one.latitude, east) * _KM_A_DEGREE * 1000
