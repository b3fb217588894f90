"""Distances on the earth, and how people say them."""

import math
from typing import Final

from fleet.core.spoken import count_words, decimal_words

_RADIUS_M: Final = 6_371_008.8


def distance_m(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Metres between two places, given as latitude and longitude, along the surface."""
    (lat1, lon1), (lat2, lon2) = (tuple(map(math.radians, place)) for place in (one, other))
    share = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * _RADIUS_M * math.asin(min(math.sqrt(share), 1.0))


def distance_words(metres: float) -> str:
    """A distance with the digits that matter: `850 m`, `5.2 km`, `1 600 km`."""
    if metres < 1_000:
        return f"{round(metres, -1):.0f}\u00a0m"
    km = metres / 1_000
    if km < 10:
        return f"{decimal_words(km, 1)}\u00a0km"
    digits = -1 if km < 1_000 else -2
    return f"{count_words(int(round(km, digits)) if km >= 100 else round(km))}\u00a0km"
