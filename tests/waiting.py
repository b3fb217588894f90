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


def settled(look: Callable[[], Found], what: str, *, rest: float = 2.0) -> Found:
    """Return what `look` finds once it has stayed the same for `rest` seconds; fail if it keeps changing."""
    deadline = time.monotonic() + PATIENCE_S
    found, since = look(), time.monotonic()
    while time.monotonic() - since < rest:
        assert time.monotonic() < deadline, f"{what} did not stop at {found}."
        time.sleep(0.1)
        if (now := look()) != found:
            found, since = now, time.monotonic()
    return found
