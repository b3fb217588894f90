"""Durations, moments and figures in spoken form, for sentences and pages: the only place where times are printed."""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

from django.utils import dateformat, formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from fleet.core.zones import is_utc, viewer_time, zone_words

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
#: From this many days on, hours are left out.
_DAYS_ONLY_FROM = 14
#: From this many days on, a duration is in years.
_YEARS_FROM, _YEAR_DAYS = 730, 365.25
#: Up to this many days back, the weekday alone names the day.
_WEEKDAYS = 6
#: Between groups of three digits: a narrow no-break space, which no language takes for a decimal mark.
_GROUP = "\u202f"

#: An en dash: from one time to another.
_TO = "\u2013"
_SMALL, _LARGE = 0.01, 1_000_000.0
#: From here on a number has an exponent: its digits would fill the page.
NUMBER_HUGE = 1e18
#: SenML unit names (RFC 8428, RFC 8798) that people write differently.
_UNITS = {
    "Cel": "°C",
    "%RH": "% RH",
    "count": "",
    "lon": "°",
    "lat": "°",
    "deg": "°",
    "m/s": "m/s",
    "m2": "m²",
    "m3": "m³",
    "/": "",
    "%EL": "%",
}

#: Whether `moment_words` writes placeholders for moments, for a text that is stored and read later in any time zone.
_keeps: ContextVar[bool] = ContextVar("moments_kept", default=False)
_KEPT = re.compile("\u27e8(\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ)\u27e9")


def one_line(text: str) -> str:
    """The text without control characters, line breaks and encoded words, so that it stays one line in a header."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split()).replace("=?", "= ?")


def duration_words(seconds: float) -> str:
    """A duration in its two largest units: `45 s`, `3 h 12 min`, `2 d 4 h`, `30 days`, `4.9 years`."""
    whole = max(round(seconds), 0)
    if whole < _MINUTE:
        return _("%(n)d s") % {"n": whole}
    if whole < _HOUR:
        return _("%(n)d min") % {"n": whole // _MINUTE}
    if whole < _DAY:
        hours, minutes = whole // _HOUR, whole % _HOUR // _MINUTE
        text = _("%(n)d h") % {"n": hours}
        return text + " " + _("%(n)d min") % {"n": minutes} if minutes else text
    days, hours = whole // _DAY, whole % _DAY // _HOUR
    if hours and days < _DAYS_ONLY_FROM:
        return _("%(days)d d %(hours)d h") % {"days": days, "hours": hours}
    if days >= _YEARS_FROM:
        return _("%(n)s years") % {"n": decimal_words(days / _YEAR_DAYS, 1)}
    return ngettext("%(n)d day", "%(n)d days", days) % {"n": days}


def interval_words(seconds: float) -> str:
    """An interval: `every hour`, `every 6 h`, `every 5 min`."""
    if round(seconds) == _HOUR:
        return _("every hour")
    if round(seconds) == _DAY:
        return _("every day")
    if round(seconds) == _MINUTE:
        return _("every minute")
    return _("every %(duration)s") % {"duration": duration_words(seconds)}


def moment_words(moment: datetime, now: datetime) -> str:
    """A moment on the reader's clock; in UTC it says so.

    `18:06`, `yesterday 18:06`, `Tue 18:06`, `14 Oct 18:06`, and in another year `14 Oct 2025`.
    """
    if _keeps.get():
        return f"\u27e8{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}\u27e9"
    text = local_words(moment, now)
    return f"{text} UTC" if is_utc() and ":" in text else text


def local_words(moment: datetime, now: datetime, *, exact: bool = False) -> str:
    """The same without the word UTC, for a page that names its time zone; `exact`: to the second, whatever the year."""
    local, today = viewer_time(moment), viewer_time(now).date()
    shape = pgettext("time of day, in Django's letters", "H:i:s") if exact else pgettext("time of day", "H:i")
    clock = dateformat.format(local, shape)
    days = (today - local.date()).days
    if days == 0:
        return clock
    if days == 1:
        return _("yesterday %(time)s") % {"time": clock}
    if days == -1:
        return _("tomorrow %(time)s") % {"time": clock}
    if 0 < days <= _WEEKDAYS:
        weekday = dateformat.format(local, pgettext("weekday", "D"))
        return f"{weekday} {clock}"
    is_far = local.year != today.year and not exact
    return day_words(moment) if is_far else f"{day_words(moment, now)} {clock}"


def stamp_words(moment: datetime) -> str:
    """A moment in full, for mails, with its time zone: `14 Oct 2026 18:06 (Asia/Kathmandu, UTC+5:45)`."""
    local = viewer_time(moment)
    clock = dateformat.format(local, pgettext("time of day", "H:i"))
    zone = zone_words(moment)
    return f"{day_words(moment)} {clock} {zone}" if is_utc() else f"{day_words(moment)} {clock} ({zone})"


def day_words(moment: datetime, now: datetime | None = None) -> str:
    """The day of a moment on the reader's calendar: `14 Oct`, or `14 Oct 2025` if `now` is in another year."""
    local = viewer_time(moment)
    if now is not None and viewer_time(now).year == local.year:
        return dateformat.format(local, pgettext("day of this year", "j M"))
    return dateformat.format(local, pgettext("day of any year", "j M Y"))


