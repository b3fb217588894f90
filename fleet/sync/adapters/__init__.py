"""The outside systems: one file each; the folder is the registry.

A file defines `ADAPTER`. Two files of one name are an error at start.
"""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from fleet.sync.adapters.base import Adapter


@cache
def adapters() -> dict[str, Adapter]:
    """All outside systems by name, read once from this folder."""
    found: dict[str, Adapter] = {}
    for module_info in sorted(iter_modules(__path__), key=lambda m: m.name):
        if module_info.ispkg or module_info.name == "base":
            continue
        adapter: Adapter = import_module(f"{__name__}.{module_info.name}").ADAPTER
        if adapter.name in found:
            raise RuntimeError(f"Two outside systems are named {adapter.name!r}: rename one in fleet/sync/adapters.")
        found[adapter.name] = adapter
    return found
