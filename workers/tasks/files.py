"""File tasks: remove orphaned photos, fetch files from stations and count them, finish and expire uploads, check and sweep the store."""

from typing import Any

from celery import shared_task

from fleet.alerts.server_problems.file_troubles import reading_judge, rot_judge, strays_judge, waiting_judge
from fleet.core import clock
from fleet.files.looking.previews import previews_sweep
from fleet.files.photos import photos_sweep
from fleet.files.store.away import StoreAway
from fleet.files.store.contents import BYTES_PER_S, SECONDS_LEAST
from fleet.files.store.scrub import contents_scrub, store_sweep
from fleet.files.store.settling import RUN_S, uploads_finish
from fleet.files.store.uploads import FILE_MOST, uploads_expire
from fleet.holdings.fetching import files_fetch
from fleet.holdings.summing import sums_count

#: Seconds that a run takes if it begins its last and largest file just before its time is up.
_FINISH_MOST = int(RUN_S + SECONDS_LEAST + FILE_MOST / BYTES_PER_S) + 120


@shared_task(name="files.sweep_photos")
def sweep_photos(**_: Any) -> None:
    """Remove photo files that have no row in the database, and previews of files that are no longer stored."""
    photos_sweep(moment=clock.now())
    previews_sweep()


@shared_task(name="files.fetch")
def fetch(**_: Any) -> None:
    """Ask stations for files that a policy or a person wants."""
    files_fetch(moment=clock.now())


@shared_task(name="files.count_held")
def count_held(**_: Any) -> None:
    """Count the files that stations with large cards hold, by state."""
    sums_count(moment=clock.now())


@shared_task(name="files.expire_uploads")
def expire_uploads(**_: Any) -> None:
    """Delete uploads that have made no progress for too long."""
    uploads_expire(moment=clock.now())


# Acknowledged at the start: the rows record what is waiting, and a large file may take longer than the broker waits.
@shared_task(name="files.finish_uploads", acks_late=False, time_limit=_FINISH_MOST + 60, soft_time_limit=_FINISH_MOST)
def finish_uploads(**_: Any) -> None:
    """Store uploads that wait for the object store; tell the administrators if they have waited for minutes."""
    uploads_finish()
    waiting_judge()


@shared_task(name="files.scrub_store")
def scrub_store(**_: Any) -> None:
    """Re-read a share of the stored files, and report rot and an unreadable store to the administrators."""
    try:
        contents_scrub(moment=clock.now())
    except StoreAway as error:
        reading_judge(str(error))
    else:
        reading_judge("")
    rot_judge()


@shared_task(name="files.sweep_store")
def sweep_store(**_: Any) -> None:
    """Remove stored contents that no file has any more, report strays, and count what each organization uses."""
    store_sweep(moment=clock.now())
    strays_judge()
