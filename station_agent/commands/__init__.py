"""What this station can do when asked. One command is one file in this folder; the folder is the registry.

A file defines `HANDLER` with the name of its contract. Two files of one name are an error at start.
"""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from station_agent.commands.base import Handler


@cache
def handlers() -> dict[str, Handler]:
    """All handlers by name, read once from this folder."""
    found: dict[str, Handler] = {}
    for module_info in sorted(iter_modules(__path__), key=lambda m: m.name):
        if module_info.name == "base":
            continue
        handler: Handler = import_module(f"{__name__}.{module_info.name}").HANDLER
        if handler.name in found:
            raise RuntimeError(f"Two handlers are named {handler.name!r}: rename one in station_agent/commands.")
        found[handler.name] = handler
    return found
