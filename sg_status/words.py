"""Figures in words: bytes, counts, values with their unit."""

import math
from collections.abc import Iterable
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from fleet.core.spoken import count_words, decimal_mark, decimal_words, duration_words
from fleet.telemetry.lateness import is_late
from fleet.telemetry.ledger import Gap

#: Shown where there is no value.
NOTHING = "\u2013"

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

_STEP = 1024
_SMALL, _LARGE = 0.01, 1_000_000.0
#: From here on a number has an exponent: its digits would fill the page.
_HUGE = 1e18
#: From which value on a figure is told in which steps.
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


def number_words(value: float) -> str:
    """A measured value with its significant digits, never in a form that needs explaining."""
    if not math.isfinite(value):
        return str(value)
    if abs(value) >= _HUGE or 0 < abs(value) < _SMALL:
        text = f"{value:.3g}".replace(".", decimal_mark())
    elif abs(value) >= _LARGE or value == int(value):
        text = count_words(round(value))
    else:
        text = _shortened(decimal_words(value, 2))
    return text.replace("-", "\u2212", 1) if value < 0 else text


def short_words(value: float, unit: str) -> str:
    """A figure of a scale with its unit, in a few letters: `12.5 V`, `20 k`, `3 M`."""
    step, mark = next(((step, mark) for least, step, mark in _SHORTENED if abs(value) >= least), (1.0, ""))
    text = (
        number_words(value)
        if step == 1.0 or abs(value) >= _HUGE
        else f"{_shortened(decimal_words(value / step, 1))}\u00a0{mark}"
    )
    word = unit_words(unit)
    return f"{text}\u00a0{word}" if word else text


def percent_words(percent: float | None) -> str:
    """A percentage with the decimals it has, or a dash for none."""
    return NOTHING if percent is None else _shortened(decimal_words(percent, 2)) + "\u00a0%"


def _shortened(text: str) -> str:
    """A number without zeros at the end of its decimals."""
    return text.rstrip("0").rstrip(decimal_mark())


def gaps_words(gaps: Iterable[Gap]) -> str:
    """Numbers with ranges among them, as people write them."""
    return ", ".join(str(gap.first) if gap.first == gap.last else f"{gap.first}\u2013{gap.last}" for gap in gaps)


def unit_words(unit: str) -> str:
    """The unit as people write it."""
    return _UNITS.get(unit, unit)


def quantity_words(value: float | None, unit: str) -> str:
    """A value with its unit, or a dash for none."""
    if value is None:
        return NOTHING
    word = unit_words(unit)
    return f"{number_words(value)}\u00a0{word}" if word else number_words(value)


def detection_kind_word(kind: int) -> str:
    """The kind of detection in words."""
    return pgettext("detection", "pulse") if kind == 1 else pgettext("detection", "tag")


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
    return ", ".join(sentence for bit, sentence in reasons.items() if flags & bit) or _("not believed")
