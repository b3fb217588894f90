"""Drawings of counts over time: bars and heat strips as paths of SVG, and the axis above them.

All scales are linear. A value far beyond the others is drawn broken at the top of the scale, and named.
"""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from django.utils import dateformat
from django.utils.translation import pgettext

from fleet.core.sun import nights
from fleet.core.zones import day_starts, viewer_time
from fleet.telemetry.heard.question import Parts

#: Opacity of the five steps.
STEPS: Final = ("0.13", "0.3", "0.52", "0.76", "1")
#: A value is beyond the scale if it is more than this many times the value that nine in ten do not exceed.
_BEYOND = 3
_SHARE = 0.9
_ROUND = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)
#: Width of the whole drawing in its units, and the share of each part that its bar fills.
_WIDTH, _DRAWN = 1000, 0.85
_TICKS_MOST = 8
_NIGHTS_MOST = timedelta(days=8)
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Beyond:
    """A bar that is longer than the scale: when it begins, and its value."""

    at: datetime
    value: int


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars as a path; `top` is the value at the full height, `beyond` are the bars that are broken there."""

    path: str
    top: int
    beyond: list[Beyond]


@dataclass(frozen=True, slots=True)
class AxisStretch:
    """A stretch of the axis, in percent."""

    x: str
    width: str


#: The data that a strip is drawn from: label, port or serial, counts, and the parts with data (None if all have some).
HeatInput = tuple[str, int | str, Sequence[int], Collection[int] | None]


@dataclass(frozen=True, slots=True)
class HeatRow:
    """One strip: its label, the port or serial it is about, the sum, a path per step, and stretches without data."""

    label: str
    key: int | str
    total: int
    steps: list[tuple[str, str]]
    missing: list[AxisStretch]


@dataclass(frozen=True, slots=True)
class Heat:
    """Strips with one scale: the darkest step begins at `darkest`. `is_missing`: some stretch has no data."""

    rows: list[HeatRow]
    darkest: int
    is_missing: bool


@dataclass(frozen=True, slots=True)
class AxisLabel:
    """A label of the axis. `is_wide`: a phone has no room for it."""

    x: str
    label: str
    is_wide: bool


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """The labels, the nights at the place if it is known, and the present if it lies on the axis."""

    ticks: list[AxisLabel]
    nights: list[AxisStretch]
    now: str


def scale_of(values: Iterable[int]) -> int:
    """The value at the full height: the largest, unless it is far beyond nearly all others."""
    some = sorted(value for value in values if value > 0)
    if not some:
        return 1
    usual = some[math.ceil(len(some) * _SHARE) - 1]
    return some[-1] if some[-1] <= usual * _BEYOND else _rounded_up(usual)


def bars_of(values: Sequence[int], parts: Parts, *, scale: int | None = None) -> Bars:
    """A bar for each part; a bar beyond the scale has a gap below its end."""
    top = scale or scale_of(values)
    step = _WIDTH / max(parts.count, 1)
    width = _number(step * _DRAWN)
    pieces, beyond = [], []
    for place, value in enumerate(values):
        x = _number(place * step)
        if value > top:
            beyond.append(Beyond(parts.start + parts.step * place, value))
            pieces.append(f"M{x} 100V24h{width}V100zM{x} 14V0h{width}V14z")
        elif value > 0:
            pieces.append(f"M{x} 100V{_number(100 - max(value / top * 100, 3))}h{width}V100z")
    return Bars("".join(pieces), top, beyond)


def heat_of(rows: Sequence[HeatInput], parts: Parts) -> Heat:
    """Strips with the same scale."""
    top = scale_of(value for _label, _key, values, _covered in rows for value in values)
    drawn = [_heat_row(row, top, parts) for row in rows]
    return Heat(drawn, top * (len(STEPS) - 1) // len(STEPS) + 1, any(row.missing for row in drawn))


def axis_of(parts: Parts, now: datetime, place: tuple[float, float] | None = None) -> TimeAxis:
    """The axis of a period, in the reader's zone; `place` is latitude and longitude."""
    dark = []
    if place is not None and parts.end - parts.start <= _NIGHTS_MOST:
        found = nights(latitude=place[0], longitude=place[1], start=parts.start, end=parts.end)
        dark = [_stretch(begin, end, parts) for begin, end in found]
    return TimeAxis(_ticks(parts), dark, _x(now, parts) if parts.start < now <= parts.end else "")


def _heat_row(row: HeatInput, top: int, parts: Parts) -> HeatRow:
    label, key, values, covered = row
    steps = [(opacity, _cells(values, top, number, parts)) for number, opacity in enumerate(STEPS)]
    missing = []
    if covered is not None:
        bare = [place not in covered and not value for place, value in enumerate(values)]
        for is_bare, run in groupby(range(parts.count), key=bare.__getitem__):
            places = list(run)
            if is_bare:
                begin = parts.start + parts.step * places[0]
                missing.append(_stretch(begin, begin + parts.step * len(places), parts))
    return HeatRow(label, key, sum(values), [(opacity, path) for opacity, path in steps if path], missing)


def _cells(values: Sequence[int], top: int, number: int, parts: Parts) -> str:
    step = _WIDTH / max(parts.count, 1)
    width = _number(step * _DRAWN)
    return "".join(
        f"M{_number(place * step)} 0h{width}v100h-{width}z"
        for place, value in enumerate(values)
        if value > 0 and min((value - 1) * len(STEPS) // max(top, 1), len(STEPS) - 1) == number
    )


def _ticks(parts: Parts) -> list[AxisLabel]:
    """Labels at hours of up to two days, at days, or at months: as many as there is room for."""
    length = parts.end - parts.start
    if length <= 2 * _DAY:
        shape = pgettext("time of day", "H:i")
        every = next(n for n in (1, 2, 3, 4, 6, 12) if length / _HOUR / n <= _TICKS_MOST)
        moments = [at for at in _hours(parts) if viewer_time(at).hour % every == 0]
    else:
        days = list(day_starts(parts.start, parts.end))
        if length <= _NIGHTS_MOST:
            shape = pgettext("day of the week and month, in Django's letters", "D j")
        elif len(days) <= 120:
            shape = pgettext("day and month, in Django's letters", "j M")
        else:
            shape = pgettext("month, in Django's letters", "M Y")
            days = [at for at in days if viewer_time(at).day == 1]
        moments = days[:: -(-len(days) // _TICKS_MOST) or 1]
    return [
        AxisLabel(_x(at, parts), dateformat.format(viewer_time(at), shape), is_wide=number % 2 == 1)
        for number, at in enumerate(moments)
        if (at - parts.start) / length < 0.95
    ]


def _hours(parts: Parts) -> Iterable[datetime]:
    count = int((parts.end - parts.start) / _HOUR)
    return (parts.start + _HOUR * number for number in range(count))


def _stretch(begin: datetime, end: datetime, parts: Parts) -> AxisStretch:
    begin, end = max(begin, parts.start), min(end, parts.end)
    return AxisStretch(_x(begin, parts), f"{(end - begin) / (parts.end - parts.start) * 100:.2f}%")


def _x(moment: datetime, parts: Parts) -> str:
    return f"{(moment - parts.start) / (parts.end - parts.start) * 100:.2f}%"


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _rounded_up(value: int) -> int:
    power = 10 ** int(math.log10(value))
    return int(next(step for step in _ROUND if step * power >= value) * power)
