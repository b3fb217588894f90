"""Waiting for a condition. The bound is far above what a busy machine needs: it costs nothing when the condition comes."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

PATIENCE_S = 180.0


def until(look: Callable[[], Found], what: str = "it", *, seconds: float = PATIENCE_S, every: float = 0.05) -> Found:
    """What `look` finds, once that is true; fail with its name."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"Waited {seconds:g} s in vain for {what}."
        time.sleep(every)
    return found
