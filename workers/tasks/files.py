"""File tasks: remove orphaned photo files."""

from typing import Any

from celery import shared_task

from fleet.core import clock
from fleet.files.photos import photos_sweep


@shared_task(name="files.sweep_photos")
def sweep_photos(**_: Any) -> None:
    """Remove photo files that have no row in the database."""
    photos_sweep(moment=clock.now())
