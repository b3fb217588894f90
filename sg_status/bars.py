"""The common scale of the bars of a column: linear, round, and not stretched by one value far beyond the others."""

from collections.abc import Iterable
from typing import Final

#: A scale reaches the largest value that is at most this many times the median; bars of larger values are broken.
_TYPICAL_TIMES: Final = 6
_ROUND: Final = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


def bar_scale(values: Iterable[int]) -> int:
    """The round number at the end of a column's scale; 0 if there is nothing to draw."""
    known = sorted(value for value in values if value > 0)
    if not known:
        return 0
    typical = known[len(known) // 2]
    most = max(value for value in known if value <= typical * _TYPICAL_TIMES)
    unit = 10 ** (len(str(most)) - 1)
    return int(next(part for part in _ROUND if part * unit >= most) * unit) if most > 1 else 1
