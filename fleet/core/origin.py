"""Where a change comes from: the network address, and what acts when it is no person. Doors say it, the audit log asks."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Origin:
    """Of one request or one word of the command line. `name`: `key NAME`, `command line`; empty for Roost itself."""

    address: str = ""
    name: str = ""
    key_prefix: str = ""


_origin: ContextVar[Origin | None] = ContextVar("origin", default=None)


@contextmanager
def origin_begin(*, address: str = "", name: str = "") -> Iterator[Origin]:
    """From here to the end of the block; what is learned of it on the way (a key) is written into it."""
    origin = Origin(address=address, name=name)
    token = _origin.set(origin)
    try:
        yield origin
    finally:
        _origin.reset(token)


def origin_now() -> Origin:
    """Where we are called from. Outside of any block a new one, which nobody else sees."""
    return _origin.get() or Origin()
