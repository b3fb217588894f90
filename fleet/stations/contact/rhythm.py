"""The rhythm of a station, learned from the pauses between its contacts by hour of the day.

    no pauses ──▶ assumed: hourly ──5 pauses from 3 days──▶ believed ──▶ follows the newest 14 days with contacts
                      ▲                                        │
                      └──on 3 days in a row at least doubled───┘   (only what came since then counts)

While it is assumed, it only grows longer. All numbers here are in seconds and hours of UTC.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, median_high
from typing import Final, NamedTuple

from fleet.stations.contact.pauses import Pause

#: Expected seconds between contacts if nothing is known: a Sensorgnome V2 reports once an hour.
UNKNOWN_INTERVAL_S: Final = 3_600.0
#: Bounds of what can be learned, in seconds.
LEARNED_LEAST_S, LEARNED_MOST_S = 60.0, 604_800.0
#: How many of the newest days with contacts are looked at: two weekends are among them.
DAYS_MOST: Final = 14
#: Pauses and days needed before a rhythm is believed; pauses needed before an hour of the day has its own.
_PAUSES_LEAST, _DAYS_LEAST, _PAUSES_OF_HOUR_LEAST = 5, 3, 5
#: From this many pauses on, the longest is taken for an accident: a single outage of the station or its link.
_ACCIDENT_FROM: Final = 10
#: Roost waits this many times the longest usual pause.
_MARGIN: Final = 1.1
#: A rhythm changed if so many days in a row differ from the days before them by this factor.
_CHANGED_DAYS, _CHANGED_FACTOR = 3, 2.0
#: An hour of the day is different if its usual pause differs from that of the others by this factor.
_OTHER_FACTOR: Final = 2.0
#: The usual pauses are those between these quantiles.
_LOW, _HIGH = 0.1, 0.9
_DAY_HOURS: Final = 24


class OtherHours(NamedTuple):
    """Hours of the day, UTC, with a rhythm of their own: the first, the hour after the last, and the usual pause.

    `is_quiet`: they are one single pause.
    """

    start: int
    end: int
    seconds: float
    is_quiet: bool


class Change(NamedTuple):
    """A change of rhythm: its first day, counted from 1970, and the usual pause before."""

    day: int
    before_s: float
    is_longer: bool


@dataclass(frozen=True, slots=True)
class Rhythm:
    """A learned rhythm. `expected_s`: by the hour of a contact, the seconds within which the next one is expected.

    Eight of ten pauses are between `low_s` and `high_s`, not counting those of `other` hours; `usual_s` is the median.
    """

    is_believed: bool
    expected_s: tuple[float, ...]
    usual_s: float
    low_s: float
    high_s: float
    other: OtherHours | None
    change: Change | None


def rhythm_of(pauses: Sequence[Pause]) -> Rhythm | None:
    """The rhythm in these pauses, oldest first; None if there are none."""
    if not pauses:
        return None
    by_day: dict[int, list[Pause]] = {}
    for pause in pauses:
        by_day.setdefault(pause.hour // _DAY_HOURS, []).append(_bounded(pause))
    change = _change(by_day)
    days = list(by_day)[-DAYS_MOST:]
    present = [day for day in days if change is None or day >= change.day]
    # A station that now reports more often may report rarely again under the next clouds, so its longer pauses stay.
    believed = [pause for day in (present if change and change.is_longer else days) for pause in by_day[day]]
    shown = [pause for day in present for pause in by_day[day]]
    is_believed = (
        len(believed) >= _PAUSES_LEAST and len({pause.hour // _DAY_HOURS for pause in believed}) >= _DAYS_LEAST
    )
    other = _other_hours(shown)
    usual = sorted(pause.seconds for pause in shown if other is None or not _is_within(other, pause.hour))
    usual = usual or sorted(pause.seconds for pause in shown)
    return Rhythm(
        is_believed=is_believed,
        expected_s=_expected(believed) if is_believed else _assumed(believed),
        usual_s=median(usual),
        low_s=usual[int(_LOW * len(usual))],
        high_s=usual[min(int(_HIGH * len(usual)), len(usual) - 1)],
        other=other,
        change=change,
    )


def _bounded(pause: Pause) -> Pause:
    return pause._replace(seconds=min(max(pause.seconds, LEARNED_LEAST_S), LEARNED_MOST_S))


def _expected(pauses: Sequence[Pause]) -> tuple[float, ...]:
    """By hour of the day, from the pauses of that hour and its neighbours, as clocks change and contacts come early."""
    by_hour = _by_hour(pauses)
    longest = _longest_usual([pause.seconds for pause in pauses])
    found = []
    for hour in range(_DAY_HOURS):
        near = [seconds for place in (hour - 1, hour, hour + 1) for seconds in by_hour[place % _DAY_HOURS]]
        seconds = _longest_usual(near) if len(near) >= _PAUSES_OF_HOUR_LEAST else longest
        found.append(min(seconds * _MARGIN, LEARNED_MOST_S))
    return tuple(found)


def _assumed(pauses: Sequence[Pause]) -> tuple[float, ...]:
    longest = max((pause.seconds for pause in pauses), default=0.0) * _MARGIN
    return (min(max(longest, UNKNOWN_INTERVAL_S), LEARNED_MOST_S),) * _DAY_HOURS


def _longest_usual(seconds: Sequence[float]) -> float:
    """The longest pause; of many, the second longest."""
    ordered = sorted(seconds)
    return ordered[-2] if len(ordered) >= _ACCIDENT_FROM else ordered[-1]


def _change(by_day: dict[int, list[Pause]]) -> Change | None:
    """The longest run of newest days that all differ from the days before, by the usual pause of each day.

    A single outage is no change: it is one pause among others of its day, or the only one of a single day.
    """
    usual = [(day, median_high(pause.seconds for pause in pauses)) for day, pauses in by_day.items()]
    for first in range(_CHANGED_DAYS, len(usual) - _CHANGED_DAYS + 1):
        before = median(seconds for _day, seconds in usual[:first])
        newest = [seconds for _day, seconds in usual[first:]]
        if min(newest) >= before * _CHANGED_FACTOR or max(newest) <= before / _CHANGED_FACTOR:
            return Change(usual[first][0], before, is_longer=newest[0] > before)
    return None


def _other_hours(pauses: Sequence[Pause]) -> OtherHours | None:
    """The longest stretch of hours of the day whose usual pauses differ much from those of the other hours."""
    usual = {hour: median(seconds) for hour, seconds in enumerate(_by_hour(pauses)) if len(seconds) >= _CHANGED_DAYS}
    if len(usual) < _CHANGED_DAYS:
        return None
    main = median(pause.seconds for pause in pauses)
    hours = list(usual)
    is_other = {hour: _differs(usual[hour], main) for hour in hours}
    begins = [place for place, hour in enumerate(hours) if is_other[hour] and not is_other[hours[place - 1]]]
    found: list[OtherHours] = []
    for begin in begins:
        stretch = []
        for step in range(len(hours)):
            hour = hours[(begin + step) % len(hours)]
            if not is_other[hour]:
                break
            stretch.append(hour)
        last = stretch[-1]
        end = (last + max(round(usual[last] / 3_600), 1)) % _DAY_HOURS
        found.append(OtherHours(stretch[0], end, median(usual[hour] for hour in stretch), is_quiet=len(stretch) == 1))
    # A stretch around the whole clock is not a part of the day.
    found = [one for one in found if one.start != one.end]
    return max(found, key=lambda one: (one.end - one.start) % _DAY_HOURS, default=None)


def _differs(seconds: float, main: float) -> bool:
    return seconds >= main * _OTHER_FACTOR or seconds <= main / _OTHER_FACTOR


def _is_within(other: OtherHours, hour: int) -> bool:
    return (hour - other.start) % _DAY_HOURS < (other.end - other.start) % _DAY_HOURS


def _by_hour(pauses: Sequence[Pause]) -> list[list[float]]:
    found: list[list[float]] = [[] for _hour in range(_DAY_HOURS)]
    for pause in pauses:
        found[pause.hour % _DAY_HOURS].append(pause.seconds)
    return found
