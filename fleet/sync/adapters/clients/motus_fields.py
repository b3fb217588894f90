"""Readers for the fields of Motus rows: a number may come as text, with an exponent, or as null."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime

_LONGEST = 200
_WHOLE_MOST = 2**53
_TIMES = frozenset({"tsStart", "tsEnd"})


def text_in(row: Mapping[str, object], field: str, most: int = _LONGEST) -> str:
    """The field's text on one line, cut to `most` characters; empty for null."""
    value = row.get(field)
    return "" if value is None else " ".join(str(value).replace("\x00", "").split())[:most]


def float_in(row: Mapping[str, object], *fields: str) -> float | None:
    """The first finite number in these fields; a number in quotes counts."""
    for field in fields:
        value = row.get(field)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            continue
        try:
            number = float(value)
        except (ValueError, OverflowError):
            continue
        if math.isfinite(number):
            return number
    return None


def whole_in(row: Mapping[str, object], *fields: str) -> int | None:
    """Like `float_in`, but only a whole number, which Motus may write as `502.0` or `"2"`."""
    number = float_in(row, *fields)
    return int(number) if number is not None and number.is_integer() and abs(number) < _WHOLE_MOST else None


def unreadable_in(row: Mapping[str, object], *fields: str) -> int:
    """How many of these fields hold something that is not the expected number or time."""
    given = [field for field in fields if row.get(field) not in (None, "")]
    return sum((moment_in if field in _TIMES else float_in)(row, field) is None for field in given)


def moment_in(row: Mapping[str, object], field: str) -> datetime | None:
    """The time in a field that holds seconds since 1970, such as `1.4884704E9`."""
    seconds = float_in(row, field)
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, tz=UTC)
    except (ValueError, OverflowError, OSError):
        return None
