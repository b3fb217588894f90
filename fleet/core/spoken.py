"""Durations and moments in spoken form, for the domain's sentences."""

from datetime import UTC, datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
#: From this many days on, hours are left out.
_DAYS_ONLY_FROM = 14


def one_line(text: str) -> str:
    """The text without control characters, line breaks and encoded words, so that it stays one line in a header."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split()).replace("=?", "= ?")


def duration_words(seconds: float) -> str:
    """A duration in its two largest units: `45 s`, `3 h 12 min`, `2 d 4 h`, `30 days`."""
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
    """A moment in UTC, with its date unless it is today: `14:02 UTC`, `2026-11-20 14:02 UTC`."""
    moment = moment.astimezone(UTC)
    shape = "%H:%M UTC" if moment.date() == now.astimezone(UTC).date() else "%Y-%m-%d %H:%M UTC"
    return moment.strftime(shape)
