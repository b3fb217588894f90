"""The message kinds, one file per kind; this folder is the registry.

Each file defines `CONTRACT`. Two files for the same kind are an error at startup.
"""

from functools import cache
from operator import attrgetter

from message_queue.contracts.base import Contract
from message_queue.folder import folder_read


@cache
def contracts() -> dict[str, Contract]:
    """All message kinds by name, read from this folder once."""
    return folder_read(__name__, "CONTRACT", Contract, attrgetter("kind"))
