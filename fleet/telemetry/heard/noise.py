"""Pulses of each port against its own normal: the median of the same hour of the day over two weeks.

Pulses that belong to no tag are noise: a charger, a pump, a loose antenna. What is normal differs between ports and
between day and night, so each hour is compared with the same hour of the days before it.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median

from fleet.stations.models import Station
from fleet.telemetry.heard.covered import hours_covered
from fleet.telemetry.heard.question import HOUR, hour_of
from fleet.telemetry.models import Detection, DetectionCount

#: Hours that are compared, days that say what is normal, and how many of these must have data.
COMPARED = 24
DAYS = 14
DAYS_LEAST = 5
#: A port is noisy from `TIMES` its normal on, or quiet from that fraction, if it differs by `PULSES_LEAST` an hour.
TIMES = 3.0
PULSES_LEAST = 50
_DAY = timedelta(days=1)


class Loudness(StrEnum):
    """How a port compares with its own normal."""

    NOISY = "noisy"
    USUAL = "usual"
    QUIET = "quiet"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PortNoise:
    """Pulses of a port in `hours` hours with data, and what is usual in the same hours of the day.

    `usual` is None if fewer than `DAYS_LEAST` days have data; `days` is how many have.
    """

    port: int
    pulses: int
    hours: int
    usual: float | None
    days: int

    @property
    def times(self) -> float:
        """How many times the usual number; meaningless if `usual` is None."""
        return self.pulses / max(self.usual or 0.0, 1.0)

    @property
    def loudness(self) -> Loudness:
        """The port's pulses compared with the usual number, by `TIMES` and `PULSES_LEAST`."""
        if self.usual is None:
            return Loudness.UNKNOWN
        if abs(self.pulses - self.usual) >= PULSES_LEAST * self.hours:
            if self.times >= TIMES:
                return Loudness.NOISY
            if self.times <= 1 / TIMES:
                return Loudness.QUIET
        return Loudness.USUAL


def port_noise(*, station: Station, end: datetime, port: int | None = None) -> list[PortNoise]:
    """Noise over the last whole hours before `end`, for each port with pulses then or in the days before."""
    last = hour_of(end)
    first = last - COMPARED * HOUR
    begin = first - DAYS * _DAY
    rows = DetectionCount.objects.filter(
        station=station, hour__gte=begin, hour__lt=last, kind=Detection.Kind.PULSE
    ).values_list("port", "hour", "count")
    counts: dict[int, dict[datetime, int]] = defaultdict(dict)
    for number, hour, count in rows if port is None else rows.filter(port=port):
        counts[number][hour] = count
    if not counts:
        return []
    covered = hours_covered(station_ids=[station.pk], start=begin, end=last)[station.pk].union(*counts.values())
    hours = [hour for hour in (first + n * HOUR for n in range(COMPARED)) if hour in covered]
    return [_compared(number, counts[number], hours, covered) for number in sorted(counts)]


def _compared(
    port: int, counts: dict[datetime, int], hours: list[datetime], covered: Collection[datetime]
) -> PortNoise:
    """Sum over the hours whose normal is known; if it is known for none, over all of them."""
    usual, known, days = 0.0, [], 0
    for hour in hours:
        before = [hour - n * _DAY for n in range(1, DAYS + 1)]
        same = [counts.get(moment, 0) for moment in before if moment in covered]
        days = max(days, len(same))
        if len(same) >= DAYS_LEAST:
            usual += median(same)
            known.append(hour)
    compared = known or hours
    pulses = sum(counts.get(hour, 0) for hour in compared)
    return PortNoise(port, pulses, len(compared), usual if known else None, days)
