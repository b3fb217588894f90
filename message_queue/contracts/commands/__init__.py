"""The commands that can be sent to a station, one file per command; this folder is the registry.

Each file defines `COMMAND`. Two files with the same command name are an error at startup.
"""

from functools import cache

from message_queue.contracts.commands.base import CommandContract
from message_queue.folder import folder_read


@cache
def command_contracts() -> dict[str, CommandContract]:
    """All commands by name, read from this folder once."""
    return folder_read(__name__, "COMMAND", CommandContract)
