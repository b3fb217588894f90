"""The commands a station may be sent.

One command is one file in this folder; the folder is the registry.

A file defines `COMMAND`. Two files of one name are an error at start.
"""

from functools import cache

from message_queue.contracts.commands.base import CommandContract
from message_queue.folder import folder_read


@cache
def command_contracts() -> dict[str, CommandContract]:
    """All commands by name, read once from this folder."""
    return folder_read(__name__, "COMMAND", CommandContract)
