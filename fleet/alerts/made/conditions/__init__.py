"""Conditions of alert rules: one file each; the folder is the registry.

Each file defines `CONDITION`. Two conditions with the same name are an error at startup.
"""

from functools import cache

from fleet.alerts.made.conditions.base import Condition
from message_queue.folder import folder_read


@cache
def conditions() -> dict[str, Condition]:
    """All conditions by name, read once from this folder."""
    return folder_read(__name__, "CONDITION", Condition)
