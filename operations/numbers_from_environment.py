"""Settings that are numbers and read by `./roost` itself."""

from __future__ import annotations

import math
import os

from operations.errors import OperationsError


def number_from_environment(name: str, *, default: float, least: float) -> float:
    """The number that an operator set, else the default; an empty word is no word."""
    value = os.environ.get(name) or str(default)
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= least):
        raise OperationsError(f"{name} is {value!r}: give a number from {least:g} up, or leave it unset.")
    return number
