"""Alert rules: one file each; the folder is the registry.

A file defines `RULE`. Two files with the same name are an error at start.
"""

from functools import cache

from fleet.alerts.rules.base import Rule
from message_queue.folder import folder_read


@cache
def rules() -> dict[str, Rule]:
    """All rules by name, read once from this folder."""
    return folder_read(__name__, "RULE", Rule)
