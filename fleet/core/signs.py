"""Sign files: a process touches its file when it has done its work, and the container's health check reads it."""

from pathlib import Path

from django.conf import settings


def sign_leave(name: str) -> None:
    """Record that this part of Roost works now, if a health check reads it: each container has a folder of its own."""
    if settings.ROOST_SIGNS:
        (Path(settings.ROOST_SIGNS) / f"{name}.sign").touch()
