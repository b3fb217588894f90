"""Adapters of outside systems: one file each; the folder is the registry.

Each file defines `ADAPTER`. Two adapters with the same name are an error at start.
"""

from functools import cache

from fleet.sync.adapters.base import Adapter
from message_queue.folder import folder_read


@cache
def adapters() -> dict[str, Adapter]:
    """All outside systems by name, read once from this folder."""
    return folder_read(__name__, "ADAPTER", Adapter)
