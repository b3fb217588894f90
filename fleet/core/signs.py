"""A file that a process touches when it has done its work: a container's health check looks at it and loads nothing."""

import os
from pathlib import Path

#: The folder for the files; without it none is touched. Each container has a folder of its own.
SIGNS_VARIABLE = "ROOST_SIGNS"


def sign_leave(name: str) -> None:
    """Say that this part of Roost works now."""
    folder = os.environ.get(SIGNS_VARIABLE)
    if folder:
        (Path(folder) / f"{name}.sign").touch()
