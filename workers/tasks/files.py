"""File tasks: remove orphaned photo files, fetch files from stations, expire uploads, check stored files for rot and sweep the store."""

from typing import Any

from celery import shared_task

from fleet.alerts.troubles import rot_judge
from fleet.core import clock
from fleet.files.photos import photos_sweep
from fleet.files.store.scrub import contents_scrub, store_sweep
from fleet.files.store.uploads import uploads_expire
from fleet.holdings.fetching import files_fetch


@shared_task(name="files.sweep_photos")
def sweep_photos(**_: Any) -> None:
    """Remove photo files that have no row in the database."""
    photos_sweep(moment=clock.now())


@shared_task(name="files.fetch")
def fetch(**_: Any) -> None:
    """Ask stations for the files that their policy or a person wants."""
    files_fetch(moment=clock.now())


@shared_task(name="files.expire_uploads")
def expire_uploads(**_: Any) -> None:
    """Delete uploads that rested too long."""
    uploads_expire(moment=clock.now())


@shared_task(name="files.scrub_store")
def scrub_store(**_: Any) -> None:
    """Re-read a share of the stored files, and report rot to the administrators."""
    contents_scrub(moment=clock.now())
    rot_judge()


@shared_task(name="files.sweep_store")
def sweep_store(**_: Any) -> None:
    """Remove stored bytes that no file has any more, and count what each organization uses."""
    store_sweep(moment=clock.now())