def span_words(start: datetime, end: datetime, now: datetime) -> str:
    """From when to when, with the weekday: `Tue 2 Dec 02:30\u201304:00`; over midnight with both days."""
    first, last = (
        f"{dateformat.format(viewer_time(one), pgettext('weekday', 'D'))} {day_words(one, now)}" for one in (start, end)
    )
    begins, ends = (dateformat.format(viewer_time(one), pgettext("time of day", "H:i")) for one in (start, end))
    return f"{first} {begins}{_TO}{ends}" if first == last else f"{first} {begins} {_TO} {last} {ends}"


@contextmanager
def moments_kept() -> Iterator[None]:
    """Write placeholders for moments in sentences, because their readers' time zones are not known yet."""
    token = _keeps.set(True)
    try:
        yield
    finally:
        _keeps.reset(token)


def moments_told(text: str, now: datetime) -> str:
    """A stored sentence, with each placeholder replaced by the moment on the reader's clock."""
    return _KEPT.sub(lambda found: moment_words(datetime.fromisoformat(found[1]), now), text)


def count_words(number: int) -> str:
    """A whole number in groups of three digits: `12 345`."""
    return f"{number:,}".replace(",", _GROUP)


def decimal_mark() -> str:
    """The decimal separator in the reader's language."""
    return str(formats.get_format("DECIMAL_SEPARATOR"))


def decimal_words(value: float, digits: int) -> str:
    """A number with `digits` decimals and the decimal mark of the language: `12.5`, in German `12,5`."""
    whole, dot, rest = f"{value:,.{digits}f}".partition(".")
    return whole.replace(",", _GROUP) + (decimal_mark() + rest if dot else "")


def number_words(value: float) -> str:
    """A measured value with the digits that matter: at most two decimals, or three digits if it is tiny or huge."""
    if not math.isfinite(value):
        return str(value)
    if abs(value) >= NUMBER_HUGE or 0 < abs(value) < _SMALL:
        text = f"{value:.3g}".replace(".", decimal_mark())
    elif abs(value) >= _LARGE or value == int(value):
        text = count_words(round(value))
    else:
        text = decimal_shortened(decimal_words(value, 2))
    return text.replace("-", "\u2212", 1) if value < 0 else text


def decimal_shortened(text: str) -> str:
    """A number without trailing zeros in its decimals."""
    return text.rstrip("0").rstrip(decimal_mark())


def unit_words(unit: str) -> str:
    """The unit as people write it."""
    return _UNITS.get(unit, unit)
