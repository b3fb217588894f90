"""The commands this station can run.

One command is one file in this folder; the folder is the registry.

Each file defines `HANDLER`, named after its contract. Two handlers with the same name are an error at startup.
"""

from functools import cache

from message_queue.folder import folder_read
from station_agent.commands.base import Handler


@cache
def handlers() -> dict[str, Handler]:
    """All handlers by name, read once from this folder."""
    return folder_read(__name__, "HANDLER", Handler)
