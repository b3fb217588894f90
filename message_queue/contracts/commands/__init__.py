"""The commands a station may be sent. One command is one file in this folder; the folder is the registry.

A file defines `COMMAND`. Two files of one name are an error at start.
"""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from message_queue.contracts.commands.base import CommandContract


@cache
def command_contracts() -> dict[str, CommandContract]:
    """All commands by name, read once from this folder."""
    found: dict[str, CommandContract] = {}
    for module_info in sorted(iter_modules(__path__), key=lambda m: m.name):
        if module_info.name == "base":
            continue
        command: CommandContract = import_module(f"{__name__}.{module_info.name}").COMMAND
        if command.name in found:
            raise RuntimeError(f"Two commands are named {command.name!r}: rename one in contracts/commands.")
        found[command.name] = command
    return found
