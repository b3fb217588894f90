"""The message kinds.

One kind is one file in this folder; the folder is the registry.

A file defines `CONTRACT`. Two files of one kind are an error at start.
"""

from functools import cache
from operator import attrgetter

from message_queue.contracts.base import Contract
from message_queue.folder import folder_read


@cache
def contracts() -> dict[str, Contract]:
    """All message kinds by name, read once from this folder."""
    return folder_read(__name__, "CONTRACT", Contract, attrgetter("kind"))
