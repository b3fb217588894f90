"""The loop that waits for a condition. Its bound is for a busy machine: it costs nothing when the condition comes early."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

PATIENCE_S = 180.0


def until(look: Callable[[], Found], what: str = "it", *, seconds: float = PATIENCE_S, every: float = 0.05) -> Found:
    """Return what `look` finds once that is true; fail after `seconds`, and name what did not come."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"Waited {seconds:g} s for {what} without success."
        time.sleep(every)
    return found
