"""Subjects of alert rules: one file each; the folder is the registry.

A file defines `SUBJECT`. Two files with the same name are an error at start.
"""

from functools import cache

from fleet.alerts.made.subjects.base import Subject
from message_queue.folder import folder_read


@cache
def subjects() -> dict[str, Subject]:
    """All subjects by name, read once from this folder."""
    return folder_read(__name__, "SUBJECT", Subject)
