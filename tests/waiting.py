"""The loop that waits for a condition. Its limit suits a busy machine; waiting ends as soon as it is met."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

PATIENCE_S = 180.0


def until(look: Callable[[], Found], what: str = "it", *, seconds: float = PATIENCE_S, every: float = 0.05) -> Found:
    """Call `look` until its result is true, and return that; after `seconds`, fail and name what was awaited."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"Waited {seconds:g} s for {what} without success."
        time.sleep(every)
    return found


def settled(look: Callable[[], Found], what: str, *, rest: float = 2.0) -> Found:
    """Call `look` until its result has not changed for `rest` seconds, and return it; fail if it keeps changing."""
    deadline = time.monotonic() + PATIENCE_S
    found, since = look(), time.monotonic()
    while time.monotonic() - since < rest:
        assert time.monotonic() < deadline, f"{what} kept changing; the last value was {found}."
        time.sleep(0.1)
        if (now := look()) != found:
            found, since = now, time.monotonic()
    return found
