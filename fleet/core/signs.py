"""Sign files: a process touches its file when it has done its work, and the container's health check reads it."""

import os
from pathlib import Path

#: The folder for the files; if unset, none is touched. Each container has its own folder.
SIGNS_VARIABLE = "ROOST_SIGNS"


def sign_leave(name: str) -> None:
    """Record that this part of Roost works now."""
    folder = os.environ.get(SIGNS_VARIABLE)
    if folder:
        (Path(folder) / f"{name}.sign").touch()
