"""Complete uploads: checked by their SHA-256, then stored or refused, or finished later if the store is away."""

import logging
import time
from datetime import timedelta

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce
from django.utils import translation
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.errors import DomainError, TooMany, Unavailable
from fleet.core.locks import session_lock
from fleet.files.store.away import StoreAway, away_slow
from fleet.files.store.contents import content_digest, content_save, content_send, contents_place
from fleet.files.store.keeping import Meeting, content_met, revision_meet_again, revision_newest
from fleet.files.store.models import FileRevision, StoredContent, Upload
from fleet.files.store.parts import PartWriter, part_digests, part_remove, part_size

#: How long an open upload without progress is kept, how long a closed one, and how long a refused one.
OPEN_LIFE, CLOSED_LIFE, REFUSED_LIFE = timedelta(days=7), timedelta(days=1), timedelta(days=30)
#: A sender may have the store tried again this long after the last try, which `expires_at` records.
_TRIED_PAUSE = timedelta(seconds=5)
#: A run ends after this many seconds, or after this many failures in a row.
RUN_S, _FAILED_MOST = 120.0, 5
_ROWS_MOST = 10_000

_log = logging.getLogger(__name__)


def upload_settle(upload: Upload, *, is_waited_for: bool = True) -> Upload:
    """Extend the life of an upload that got bytes; if it is complete, check and store the file.

    Raises `StoreAway` if the object store does not take the file: a job stores it later. Raises `Unavailable` while
    another process is storing it.
    """
    if upload.state != Upload.State.OPEN:
        return upload
    if upload.octets and part_size(upload.id) < upload.octets and upload.waiting_since is None:
        upload.expires_at = clock.now() + OPEN_LIFE
        Upload.objects.filter(pk=upload.pk, state=Upload.State.OPEN).update(expires_at=upload.expires_at)
        return upload
    with session_lock(f"store upload {upload.pk}") as is_ours:
        upload.refresh_from_db(fields=["state", "reason", "expires_at", "waiting_since"])
        if upload.state != Upload.State.OPEN:
            return upload
        if not is_ours:
            raise Unavailable(_("Another request is storing this file now: ask again in a moment."))
        if is_waited_for and upload.waiting_since and clock.now() < upload.expires_at - OPEN_LIFE + _TRIED_PAUSE:
            raise StoreAway(upload.reason) if upload.reason else away_slow()
        try:
            _settle(upload, is_waited_for=is_waited_for)
        except StoreAway as error:
            _wait(upload, str(error))
            raise
    return upload


def uploads_finish() -> int:
    """Store uploads that wait for the object store, the longest untried first; return how many."""
    finished = failed = 0
    with session_lock("roost.files.finish") as is_ours:
        if not is_ours:
            return 0
        until = time.monotonic() + RUN_S
        waiting = uploads_waiting().select_related("station__organization").order_by("expires_at")
        for upload in waiting[:_ROWS_MOST].iterator(chunk_size=100):
            if time.monotonic() > until or failed >= _FAILED_MOST:
                break
            try:
                with translation.override(upload.station.organization.language):
                    upload_settle(upload, is_waited_for=False)
            except (DomainError, OSError) as error:
                _log.warning("The upload %s of %s waits on: %s", upload.pk, upload.station, error)
                # This moves it behind all others in the next run.
                _wait(upload, str(error))
                failed += 1
            else:
                finished, failed = finished + 1, 0
    return finished


def uploads_waiting() -> QuerySet[Upload]:
    """Whole uploads that the store has not taken."""
    return Upload.objects.filter(state=Upload.State.OPEN, waiting_since__isnull=False)


def _settle(upload: Upload, *, is_waited_for: bool) -> None:
    if not upload.octets:
        PartWriter(upload.id, offset=0, most=0).finish()
    if part_size(upload.id) < upload.octets:
        # It was complete before: left open, every run would try it again.
        upload.reason = _(
            "The bytes of this upload were removed from the server's disk before they were stored: send it again."
        )
        _close(upload, Upload.State.REFUSED)
        part_remove(upload.id)
        return
    newest = revision_newest(upload.station_id, upload.path)
    try:
        whole, begin = part_digests(upload.id, newest.content.octets if newest else 0)
    except FileNotFoundError as error:
        raise Unavailable(_("The bytes of this upload were removed: begin it again.")) from error
    if whole != upload.sha256:
        _refuse(upload, whole)
    elif newest is not None and not upload.is_edited and _is_shorter_state(upload, newest):
        revision_meet_again(newest, sent_by=upload.sender_name)
        _close(upload, Upload.State.KNOWN)
    else:
        if contents_place() != StoredContent.Place.DISK:
            # So that the job finds the upload, even without its sender, if this process dies now.
            _wait(upload, upload.reason)
        is_sent = content_send(
            upload_id=upload.id, sha256=upload.sha256, octets=upload.octets, is_waited_for=is_waited_for
        )
        try:
            _store(upload, begin, is_sent=is_sent)
        except TooMany as error:
            # It will never fit: left open, every run would try it again before all others.
            upload.reason, upload.state = str(error)[:300], Upload.State.OPEN
            _close(upload, Upload.State.REFUSED)
    if upload.state != Upload.State.OPEN:
        part_remove(upload.id)


def _is_shorter_state(upload: Upload, newest: FileRevision) -> bool:
    """Whether this is an earlier state of a file that has grown since. Raises `StoreAway`."""
    if not 0 < upload.octets < newest.content.octets:
        return False
    return content_digest(newest.content, most=upload.octets) == upload.sha256


@transaction.atomic
def _store(upload: Upload, begin: str, *, is_sent: bool) -> None:
    """Store the content and the revision. Of several requests that see the last byte, only one does this."""
    upload.reason = ""
    if not _close(upload, Upload.State.STORED):
        return
    content = content_save(upload_id=upload.id, sha256=upload.sha256, octets=upload.octets, is_sent=is_sent)
    if content_met(upload=upload, content=content, begins_with=begin) is Meeting.KNOWN:
        Upload.objects.filter(pk=upload.pk).update(state=Upload.State.KNOWN)
        upload.state = Upload.State.KNOWN


def _refuse(upload: Upload, found: str) -> None:
    upload.reason = _(
        "All bytes have arrived, but their SHA-256 is %(found)s, not %(asked)s: the file changed while it was being "
        "sent. Start the upload again."
    ) % {"found": found, "asked": upload.sha256}
    _close(upload, Upload.State.REFUSED)


def _wait(upload: Upload, reason: str) -> None:
    """Mark the upload as complete and waiting, so that it does not expire."""
    upload.reason, upload.expires_at = reason[:300], clock.now() + OPEN_LIFE
    Upload.objects.filter(pk=upload.pk, state=Upload.State.OPEN).update(
        reason=upload.reason, expires_at=upload.expires_at, waiting_since=Coalesce(F("waiting_since"), clock.now())
    )


def _close(upload: Upload, state: Upload.State) -> bool:
    """Close an open upload; False if another request has done so."""
    upload.expires_at = clock.now() + (REFUSED_LIFE if state == Upload.State.REFUSED else CLOSED_LIFE)
    rows = Upload.objects.filter(pk=upload.pk, state=Upload.State.OPEN)
    if not rows.update(state=state, reason=upload.reason, expires_at=upload.expires_at, waiting_since=None):
        upload.refresh_from_db(fields=["state", "reason", "expires_at"])
        return False
    upload.state = state
    return True
