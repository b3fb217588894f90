"""Core tasks: the canary, clean-up of the outbox, mails, and dead jobs."""

from datetime import timedelta
from typing import Any

from celery import shared_task

from fleet.alerts.server_problems.troubles import dead_jobs_judge
from fleet.core.outbox import outbox_prune
from fleet.core.pulses import pulse_beat
from fleet.core.requests.repeats import answers_prune
from fleet.core.sending.mail import mail_send, mails_sweep
from workers.dead_jobs import dead_jobs_collect


@shared_task(name="core.touch_canary")
def touch_canary(*, name: str = "canary.tasks", **_: Any) -> None:
    """Write a row, which proves that tasks get through the broker and a worker to the database."""
    pulse_beat(name=name)


@shared_task(name="core.prune_outbox")
def prune_outbox(**_: Any) -> None:
    """Delete published outbox rows, and saved API answers older than a day."""
    outbox_prune()
    answers_prune(kept=timedelta(days=1))


@shared_task(name="core.send_mail")
def send_mail(*, mail_id: int, **_: Any) -> None:
    """Send one mail."""
    mail_send(mail_id=mail_id)


@shared_task(name="core.sweep_mails")
def sweep_mails(**_: Any) -> None:
    """Send mails that the mail server has not accepted yet."""
    mails_sweep()


@shared_task(name="core.collect_dead_jobs")
def collect_dead_jobs(**_: Any) -> None:
    """Record jobs that killed their workers, and report them to the administrators."""
    dead_jobs_collect()
    dead_jobs_judge()
