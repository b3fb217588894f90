"""Nights at a place: from sunset to sunrise, accurate to a few minutes, for shading them in plots."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

#: Height of the sun's centre at its rise: refraction, and half its disc.
_HORIZON: Final = math.radians(-0.833)
_TILT: Final = math.radians(23.4397)
_EPOCH: Final = datetime(2000, 1, 1, 12, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
#: Solar noon moves by less than this from day to day, so the gap between two halves of a night is no longer than this.
_SEAM: Final = timedelta(minutes=2)


def nights(*, latitude: float, longitude: float, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """Periods of darkness between two moments, cut off at both. A polar night is one period, a polar day is none."""
    darkness: list[tuple[datetime, datetime]] = []
    for dusk, dawn in _halves(latitude, longitude, start, end):
        begin, stop = max(dusk, start), min(dawn, end)
        if begin < stop and darkness and darkness[-1][1] + _SEAM >= begin:
            darkness[-1] = (darkness[-1][0], stop)
        elif begin < stop:
            darkness.append((begin, stop))
    return darkness


def _halves(latitude: float, longitude: float, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """For each solar noon, the darkness from midnight to sunrise and from sunset to midnight."""
    number = math.floor((start - _EPOCH) / _DAY + longitude / 360) - 1
    while True:
        noon, half_day = _day(number, latitude, longitude)
        if noon - _DAY > end:
            return
        yield noon - _DAY / 2, noon - half_day
        yield noon + half_day, noon + _DAY / 2
        number += 1


def _day(number: int, latitude: float, longitude: float) -> tuple[datetime, timedelta]:
    """The moment of the sun's highest position on the day `number` after 2000-01-01, and half the length of that day.

    These are the usual short formulas of the almanac: mean anomaly, equation of the centre, declination, hour angle.
    """
    mean_noon = number - longitude / 360
    anomaly = math.radians((357.5291 + 0.98560028 * mean_noon) % 360)
    centre = 1.9148 * math.sin(anomaly) + 0.02 * math.sin(2 * anomaly) + 0.0003 * math.sin(3 * anomaly)
    ecliptic = math.radians((math.degrees(anomaly) + centre + 282.9372) % 360)
    noon = mean_noon + 0.0053 * math.sin(anomaly) - 0.0069 * math.sin(2 * ecliptic)
    declination = math.asin(math.sin(ecliptic) * math.sin(_TILT))
    phi = math.radians(max(min(latitude, 89.9), -89.9))
    ratio = (math.sin(_HORIZON) - math.sin(phi) * math.sin(declination)) / (math.cos(phi) * math.cos(declination))
    return _EPOCH + noon * _DAY, math.acos(max(min(ratio, 1.0), -1.0)) / math.tau * _DAY
