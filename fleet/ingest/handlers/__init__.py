"""Handlers of message kinds.

Each kind is one file in this folder; the folder is the registry.

A file defines `KIND` and `handle(arrival, batch)`, which adds rows and facts to the batch and touches nothing
else. It may raise `MessageRefused` before it has added anything.
"""

from collections.abc import Callable
from functools import cache

from fleet.ingest.batch import Batch
from fleet.ingest.delivery import Arrival
from message_queue.folder import folder_modules

Handle = Callable[[Arrival, Batch], None]


@cache
def handlers() -> dict[str, Handle]:
    """All handlers by kind, read once from this folder."""
    found: dict[str, Handle] = {}
    for module in folder_modules(__name__):
        if module.KIND in found:
            raise RuntimeError(f"Two handlers handle {module.KIND!r}: rename one in fleet/ingest/handlers.")
        found[module.KIND] = module.handle
    return found
