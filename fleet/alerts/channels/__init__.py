"""Notification channels: one file each; the folder is the registry.

A file defines `CHANNEL`. Two files with the same name are an error at start.
"""

from functools import cache

from fleet.alerts.channels.base import Channel
from message_queue.folder import folder_read


@cache
def channels() -> dict[str, Channel]:
    """All channels by name, read once from this folder."""
    return folder_read(__name__, "CHANNEL", Channel)
