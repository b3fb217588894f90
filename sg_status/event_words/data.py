"""The data of an event, read without trusting it: any station may send any value under any name."""

import math
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from django.utils.translation import gettext as _

from fleet.core.spoken import duration_words, moment_words, number_words
from sg_status.words import NOTHING

#: Longer texts are cut in a sentence; the API has them in full.
_TEXT_MOST: Final = 200
_MILLI, _MICRO = 1e-3, 1e-6


class Data:
    """An event's data, and which of its fields a sentence has used."""

    def __init__(self, data: object, port: int | None, moment: datetime) -> None:
        self._data: Mapping[str, Any] = data if isinstance(data, dict) else {}
        self.port = port
        self.moment = moment
        self.used: set[str] = set()

    def text(self, name: str) -> str:
        """A field as text, a dash if it is missing."""
        self.used.add(name)
        value = self._data.get(name)
        return NOTHING if value is None or value == "" else shown(value)

    def number(self, name: str) -> float | None:
        """A field as a number, if it is one."""
        self.used.add(name)
        value = self._data.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            return None
        return float(value)

    def count(self, name: str) -> int:
        """A field as a number of things; 0 if it is not a number."""
        return round(self.number(name) or 0.0)

    def time(self, name: str) -> str:
        """A field of seconds since 1970 as a time, a dash if it is not one."""
        seconds = self.number(name)
        try:
            at = datetime.fromtimestamp(seconds, UTC) if seconds is not None else None
        except (ValueError, OverflowError, OSError):
            at = None
        return NOTHING if at is None else moment_words(at, self.moment)

    def duration(self, name: str) -> str:
        """A field of seconds, of any sign, as a duration."""
        return precise_words(abs(self.number(name) or 0.0))

    def rest(self) -> str:
        """Every field that no sentence used, as `name: value`."""
        return fields_words(self._data, without=self.used)


def fields_words(data: Mapping[str, Any], *, without: Collection[str] = ()) -> str:
    """Fields as `name: value, name: value`, without empty ones."""
    told = [
        f"{shown(name)}: {shown(value)}" for name, value in data.items() if name not in without and value is not None
    ]
    return ", ".join(told)


def shown(value: object) -> str:
    """Any value in a sentence."""
    if isinstance(value, dict):
        text = fields_words(value)
    elif isinstance(value, list):
        text = ", ".join(shown(one) for one in value[:20])
    elif isinstance(value, bool):
        text = _("yes") if value else _("no")
    elif isinstance(value, int | float):
        text = number_words(float(value))
    else:
        text = str(value)
    return text if len(text) <= _TEXT_MOST else f"{text[: _TEXT_MOST - 1]}…"


def precise_words(seconds: float) -> str:
    """A duration that may be far below a second: `0.01 s`, `1 ms`, `3 h 12 min`."""
    if seconds >= 60:
        return duration_words(seconds)
    if seconds >= 10 * _MILLI or seconds == 0:
        return f"{number_words(seconds)}\u00a0s"
    if seconds >= _MILLI:
        return f"{number_words(round(seconds / _MILLI, 1))}\u00a0ms"
    return f"{number_words(round(seconds / _MICRO, 1))}\u00a0µs"
