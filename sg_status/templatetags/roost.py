"""Template tags and filters: times, states, figures."""

from datetime import UTC, datetime

import msgspec
from django import template
from django.utils import dateformat
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import override
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from psycopg.types.range import Range

from fleet.core import clock
from fleet.core.spoken import (
    count_words,
    day_words,
    decimal_words,
    duration_words,
    interval_words,
    local_words,
    number_words,
    stamp_words,
    unit_words,
)
from fleet.core.zones import viewer_time, viewer_zone_name, zone_label, zone_of
from fleet.stations.contact.sentences import state_word
from sg_status import words
from sg_status.pages.station import file_words
from sg_status.shapes import STATES
from sg_status.templatetags.components import icon

register = template.Library()

register.filter("bytes_words", words.bytes_words)
register.filter("count_words", count_words)
register.filter("quantity", words.quantity_words)
register.filter("number_words", number_words)
register.filter("percent_words", words.percent_words)
register.filter("gaps_words", words.gaps_words)
register.filter("unit_words", unit_words)
register.filter("suspicion_words", words.suspicion_words)
register.simple_tag(words.lateness_words, name="lateness")
register.filter("kind_word", words.detection_kind_word)
register.filter("file_figures", file_words.file_figures)
register.filter("file_state", file_words.file_state)
register.filter("duration_words", duration_words)
register.filter("interval_words", interval_words)
register.filter("stamp_words", stamp_words)


@register.filter
def json_text(value: object) -> str:
    """Plain data as JSON, for an attribute read by a script."""
    return msgspec.json.encode(value).decode()


@register.filter
def degrees(value: float | None, digits: int) -> str:
    """Degrees north or east with `digits` decimals, the language's decimal mark and a true minus sign."""
    return words.NOTHING if value is None else decimal_words(value, digits).replace("-", "\u2212")


@register.simple_tag
def moment(value: datetime | None, timezone: str = "", *, exact: bool = False) -> SafeString | str:
    """A time on the reader's clock: `18:06`, `yesterday 18:06`, `14 Oct 18:06`; `exact`: with seconds."""
    return words.NOTHING if value is None else _stamped(value, timezone, local_words(value, clock.now(), exact=exact))


@register.simple_tag
def clock_time(value: datetime, timezone: str = "", *, exact: bool = False) -> SafeString:
    """The time of day alone, in a list that says the day above it; `exact`: with seconds."""
    shape = pgettext("time of day, in Django's letters", "H:i:s") if exact else pgettext("time of day", "H:i")
    return _stamped(value, timezone, dateformat.format(viewer_time(value), shape))


@register.filter
def local_day(value: datetime) -> str:
    """The day above such a list: today, yesterday, a weekday of the last days, or a date."""
    now = clock.now()
    passed = (viewer_time(now).date() - viewer_time(value).date()).days
    if passed in (0, 1):
        return _("Today") if passed == 0 else _("Yesterday")
    date = day_words(value, now)
    return f"{dateformat.format(viewer_time(value), 'l')}, {date}" if 0 < passed < 7 else date


@register.simple_tag
def ago(value: datetime | None, timezone: str = "") -> SafeString | str:
    """How long ago a contact was: `3 h 12 min ago`; for one long ago, its date."""
    return words.NOTHING if value is None else _stamped(value, timezone, words.ago_words(value, clock.now()))


@register.simple_tag
def day(value: datetime | None, timezone: str = "") -> SafeString | str:
    """The day of a time: `14 Oct 2025`."""
    return words.NOTHING if value is None else _stamped(value, timezone, day_words(value))


def _stamped(value: datetime, timezone: str, text: str) -> SafeString:
    """A text marked up with its time in UTC for programs; hover or tap shows UTC, the reader's time and the place's."""
    utc = value.astimezone(UTC)
    clocks = {"UTC": utc, viewer_zone_name(): viewer_time(utc)}
    if (place := zone_of(timezone)) is not None:
        clocks.setdefault(place.key, utc.astimezone(place))
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        utc.isoformat().replace("+00:00", "Z"),
        " · ".join(f"{local:%Y-%m-%d %H:%M:%S} {zone_label(name)}" for name, local in clocks.items()),
        text,
    )


@register.simple_tag
def stay(period: Range[datetime], timezone: str = "") -> str:
    """The start and end of a stay, as days at the place."""
    with override(zone_of(timezone)):
        start, end = (day_words(at) if at else None for at in (period.lower, period.upper))
    if start and end:
        return _("%(start)s to %(end)s") % {"start": start, "end": end}
    return _("since %(start)s") % {"start": start} if start else words.NOTHING


@register.simple_tag
def state(name: str, kind: str = "") -> SafeString:
    """A state as shape and word; the colour only repeats them. The kind `chip` stands beside a heading."""
    colour, shape = STATES[name]
    classes = f"st {kind} {colour}" if kind else f"st {colour}"
    return format_html('<span class="{}">{}{}</span>', classes, icon(shape), state_word(name))


@register.simple_tag
def state_icon(name: str) -> SafeString:
    """The shape alone, where the word stands in the sentence beside it."""
    return icon(STATES[name][1])


@register.filter
def state_class(name: str) -> str:
    """The class that gives an element the colour of a state."""
    return STATES[name][0]


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
    """A product, for positions in a drawing."""
    return value * factor
