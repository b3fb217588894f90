"""Tasks about ingest: trying messages in quarantine again."""

from typing import Any

from celery import shared_task

from fleet.ingest.replay import quarantine_replays_run


@shared_task(name="ingest.replay_quarantine")
def replay_quarantine(**_: Any) -> None:
    """Work off the replays that people asked for; also by the clock, should a job have been lost."""
    quarantine_replays_run()
