"""Numeric settings that `./roost` itself reads."""

from __future__ import annotations

import math
import os

from operations.errors import OperationsError


def number_from_environment(name: str, *, default: float, least: float) -> float:
    """The number set by an operator, else the default; an empty value counts as unset."""
    value = os.environ.get(name) or str(default)
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= least):
        raise OperationsError(f"{name} is {value!r}: give a number from {least:g} up, or leave it unset.")
    return number
