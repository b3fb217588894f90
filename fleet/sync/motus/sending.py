"""Sending uploads to Motus: one at a time per receiver, with a pause after a failure, and no day blocks the others."""

import re
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db.models import QuerySet
from django.utils import translation
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.locks import session_lock
from fleet.files.store.away import StoreAway
from fleet.sync.adapters.base import SyncError
from fleet.sync.adapters.clients.motus import LoginRefused
from fleet.sync.adapters.clients.motus_site import ArchiveRefused, KnownThere, MotusSite, NoUploadRight
from fleet.sync.models import MotusAccount, MotusUpload
from fleet.sync.motus.accounts import login_of
from fleet.sync.motus.archive import archive_write
from fleet.sync.motus.source import FileSource, SourceFile, source_current
from fleet.sync.records import serial_matched

State = MotusUpload.State
#: A run begins no further upload after this many seconds; the next run goes on.
BEGIN_WITHIN_S: Final = 120.0
#: Pause after a failure; each further one doubles it, up to a day.
_PAUSE: Final = timedelta(minutes=10)
_PAUSE_MOST: Final = timedelta(days=1)
#: After this many refusals by Motus, an archive is not tried again.
_REFUSED_MOST: Final = 3
_JOB = re.compile(r"[Jj]ob ?ID:? *(\d{1,18})")


class _FilesGone(Exception):
    """A file of the upload is no longer there or has changed."""


class _SentBefore(Exception):
    """Another upload of the organization had the same archive; the text says so. `job_id`: its job."""

    def __init__(self, text: str, job_id: int | None) -> None:
        super().__init__(text)
        self.job_id = job_id


def uploads_send(*, account: MotusAccount) -> None:
    """Send due uploads, fewest failures first, then oldest day. Trouble with the login or with Motus ends the run."""
    source = source_current()
    if account.is_refused or not account.login:
        return
    until = time.monotonic() + BEGIN_WITHIN_S
    with translation.override(account.organization.language):
        try:
            opened = login_of(account)
            with MotusSite(base_url=settings.ROOST_MOTUS_URL, login=opened.login, password=opened.password) as site:
                for upload in _due(account):
                    if time.monotonic() > until or not _one(site, source, upload):
                        return
        except LoginRefused as error:
            MotusAccount.objects.filter(pk=account.pk).update(
                is_refused=True, answer=str(error), checked_at=clock.now()
            )
        except SyncError as error:
            MotusAccount.objects.filter(pk=account.pk).update(files_answer=str(error))


def _due(account: MotusAccount) -> list[MotusUpload]:
    moment = clock.now()
    queued = MotusUpload.objects.filter(account=account, state=State.QUEUED).order_by("attempts", "day", "id")
    return [one for one in queued[:500] if one.next_try_at is None or one.next_try_at <= moment]


def _one(site: MotusSite, source: FileSource, upload: MotusUpload) -> bool:
    """Send one upload; False if others would hit the same trouble. Raises `LoginRefused`."""
    with session_lock(f"roost.motus.upload.{serial_matched(upload.serial)}") as is_ours:
        # Since the run began, a person may have decided that the station sends its files itself.
        if not is_ours or not _queued(upload).exists():
            return True
        try:
            with tempfile.TemporaryDirectory(prefix="roost-motus-") as folder:
                _steps(site, source, upload, Path(folder) / "day.zip")
        except _SentBefore as error:
            _settle(upload, State.KNOWN, str(error), job_id=error.job_id)
        except KnownThere as error:
            words = _("Motus has the same contents already, so nothing was sent. Motus says: %(said)s")
            _settle(upload, State.KNOWN, words % {"said": error}, job_id=_job_in(str(error)))
        except _FilesGone as error:
            # The next search looks at the whole day again.
            _settle(upload, State.HELD, str(error), held_for=MotusUpload.HeldFor.CHANGED)
        except ArchiveRefused as error:
            if upload.attempts + 1 >= _REFUSED_MOST:
                _settle(upload, State.REFUSED, str(error))
            else:
                _later(upload, str(error))
        except LoginRefused:
            raise
        except NoUploadRight as error:
            # Others may belong to another project.
            _later(upload, str(error))
        except SyncError as error:
            _later(upload, str(error))
            return False
        except OSError as error:
            _later(upload, _("The archive could not be made: %(reason)s.") % {"reason": error.strerror or error})
        except StoreAway as error:
            # Go on: other files may be on the disk.
            _later(upload, str(error))
    return True


