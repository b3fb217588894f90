"""SenML's registered units: which ones measure the same dimension, and conversions between them.

Primary units are those of RFC 8428 §12.1 and RFC 8798 §2, secondary units those of RFC 8798 §3, with its factors and
offsets. An unregistered unit is a dimension of its own, so nothing is converted by guesswork.
"""

from functools import lru_cache
from math import pi
from typing import NamedTuple


class Scale(NamedTuple):
    """A unit within its dimension: value in the dimension's unit = value * factor + offset."""

    dimension: str
    factor: float = 1.0
    offset: float = 0.0


class Conversion(NamedTuple):
    """Conversion of one unit into another: value * factor + offset."""

    factor: float
    offset: float


#: Units that differ from the name of their dimension. `%` is missing on purpose: in the registry it is a ratio where 1
#: is the whole, but most senders mean hundredths. We cannot tell which, so `%` is a dimension of its own.
_SCALES = {
    "g": Scale("kg", 1e-3),
    "Cel": Scale("K", 1.0, 273.15),
    "l": Scale("m3", 1e-3),
    "l/s": Scale("m3/s", 1e-3),
    "1/min": Scale("1/s", 1 / 60),
    "beat/min": Scale("1/s", 1 / 60),
    "deg": Scale("rad", pi / 180),
    "ms": Scale("s", 1e-3),
    "min": Scale("s", 60.0),
    "h": Scale("s", 3_600.0),
    "MHz": Scale("Hz", 1e6),
    "kW": Scale("W", 1e3),
    "kVA": Scale("VA", 1e3),
    "kvar": Scale("var", 1e3),
    "Ah": Scale("C", 3_600.0),
    "Wh": Scale("J", 3_600.0),
    "kWh": Scale("J", 3.6e6),
    "varh": Scale("vars", 3_600.0),
    "kvarh": Scale("vars", 3.6e6),
    "kVAh": Scale("VAs", 3.6e6),
    "Wh/km": Scale("J/m", 3.6),
    "KiB": Scale("B", 1_024.0),
    "GB": Scale("B", 1e9),
    "Mbit/s": Scale("bit/s", 1e6),
    "B/s": Scale("bit/s", 8.0),
    "MB/s": Scale("bit/s", 8e6),
    "mV": Scale("V", 1e-3),
    "mA": Scale("A", 1e-3),
    "dBm": Scale("dBW", 1.0, -30.0),
    "ug/m3": Scale("kg/m3", 1e-9),
    "mm/h": Scale("m/s", 1 / 3.6e6),
    "m/h": Scale("m/s", 1 / 3_600),
    "km/h": Scale("m/s", 1 / 3.6),
    "ppm": Scale("/", 1e-6),
    "/100": Scale("/", 1e-2),
    "/1000": Scale("/", 1e-3),
    "hPa": Scale("Pa", 100.0),
    "mm": Scale("m", 1e-3),
    "cm": Scale("m", 1e-2),
    "km": Scale("m", 1e3),
}
#: Unit of a value summed over seconds, if the registry has a name for it.
_SECONDS_OF = {
    "W": "J",
    "A": "C",
    "V": "Wb",
    "VA": "VAs",
    "var": "vars",
    "m/s": "m",
    "m/s2": "m/s",
    "m3/s": "m3",
    "l/s": "l",
    "bit/s": "bit",
    "B/s": "B",
    "1/s": "count",
}


def scale_of(unit: str) -> Scale:
    """The scale of a unit within its dimension, which is named by its SI unit."""
    return _SCALES.get(unit) or Scale(unit)


@lru_cache(maxsize=4_096)
def conversion(unit: str, into: str) -> Conversion | None:
    """Conversion from `unit` to `into`; None if they are the same. Both must have the same dimension."""
    if unit == into:
        return None
    here, there = scale_of(unit), scale_of(into)
    return Conversion(_quotient(here.factor, there.factor), (here.offset - there.offset) / there.factor)


def second_of(unit: str) -> str:
    """The unit of a sum over time of values in this unit (RFC 8428 §4.2); empty for values without a unit."""
    return _SECONDS_OF.get(unit) or (f"{unit}.s" if unit else "")


def _quotient(factor: float, by: float) -> float:
    """The quotient of two factors without binary rounding errors: 1 km is 1000 m, not 999.9999999999999."""
    quotient = factor / by
    return round(quotient) if quotient >= 1 and abs(quotient - round(quotient)) < 1e-9 * quotient else quotient
