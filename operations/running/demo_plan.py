"""Names, places and behaviour of the demo's stations: the same in every demo."""

from __future__ import annotations

import random

SEED = 1

#: Repeated in this order: a fleet of 12 has two late, two silent and one with a wrong clock.
BEHAVIOURS = (
    "normal",
    "wrong_clock",
    "late",
    "normal",
    "silent",
    "normal",
    "normal",
    "noisy",
    "late",
    "normal",
    "silent",
    "normal",
)

#: Name, latitude and longitude; if there are more stations than places, several share one.
PLACES = (
    ("Old Cut", 42.58, -80.40),
    ("Long Point Tip", 42.55, -80.05),
    ("Breakwater", 42.56, -80.18),
    ("Courtright Ridge", 42.63, -80.44),
    ("Port Rowan", 42.62, -80.45),
    ("Bird Studies HQ", 42.63, -80.46),
)


def demo_serial(number: int) -> str:
    """The serial of the nth station, in a Sensorgnome's form."""
    dice = random.Random(SEED * 1_000_003 + number)
    return f"SG-{dice.randrange(16**4):04X}RPI4{dice.randrange(16**4):04X}"


def demo_serials(stations: int) -> list[str]:
    """The serials of a fleet of that size."""
    return [demo_serial(number) for number in range(stations)]