def _steps(site: MotusSite, source: FileSource, upload: MotusUpload, path: Path) -> None:
    """1. Build the archive.  2. Look for its hash here.  3. Verify, start, transfer.  4. Store the job's number."""
    if upload.project_id is None:
        raise ArchiveRefused(_("The login has no project to upload to."))
    sha1 = archive_write(_files(source, upload), path)
    # An earlier transfer of the same archive may have reached Motus, and only the answer was lost.
    is_maybe_there = upload.transfer_at is not None and upload.sha1 == sha1
    upload.sha1 = sha1
    MotusUpload.objects.filter(pk=upload.pk).update(sha1=sha1)
    twin = _known_here(upload)
    if twin is not None:
        raise _SentBefore(_("The same archive was sent before, so it was not sent again."), twin.job_id)
    name = f"{upload.serial}-{upload.day:%Y%m%d}-{upload.sha1[:8]}.zip"
    try:
        part = site.verify(project=upload.project_id, sha1=upload.sha1, name=name)
    except KnownThere as error:
        if not is_maybe_there:
            raise
        words = _("Roost sent it, and Motus has it; only its answer was lost. Motus says: %(said)s")
        _sent(upload, words % {"said": error}, _job_in(str(error)), upload.transfer_at)
        return
    local = site.start(project=upload.project_id, part=part, archive=path)
    # If somebody held it meanwhile, do not transfer it. From here on, nobody can hold it.
    if not _queued(upload).update(transfer_at=clock.now()):
        return
    said = site.transfer(project=upload.project_id, part=part, local=local)
    job_id = _job_in(said)
    words = _("Motus has it and is processing it, which takes hours (job %(n)d).") % {"n": job_id} if job_id else said
    _sent(upload, words, job_id, clock.now())


def _queued(upload: MotusUpload) -> QuerySet[MotusUpload]:
    return MotusUpload.objects.filter(pk=upload.pk, state=State.QUEUED)


def _sent(upload: MotusUpload, sentence: str, job_id: int | None, sent_at: datetime | None) -> None:
    _queued(upload).update(
        state=State.SENT,
        sentence=sentence,
        job_id=job_id,
        transfer_at=None,
        sent_at=sent_at,
        next_try_at=clock.now(),
        attempts=0,
    )


def _files(source: FileSource, upload: MotusUpload) -> list[SourceFile]:
    """The upload's files, unchanged since the check. Raises `_FilesGone` if one has changed or is gone."""
    there = {(file.name, file.size, file.mark): file for file in source.files(upload.serial) if file.is_readable}
    wanted = [(each["name"], each["size"], each.get("mark", "")) for each in upload.files if not each["refusal"]]
    missing = [each[0] for each in wanted if each not in there]
    if missing:
        raise _FilesGone(
            _("%(name)s has changed or is gone since it was checked, so nothing was sent.") % {"name": missing[0]}
        )
    return [there[each] for each in wanted]


def _known_here(upload: MotusUpload) -> MotusUpload | None:
    return (
        MotusUpload.objects.filter(
            account=upload.account_id, sha1=upload.sha1, state__in=(State.SENT, State.DATA, State.KNOWN)
        )
        .exclude(pk=upload.pk)
        .order_by("pk")
        .first()
    )


def _settle(upload: MotusUpload, state: State, sentence: str, *, job_id: int | None = None, held_for: str = "") -> None:
    _queued(upload).update(state=state, sentence=sentence, settled_at=clock.now(), job_id=job_id, held_for=held_for)


def _later(upload: MotusUpload, sentence: str) -> None:
    _queued(upload).update(
        sentence=sentence,
        attempts=min(upload.attempts + 1, 100),
        next_try_at=clock.now() + pause_after(upload.attempts),
    )


def pause_after(attempts: int) -> timedelta:
    """The pause after one more failure."""
    return min(_PAUSE * (1 << min(attempts, 10)), _PAUSE_MOST)


def _job_in(said: str) -> int | None:
    found = _JOB.search(said)
    return int(found[1]) if found else None


def sent_before(moment: datetime) -> dict[tuple[int, str], datetime]:
    """Uploads sent before a moment and still not data: by organization and serial, when the oldest was sent."""
    found: dict[tuple[int, str], datetime] = {}
    rows = MotusUpload.objects.filter(state=State.SENT, sent_at__lt=moment).order_by("-sent_at")
    for organization_id, serial, sent_at in rows.values_list("account__organization_id", "serial", "sent_at"):
        if sent_at is not None:
            found[organization_id, serial] = sent_at
    return found
