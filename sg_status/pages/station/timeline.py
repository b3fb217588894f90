"""The timeline of a station's places: one lane per site with its stays as bars, above one date scale."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils.formats import date_format
from django.utils.translation import pgettext

from fleet.deployments.models import Deployment, Site

#: Minimum width in percent, so that a stay of an hour is visible and clickable on a line of years.
_LEAST: Final = 0.7
#: More labels than this would touch each other on a phone.
_TICKS_MOST: Final = 5
#: Months between two ticks; the first that gives few enough ticks is used. Shorter timelines use days.
_MONTHS: Final = (1, 3, 6, 12, 24, 60, 120, 240, 600)
_DAYS: Final = (1, 2, 5, 10)


@dataclass(frozen=True, slots=True)
class Stay:
    """One stay, in percent of the whole line."""

    deployment: Deployment
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class SiteStays:
    """One site and its stays."""

    site: Site
    shade: int
    bars: list[Stay] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Tick:
    """A date under the lanes. `anchor` keeps its text inside the picture."""

    x: float
    label: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """Everything drawn. `now` is the position of the present, if that is not the end."""

    lanes: list[SiteStays]
    ticks: list[Tick]
    now: float | None


def timeline_of(deployments: Sequence[Deployment], *, moment: datetime, timezone: str) -> Timeline | None:
    """The timeline from the first beginning to now or, if later, to the last end; the newest site's lane is first."""
    starts = [one.period.lower for one in deployments if one.period.lower]
    if not starts:
        return None
    first = min(starts)
    last = max([moment, *starts, *(one.period.upper for one in deployments if one.period.upper)])
    whole = max((last - first).total_seconds(), 1.0)

    def place(at: datetime) -> float:
        return float(round((at - first).total_seconds() / whole * 100, 2))

    lanes: dict[int, SiteStays] = {}
    for one in deployments:
        lane = lanes.setdefault(one.site_id, SiteStays(one.site, len(lanes) % 6 + 1))
        x = min(place(one.period.lower or first), 100 - _LEAST)
        lane.bars.append(Stay(one, x, round(max(place(one.period.upper or last) - x, _LEAST), 2)))
    ticks = [Tick(place(at), label, _anchor(place(at))) for at, label in _dates(first, last, timezone)]
    return Timeline(list(lanes.values()), ticks, place(moment) if moment < last else None)


def _anchor(x: float) -> str:
    return "start" if x < 12 else "end" if x > 88 else "middle"


def _dates(first: datetime, last: datetime, timezone: str) -> list[tuple[datetime, str]]:
    """The round dates in between, at most a few."""
    zone = _zone(timezone)
    for days in _DAYS:
        if (last - first).days // days < _TICKS_MOST:
            return [
                (at, date_format(at, pgettext("day of this year", "j M")))
                for at in _each_day(first.astimezone(zone), last, days)
            ]
    for months in _MONTHS:
        if (last - first).days / (30.4 * months) < _TICKS_MOST:
            form = "Y" if months >= 12 else pgettext("month, in Django's letters", "M Y")
            return [(at, date_format(at, form)) for at in _each_month(first.astimezone(zone), last, months)]
    return [(first, date_format(first, "Y"))]


def _each_day(first: datetime, last: datetime, step: int) -> Iterator[datetime]:
    at = first.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    while at <= last:
        yield at
        at += timedelta(days=step)


def _each_month(first: datetime, last: datetime, step: int) -> Iterator[datetime]:
    number = -(-(first.year * 12 + first.month) // step) * step
    while (at := _month(number, first)) <= last:
        yield at
        number += step


def _month(number: int, like: datetime) -> datetime:
    """The start of a month counted from year 0."""
    return datetime(number // 12, number % 12 + 1, 1, tzinfo=like.tzinfo)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
