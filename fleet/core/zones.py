"""Time zones: the reader's, what it is called, where its days begin, and times typed in it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.utils import dateformat, timezone
from django.utils.translation import gettext as _

from fleet.core.errors import InvalidInput

UTC_NAME = "UTC"
#: Zones are named after a place in one of these; the other names in the time zone database are old aliases.
_REGIONS = ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
#: Browsers still give zones these names, which a system may have only in a package of old names.
_RENAMED = {
    "America/Buenos_Aires": "America/Argentina/Buenos_Aires",
    "America/Godthab": "America/Nuuk",
    "America/Indianapolis": "America/Indiana/Indianapolis",
    "America/Louisville": "America/Kentucky/Louisville",
    "Asia/Calcutta": "Asia/Kolkata",
    "Asia/Katmandu": "Asia/Kathmandu",
    "Asia/Rangoon": "Asia/Yangon",
    "Asia/Saigon": "Asia/Ho_Chi_Minh",
    "Atlantic/Faeroe": "Atlantic/Faroe",
    "Etc/UTC": UTC_NAME,
    "Europe/Kiev": "Europe/Kyiv",
}


def viewer_zone() -> tzinfo:
    """The time zone in which the reader of this page or mail sees times; UTC in the API and outside of requests."""
    return timezone.get_current_timezone()


def viewer_zone_name() -> str:
    """The name of the reader's time zone, as browsers know it."""
    return timezone.get_current_timezone_name()


def is_utc() -> bool:
    """Whether the reader sees times in UTC."""
    return viewer_zone_name() == UTC_NAME


def viewer_time(moment: datetime) -> datetime:
    """The moment on the reader's clock."""
    return moment.astimezone(viewer_zone())


def day_start(moment: datetime, *, days: int = 0) -> datetime:
    """The last midnight on the reader's clock up to a moment, or the midnight `days` days after it."""
    return _midnight(viewer_time(moment).date() + timedelta(days=days))


def day_starts(start: datetime, end: datetime) -> Iterator[datetime]:
    """Every midnight on the reader's clock from `start` up to `end`; days of 23 and 25 hours included."""
    day = viewer_time(start).date()
    while (at := _midnight(day)) < end:
        if at >= start:
            yield at
        day += timedelta(days=1)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), viewer_zone())


@cache
def _known() -> frozenset[str]:
    # Asking the system reads some hundred files.
    return frozenset(available_timezones())


def zone_of(name: str) -> ZoneInfo | None:
    """The zone with this name, even an old name; None if there is none."""
    name = _RENAMED.get(name, name)
    return ZoneInfo(name) if name in _known() else None


def zone_choices(current: str = "") -> list[tuple[str, list[tuple[str, str]]]]:
    """The zones by region, each with its place, so that typing the first letters of a place finds it in a list."""
    regions: dict[str, list[tuple[str, str]]] = {UTC_NAME: [(UTC_NAME, UTC_NAME)]}
    offered = {name for name in _known() if name.partition("/")[0] in _REGIONS}
    for name in sorted((offered | {current}) - {"", UTC_NAME}):
        region, _slash, place = name.partition("/")
        regions.setdefault(region, []).append((name, zone_label(place or name)))
    return list(regions.items())


def zone_label(name: str) -> str:
    """The name of a zone as people read it: `America/New York`."""
    return name.replace("_", " ")


def zone_words(moment: datetime) -> str:
    """The reader's zone with its offset at a moment: `Asia/Kolkata, UTC+5:30`."""
    if is_utc():
        return UTC_NAME
    return f"{zone_label(viewer_zone_name())}, {offset_words(viewer_time(moment))}"


def offset_words(local: datetime) -> str:
    """How far a local time is from UTC: `UTC+2`, `UTC+5:30`."""
    minutes = round((local.utcoffset() or timedelta()).total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    sign = "\u2212" if minutes < 0 else "+"
    return f"UTC{sign}{hours}:{rest:02d}" if rest else f"UTC{sign}{hours}"


def is_twice(typed: datetime, zone: tzinfo) -> bool:
    """Whether the clocks of a zone show this time twice, because they go back."""
    first, second = (typed.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    return first.utcoffset() != second.utcoffset() and _exists(typed, zone)


def typed_moment(typed: datetime, zone: tzinfo, *, turn: int | None = None) -> datetime:
    """The moment of a time without offset. If the clocks show it twice, `turn` says which: 0 is the earlier.

    Raises `InvalidInput` for a time that the clocks skip, and for one they show twice if `turn` is missing.
    """
    words = {"time": dateformat.format(typed, "H:i"), "zone": zone_label(str(zone))}
    if not _exists(typed, zone):
        later = typed.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)
        raise InvalidInput(
            _(
                "There is no %(time)s on that day in %(zone)s, because clocks go forward. Enter %(later)s or another time."
            )
            % {**words, "later": dateformat.format(later, "H:i")}
        )
    if turn is None and is_twice(typed, zone):
        raise InvalidInput(
            _("%(time)s happens twice on that day in %(zone)s, because clocks go back. Choose the first or the second.")
            % words
        )
    return typed.replace(tzinfo=zone, fold=turn or 0).astimezone(UTC)


def _exists(typed: datetime, zone: tzinfo) -> bool:
    back = typed.replace(tzinfo=zone, fold=0).astimezone(UTC).astimezone(zone)
    return back.replace(tzinfo=None, fold=0) == typed.replace(tzinfo=None, fold=0)
