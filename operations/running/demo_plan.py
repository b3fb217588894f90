"""Names, places and behaviour of the demo's stations, and their last days: the same in every demo."""

from __future__ import annotations

import random
from typing import NamedTuple

SEED = 1
ORGANIZATION = "Demo Bird Observatory"
TIMEZONE = "America/Toronto"

#: Repeated in this order, so that twelve stations show every problem once. `behind` and `nightly` had no link for a
#: while and behave normally now; the others behave as in the simulator.
BEHAVIOURS = (
    "normal",
    "wrong_clock",
    "normal",
    "noisy",
    "behind",
    "normal",
    "silent",
    "normal",
    "late",
    "nightly",
    "normal",
    "normal",
)


class DemoPlace(NamedTuple):
    """A site of the demo."""

    name: str
    latitude: float
    longitude: float


#: Places along the north shore of Lake Erie, which migrants follow in spring. Larger fleets share them.
PLACES = (
    DemoPlace("Pelee Tip", 41.912, -82.509),
    DemoPlace("Wheatley Harbour", 42.073, -82.449),
    DemoPlace("Rondeau Pier", 42.264, -81.903),
    DemoPlace("Port Glasgow", 42.506, -81.612),
    DemoPlace("Port Stanley", 42.659, -81.213),
    DemoPlace("Port Burwell", 42.643, -80.806),
    DemoPlace("Old Cut", 42.584, -80.398),
    DemoPlace("Turkey Point", 42.694, -80.331),
    DemoPlace("Port Dover", 42.781, -80.204),
    DemoPlace("Long Point Tip", 42.549, -80.051),
    DemoPlace("Rock Point", 42.848, -79.551),
    DemoPlace("Point Abino", 42.836, -79.095),
)

#: Length of the stations' past, and how many stations have one; the rest begin now.
HISTORY_DAYS = 8
WITH_HISTORY_MOST = 24


def demo_serial(number: int) -> str:
    """The serial of the nth station, in a Sensorgnome's form."""
    dice = random.Random(SEED * 1_000_003 + number)
    return f"SG-{dice.randrange(16**4):04X}RPI4{dice.randrange(16**4):04X}"


def demo_serials(stations: int) -> list[str]:
    """The serials of a fleet of that size."""
    return [demo_serial(number) for number in range(stations)]


def demo_behaviour(number: int) -> str:
    """The behaviour of the nth station."""
    return BEHAVIOURS[number % len(BEHAVIOURS)]


def demo_place(number: int) -> DemoPlace:
    """The place of the nth station."""
    return PLACES[number % len(PLACES)]


def demo_name(number: int) -> str:
    """The name of the nth station: its place, and a number from the second one there."""
    turn = number // len(PLACES)
    return f"{demo_place(number).name} {turn + 1}" if turn else demo_place(number).name
