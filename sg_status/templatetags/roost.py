"""Template tags and filters: times, states, figures, small bars."""

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from psycopg.types.range import Range

from fleet.core import clock
from fleet.core.spoken import duration_words, interval_words
from fleet.stations.contact.sentences import SIGNS, state_word
from sg_status import words
from sg_status.pages.station import file_words

register = template.Library()

#: Longer ago than this, the date is shown instead of a duration.
_LONG_AGO_S: Final = 60 * 86_400

register.filter("bytes_words", words.bytes_words)
register.filter("count_words", words.count_words)
register.filter("quantity", words.quantity_words)
register.filter("number_words", words.number_words)
register.filter("percent_words", words.percent_words)
register.filter("gaps_words", words.gaps_words)
register.filter("unit_words", words.unit_words)
register.filter("suspicion_words", words.suspicion_words)
register.simple_tag(words.lateness_words, name="lateness")
register.filter("kind_word", words.detection_kind_word)
register.filter("file_figures", file_words.file_figures)
register.filter("file_state", file_words.file_state)
register.filter("duration_words", duration_words)
register.filter("interval_words", interval_words)


@register.filter
def json_text(value: object) -> str:
    """Plain data as JSON, for an attribute read by a script."""
    return msgspec.json.encode(value).decode()


@register.simple_tag
def moment(value: datetime | None, timezone: str = "", *, exact: bool = False) -> SafeString | str:
    """A time, relative (or `exact` in UTC); hover or tap shows UTC and the site's local time."""
    if value is None:
        return words.NOTHING
    utc = value.astimezone(UTC)
    stamp = utc.strftime("%Y-%m-%d %H:%M:%S")
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        utc.isoformat().replace("+00:00", "Z"),
        f"{stamp} UTC{_local(utc, timezone)}",
        stamp if exact else _relative(utc),
    )


def _relative(value: datetime) -> str:
    seconds = (clock.now() - value).total_seconds()
    if abs(seconds) < 2:
        return _("now")
    if seconds < 0:
        return _("in %(duration)s") % {"duration": duration_words(-seconds)}
    if seconds > _LONG_AGO_S:
        return f"{value:%Y-%m-%d}"
    return _("%(duration)s ago") % {"duration": duration_words(seconds)}


def _local(value: datetime, timezone: str) -> str:
    if timezone in ("", "UTC"):
        return ""
    try:
        local = value.astimezone(ZoneInfo(timezone))
    except (ZoneInfoNotFoundError, ValueError):
        return ""
    return f" · {local:%Y-%m-%d %H:%M:%S} {timezone}"


@register.simple_tag
def stay(period: Range[datetime], timezone: str = "") -> str:
    """The start and end of a stay, as local dates."""
    start, end = (_day(at, timezone) if at else None for at in (period.lower, period.upper))
    if start and end:
        return _("%(start)s to %(end)s") % {"start": start, "end": end}
    return _("since %(start)s") % {"start": start} if start else words.NOTHING


def _day(value: datetime, timezone: str) -> str:
    try:
        return f"{value.astimezone(ZoneInfo(timezone or 'UTC')):%Y-%m-%d}"
    except (ZoneInfoNotFoundError, ValueError):
        return f"{value.astimezone(UTC):%Y-%m-%d}"


@register.simple_tag
def state(name: str) -> SafeString:
    """A state as sign and word; the colour only repeats them."""
    return format_html(
        '<span class="state {}"><span aria-hidden="true">{}</span>\u00a0{}</span>',
        name.replace("_", "-"),
        SIGNS[name],
        state_word(name),
    )


@register.simple_tag
def bar(value: int, most: int) -> SafeString:
    """A small bar, as long as its share of the longest one. Any non-zero value is wide enough to see."""
    share = min(max(value / most, 0.01), 1.0) if most > 0 and value > 0 else 0.0
    return format_html(
        '<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect width="100" height="8" class="ground"/><rect width="{}" height="8"/></svg>',
        f"{share * 100:.0f}",
    )


@register.filter
def pairs(value: object) -> str:
    """A mapping as `name: value, name: value`, for details that differ between stations."""
    if not isinstance(value, dict):
        return "" if value is None else str(value)
    return ", ".join(f"{name}: {pairs(part) if isinstance(part, dict) else part}" for name, part in value.items())


@register.filter
def machine(value: float | None) -> str:
    """A number for scripts: full precision, always with a decimal point."""
    return "" if value is None else repr(float(value))


@register.filter
def at(values: list[object], place: int) -> object:
    """The value at a position in a list."""
    return values[place]


@register.filter
def times(value: int, factor: int) -> int:
    """A position in a drawing."""
    return value * factor
