"""Dead jobs: jobs that killed their workers, kept with their arguments until somebody retries or discards them."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.errors import Conflict, NotFound
from fleet.core.models import DeadJob
from fleet.core.outbox import job_ask

State = DeadJob.State
_ID_END = 2**63


def dead_job_keep(*, job_id: str, task: str, arguments: dict[str, Any]) -> bool:
    """Store a job; return False if it is stored already."""
    _job, is_new = DeadJob.objects.get_or_create(
        job_id=job_id[:64], defaults={"task": task[:128], "arguments": arguments, "found_at": clock.now()}
    )
    return is_new


def dead_job_list(*, state: str = State.HELD) -> QuerySet[DeadJob]:
    """Jobs in this state, by default those waiting for a decision, oldest first."""
    return DeadJob.objects.filter(state=state).order_by("id")


@transaction.atomic
def dead_job_retry(*, number: int) -> DeadJob:
    """Queue the job again, through the outbox."""
    job = _get(number)
    if not job.task:
        raise Conflict(_("Job %(id)s could not be read, so it cannot be run again. Discard it.") % {"id": number})
    _decide(job, State.RETRIED)
    job_ask(job.task, **job.arguments)
    return job


@transaction.atomic
def dead_job_discard(*, number: int) -> DeadJob:
    """Give up on the job. Its row stays."""
    job = _get(number)
    _decide(job, State.DISCARDED)
    return job


def _get(number: int) -> DeadJob:
    job = DeadJob.objects.filter(pk=number).first() if 0 < number < _ID_END else None
    if job is None:
        raise NotFound(_("There is no dead job %(id)s.") % {"id": number})
    return job


def _decide(job: DeadJob, state: str) -> None:
    if not DeadJob.objects.filter(pk=job.pk, state=State.HELD).update(state=state, decided_at=clock.now()):
        raise Conflict(_("Job %(id)s has already been retried or discarded.") % {"id": job.pk})
    audit_write(
        actor=None, organization_id=None, action=f"job.{state}", subject=f"{job.task or 'unreadable job'} {job.pk}"
    )
