"""Tasks of the ground floor: the canary that shows that jobs run, and clearing the outbox."""

from typing import Any

from celery import shared_task

from fleet.core.outbox import outbox_prune
from fleet.core.pulses import pulse_beat


@shared_task(name="core.touch_canary")
def touch_canary(*, name: str = "canary.tasks", **_: Any) -> None:
    """Leave a sign that a task went through the broker and a worker to the database."""
    pulse_beat(name=name)


@shared_task(name="core.prune_outbox")
def prune_outbox(**_: Any) -> None:
    """Delete what was published more than a day ago."""
    outbox_prune()
