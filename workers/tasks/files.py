"""Tasks about files: those of photos that are gone."""

from typing import Any

from celery import shared_task

from fleet.core import clock
from fleet.files.photos import photos_sweep


@shared_task(name="files.sweep_photos")
def sweep_photos(**_: Any) -> None:
    """Remove the files of photos without a row."""
    photos_sweep(moment=clock.now())
