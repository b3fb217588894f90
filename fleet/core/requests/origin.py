"""Origin of a change: the network address, and the actor if it is not a person. Read by the audit log."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Origin:
    """Origin of one request or one command. `name`: `key NAME`, `command line`; empty for Roost itself."""

    address: str = ""
    name: str = ""
    key_prefix: str = ""


_origin: ContextVar[Origin | None] = ContextVar("origin", default=None)


@contextmanager
def origin_begin(*, address: str = "", name: str = "") -> Iterator[Origin]:
    """Set the origin for the block. Details learned during the request, such as the key, are written into it."""
    origin = Origin(address=address, name=name)
    token = _origin.set(origin)
    try:
        yield origin
    finally:
        _origin.reset(token)


def origin_now() -> Origin:
    """The current origin; outside any block, a new empty one."""
    return _origin.get() or Origin()
