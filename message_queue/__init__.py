"""The wire: messages between stations and server, and the names they use on the broker."""

import os

from message_queue import plain

#: If set to anything, use the plain Python replacement even where msgspec is installed; for testing.
PLAIN_VARIABLE = "STATION_AGENT_PLAIN"


def _is_plain_wanted() -> bool:
    if os.environ.get(PLAIN_VARIABLE):
        return True
    try:
        import msgspec  # noqa: F401, PLC0415 - only to see whether it is installed and works on this machine
    except ImportError:
        return True
    return False


if _is_plain_wanted():
    plain.install()
