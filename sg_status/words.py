"""Figures in words: bytes, counts, values with their unit."""

from collections.abc import Iterable
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from fleet.core.spoken import (
    NUMBER_HUGE,
    day_words,
    decimal_shortened,
    decimal_words,
    duration_words,
    number_words,
    unit_words,
)
from fleet.telemetry.lateness import is_late
from fleet.telemetry.ledger import Gap

#: Shown where there is no value.
NOTHING = "\u2013"

#: Longer ago than this, the date is shown instead of a duration.
_LONG_AGO_S = 60 * 86_400
_STEP = 1024
#: From this value on, a figure is divided by this step and gets this prefix.
_SHORTENED = ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k"))


def counted_words(number: int, most: int) -> str:
    """A count that stopped at a limit: `7`, `99+`, or nothing for none."""
    return f"{most - 1}+" if number >= most else str(number or "")


def bytes_words(number: int) -> str:
    """A size: `312 bytes`, `48 kB`, `1.2 MB`."""
    if number < _STEP:
        return _("%(n)d bytes") % {"n": number}
    size, unit = float(number), "kB"
    for unit in ("kB", "MB", "GB", "TB"):  # noqa: B007 - the last one reached is the answer
        size /= _STEP
        if size < _STEP:
            break
    return f"{decimal_words(size, 0 if size >= 10 else 1)} {unit}"


def short_words(value: float, unit: str) -> str:
    """A figure of a scale with its unit, in a few letters: `12.5 V`, `20 k`, `3 M`."""
    step, mark = next(((step, mark) for least, step, mark in _SHORTENED if abs(value) >= least), (1.0, ""))
    text = (
        number_words(value)
        if step == 1.0 or abs(value) >= NUMBER_HUGE
        else f"{decimal_shortened(decimal_words(value / step, 1))}\u00a0{mark}"
    )
    word = unit_words(unit)
    return f"{text}\u00a0{word}" if word else text


def percent_words(percent: float | None) -> str:
    """A percentage with the decimals it has, or a dash for none."""
    return NOTHING if percent is None else decimal_shortened(decimal_words(percent, 2)) + "\u00a0%"


def gaps_words(gaps: Iterable[Gap]) -> str:
    """Gaps as people write them, each a number or a range: `7, 9-12`."""
    return ", ".join(str(gap.first) if gap.first == gap.last else f"{gap.first}\u2013{gap.last}" for gap in gaps)


def quantity_words(value: float | None, unit: str) -> str:
    """A value with its unit, or a dash for none."""
    if value is None:
        return NOTHING
    word = unit_words(unit)
    return f"{number_words(value)}\u00a0{word}" if word else number_words(value)


def detection_kind_word(kind: int) -> str:
    """The kind of detection in words."""
    return pgettext("detection", "pulse") if kind == 1 else pgettext("detection", "tag")


def ago_words(value: datetime, now: datetime) -> str:
    """How long ago a time was: `3 h 12 min ago`; for one long ago, its date."""
    seconds = (now - value).total_seconds()
    if abs(seconds) < 2:
        return _("now")
    if seconds < 0:
        return _("in %(duration)s") % {"duration": duration_words(-seconds)}
    if seconds > _LONG_AGO_S:
        return day_words(value, now)
    return _("%(duration)s ago") % {"duration": duration_words(seconds)}


def lateness_words(occurred_at: datetime, received_at: datetime | None, flags: int) -> str:
    """How much later than recorded something arrived; empty if it arrived soon."""
    if received_at is None or not is_late(occurred_at=occurred_at, received_at=received_at, flags=flags):
        return ""
    return _("arrived %(duration)s later") % {"duration": duration_words((received_at - occurred_at).total_seconds())}


def suspicion_words(flags: int) -> str:
    """Why a row is doubted; empty if it is not."""
    if not flags:
        return ""
    reasons = {
        1: _("the station's clock was not set"),
        2: _("ahead of the server's clock"),
        4: _("the station's clock was not synchronised"),
        8: _("before 2010"),
        32: _("outside its limits"),
        64: _("another value has the same time"),
        128: _("time corrected"),
        16: _("from a damaged file"),
    }
    return ", ".join(sentence for bit, sentence in reasons.items() if flags & bit) or _("doubtful")
