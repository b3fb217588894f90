"""Figures in words: bytes, counts, values with their unit."""

import math
from collections.abc import Iterable
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from fleet.core.spoken import duration_words
from fleet.telemetry.lateness import is_late
from fleet.telemetry.ledger import Gap

#: Narrow no-break space, so that a figure stays in one piece in every language.
_THIN = "\u202f"
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


def count_words(number: int) -> str:
    """A whole number with thousands separated: `12 345`."""
    return f"{number:,}".replace(",", _THIN)


def bytes_words(number: int) -> str:
    """A size: `312 bytes`, `48 kB`, `1.2 MB`."""
    if number < _STEP:
        return _("%(n)d bytes") % {"n": number}
    size, unit = float(number), "kB"
    for unit in ("kB", "MB", "GB", "TB"):  # noqa: B007 - the last one reached is the answer
        size /= _STEP
        if size < _STEP:
            break
    return f"{size:.0f} {unit}" if size >= 10 else f"{size:.1f} {unit}"


def number_words(value: float) -> str:
    """A measured value with its significant digits, never in a form that needs explaining."""
    if not math.isfinite(value):
        return str(value)
    if value != 0 and abs(value) < _SMALL:
        text = f"{value:.3g}"
    elif abs(value) >= _LARGE or value == int(value):
        text = count_words(round(value))
    else:
        text = f"{value:,.2f}".replace(",", _THIN).rstrip("0").rstrip(".")
    return text.replace("-", "\u2212", 1) if value < 0 else text


def percent_words(percent: float | None) -> str:
    """A percentage with the decimals it has, or a dash for none."""
    return NOTHING if percent is None else f"{percent:.2f}".rstrip("0").rstrip(".") + "\u00a0%"


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
