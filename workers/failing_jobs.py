"""Noticing periodic jobs that end in an error: Celery only writes that to a log which nobody reads."""

import logging
from datetime import timedelta
from typing import Any

from celery import Task
from celery.signals import task_failure, task_success

from fleet.alerts.server_problems.failing_jobs import job_failed, job_worked
from workers.schedule import SCHEDULE

_log = logging.getLogger(__name__)
_INTERVALS = {each["task"]: timedelta(seconds=each["schedule"]) for each in SCHEDULE.values()}


@task_failure.connect
def _note_failure(sender: Task[Any, Any], exception: BaseException, **_: Any) -> None:
    interval = _INTERVALS.get(sender.name)
    if interval is None:
        return
    try:
        job_failed(name=sender.name, interval=interval, error=exception)
    except Exception:  # noqa: BLE001 - as in the comment
        # Most likely for the same reason as the job itself: the database is away.
        _log.exception("It could not be recorded that the job %s failed.", sender.name)


@task_success.connect
def _note_success(sender: Task[Any, Any], **_: Any) -> None:
    if sender.name not in _INTERVALS:
        return
    try:
        job_worked(name=sender.name)
    except Exception:  # noqa: BLE001 - as above
        _log.exception("It could not be recorded that the job %s works.", sender.name)
