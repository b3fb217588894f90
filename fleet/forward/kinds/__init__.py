"""Kinds of receivers: one file each; the folder is the registry, and packages add theirs through an entry point.

A file defines `KIND`. An entry point of the group `roost.forwarders` names a `ForwarderKind`. Two with the same name
are an error at start.
"""

from functools import cache
from importlib.metadata import entry_points

from fleet.forward.kinds.base import ForwarderKind
from message_queue.folder import folder_read

#: Installed packages offer a `ForwarderKind` under this group of entry points.
ENTRY_POINTS = "roost.forwarders"


@cache
def kinds() -> dict[str, ForwarderKind]:
    """All kinds by name, read once. Raises RuntimeError, which stops startup."""
    found = folder_read(__name__, "KIND", ForwarderKind)
    for point in entry_points(group=ENTRY_POINTS):
        kind = point.load()
        if not isinstance(kind, ForwarderKind):
            raise RuntimeError(f"The entry point {point.name} of {ENTRY_POINTS} is not a ForwarderKind.")  # noqa: TRY004 - as in folder_read
        if kind.name in found:
            raise RuntimeError(f"Two forwarders are called {kind.name!r}: rename the one of {point.value}.")
        found[kind.name] = kind
    return found
