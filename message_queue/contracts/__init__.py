"""The message kinds. One kind is one file in this folder; the folder is the registry.

A file defines `CONTRACT`. Two files of one kind are an error at start.
"""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from message_queue.contracts.base import Contract


@cache
def contracts() -> dict[str, Contract]:
    """All message kinds by name, read once from this folder."""
    found: dict[str, Contract] = {}
    for module_info in sorted(iter_modules(__path__), key=lambda m: m.name):
        if module_info.ispkg or module_info.name == "base":
            continue
        contract: Contract = import_module(f"{__name__}.{module_info.name}").CONTRACT
        if contract.kind in found:
            raise RuntimeError(f"Two contracts are named {contract.kind!r}: rename one in message_queue/contracts.")
        found[contract.kind] = contract
    return found
