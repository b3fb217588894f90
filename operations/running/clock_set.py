"""Setting back the domain's clock within this process, to run past events through the real code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from fleet.core import clock


@contextmanager
def clock_set(moment: datetime) -> Iterator[None]:
    """Make `clock.now()` return this moment. Only for a process that does nothing else meanwhile."""
    names = vars(clock)
    real = names["now"]
    names["now"] = lambda: moment
    try:
        yield
    finally:
        names["now"] = real
