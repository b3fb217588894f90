"""Tasks of the ground floor: the canary that shows that jobs run, clearing the outbox, and mails."""

from datetime import timedelta
from typing import Any

from celery import shared_task

from fleet.alerts.troubles import dead_jobs_judge
from fleet.core.mail import mail_send, mails_sweep
from fleet.core.outbox import outbox_prune
from fleet.core.pulses import pulse_beat
from fleet.core.repeats import answers_prune
from workers.dead_jobs import dead_jobs_collect


@shared_task(name="core.touch_canary")
def touch_canary(*, name: str = "canary.tasks", **_: Any) -> None:
    """Leave a sign that a task went through the broker and a worker to the database."""
    pulse_beat(name=name)


@shared_task(name="core.prune_outbox")
def prune_outbox(**_: Any) -> None:
    """Delete what was published, and answers that were kept, more than a day ago."""
    outbox_prune()
    answers_prune(kept=timedelta(days=1))


@shared_task(name="core.send_mail")
def send_mail(*, mail_id: int, **_: Any) -> None:
    """Hand one mail to the mail server."""
    mail_send(mail_id=mail_id)


@shared_task(name="core.sweep_mails")
def sweep_mails(**_: Any) -> None:
    """Send the mails that were not taken before."""
    mails_sweep()


@shared_task(name="core.collect_dead_jobs")
def collect_dead_jobs(**_: Any) -> None:
    """Keep the jobs that killed their workers, and tell the administrators of them."""
    dead_jobs_collect()
    dead_jobs_judge()
