"""The ways to tell somebody: one file each; the folder is the registry.

A file defines `CHANNEL`. Two files of one name are an error at start.
"""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from fleet.alerts.channels.base import Channel


@cache
def channels() -> dict[str, Channel]:
    """All channels by name, read once from this folder."""
    found: dict[str, Channel] = {}
    for module_info in sorted(iter_modules(__path__), key=lambda m: m.name):
        if module_info.ispkg or module_info.name == "base":
            continue
        channel: Channel = import_module(f"{__name__}.{module_info.name}").CHANNEL
        if channel.name in found:
            raise RuntimeError(f"Two channels are named {channel.name!r}: rename one in fleet/alerts/channels.")
        found[channel.name] = channel
    return found
