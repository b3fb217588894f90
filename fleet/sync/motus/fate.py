"""Following sent uploads until they are data: Motus' job for each upload, and its log, file by file."""

from datetime import timedelta
from typing import Any, Final

from django.utils import translation
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.sync.adapters.base import SyncError
from fleet.sync.adapters.clients.motus import LoginRefused, plain
from fleet.sync.adapters.clients.motus_fields import whole_in
from fleet.sync.adapters.clients.motus_jobs import MotusJobs
from fleet.sync.models import MotusAccount, MotusUpload
from fleet.sync.motus.accounts import jobs_of, login_doubted
from fleet.sync.motus.job_log import files_said

State = MotusUpload.State
#: Jobs take hours: the pause between two questions about one, and the maximum number of jobs in one run.
ASK_EVERY: Final = timedelta(minutes=30)
_ASKED_MOST: Final = 50
#: After this many temporary failures in a row, the upload's sentence mentions them.
_FAILED_OFTEN: Final = 3
#: How many characters at the end of a log are searched: the outcome is at its end.
_LOG_MOST: Final = 200_000


def uploads_follow(*, account: MotusAccount) -> None:
    """Ask what became of sent uploads. Trouble with the job server leaves them as they are, and is reported.

    Temporary trouble ends the run, as it would hit all uploads. But the upload that hit it comes after the others from
    then on, in case it alone causes the trouble.
    """
    moment = clock.now()
    due = MotusUpload.objects.filter(account=account, state=State.SENT, next_try_at__lte=moment)
    uploads = list(due.exclude(job_id=None).order_by("attempts", "next_try_at")[:_ASKED_MOST])
    if not uploads or account.is_refused:
        return
    with translation.override(account.organization.language):
        try:
            with jobs_of(account) as jobs:
                for upload in uploads:
                    try:
                        _follow(jobs, upload)
                    except LoginRefused:
                        raise
                    except SyncError as error:
                        if error.is_passing:
                            _passed_over(upload, str(error))
                            raise
                        # It may concern only this job or its project, so go on with the others.
                        _not_told(upload, str(error))
        except SyncError as error:
            words = login_doubted(account, error) if isinstance(error, LoginRefused) else str(error)
            MotusAccount.objects.filter(pk=account.pk).update(files_answer=words)
            due.update(next_try_at=moment + ASK_EVERY)


def _follow(jobs: MotusJobs, upload: MotusUpload) -> None:
    project, number = upload.project_id or 0, upload.job_id or 0
    job = jobs.job(project=project, number=number)
    if job is not None and (whole_in(job, "done") or 0) != 0:
        # Motus names single files in the logs of the job's parts.
        job = {
            **job,
            "log": "\n".join(filter(None, [str(job.get("log") or ""), jobs.log(project=project, number=number)])),
        }
    _take(upload, job)


def _not_told(upload: MotusUpload, words: str) -> None:
    row = MotusUpload.objects.filter(pk=upload.pk, state=State.SENT)
    row.update(sentence=words, next_try_at=clock.now() + ASK_EVERY)
    MotusAccount.objects.filter(pk=upload.account_id).update(files_answer=words)


def _passed_over(upload: MotusUpload, words: str) -> None:
    """Count a temporary failure, and mention it in the upload's sentence once there are several in a row."""
    failed = min(upload.attempts + 1, 100)
    row = MotusUpload.objects.filter(pk=upload.pk, state=State.SENT)
    row.update(attempts=failed)
    if failed >= _FAILED_OFTEN:
        told = _(
            "Roost asked about job %(job)d %(n)d times without an answer, and asks about the others first. %(why)s"
        )
        row.update(sentence=told % {"job": upload.job_id, "n": failed, "why": words})


def _take(upload: MotusUpload, job: dict[str, Any] | None) -> None:
    """Store a job's state. `done`, and `sjDone` for its parts: 0 waiting, 1 done, below 0 failed."""
    moment = clock.now()
    row = MotusUpload.objects.filter(pk=upload.pk, state=State.SENT)
    row.update(attempts=0)
    if job is None:
        row.update(
            sentence=_("Motus does not list its job %(n)d yet. Roost asks every half hour.") % {"n": upload.job_id},
            next_try_at=moment + ASK_EVERY,
        )
        return
    whole = str(job.get("log") or "")
    log = whole[-_LOG_MOST:]
    done, parts = whole_in(job, "done") or 0, whole_in(job, "sjDone")
    files = files_said(upload.files, log)
    bad = sum(1 for each in files if each.get("is_set_aside"))
    if done < 0 or (parts is not None and parts < 0):
        lines = [line for line in log.splitlines() if line.strip()]
        why = plain(lines[-1]) if lines else _("without a reason")
        row.update(
            state=State.REFUSED,
            files=files,
            settled_at=moment,
            sentence=_("Motus could not process it (job %(n)d): %(why)s") % {"n": upload.job_id, "why": why},
        )
    elif done == 1 and parts in (None, 1):
        sentence = _("Motus has processed it (job %(n)d).") % {"n": upload.job_id}
        if bad:
            sentence += " " + _("Files that Motus set aside: %(n)d.") % {"n": bad}
        if len(whole) > _LOG_MOST:
            sentence += " " + _("Its log is long: only the end was searched for remarks.")
        row.update(state=State.DATA, files=files, settled_at=moment, sentence=sentence)
    else:
        row.update(
            files=files,
            sentence=_("Motus is processing it (job %(n)d).") % {"n": upload.job_id},
            next_try_at=moment + ASK_EVERY,
        )
