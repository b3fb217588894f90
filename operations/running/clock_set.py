"""Setting the domain's clock back within this process, to play what happened before now through the real code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from fleet.core import clock


@contextmanager
def clock_set(moment: datetime) -> Iterator[None]:
    """Let the domain think that it is this moment. Only for a process that does nothing else meanwhile."""
    names = vars(clock)
    real = names["now"]
    names["now"] = lambda: moment
    try:
        yield
    finally:
        names["now"] = real
