"""The wire: what stations and server say to each other, and the names under which they say it."""

import os

from message_queue import plain

#: Set to anything, the plain Python way is taken also where msgspec is there: to try it.
PLAIN_VARIABLE = "STATION_AGENT_PLAIN"


def _is_plain_wanted() -> bool:
    if os.environ.get(PLAIN_VARIABLE):
        return True
    try:
        import msgspec  # noqa: F401, PLC0415 - only whether it is there and fits this machine
    except ImportError:
        return True
    return False


if _is_plain_wanted():
    plain.install()
