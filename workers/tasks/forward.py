"""Forwarding tasks: run the lanes that are due, and remove notes that nobody wants any more."""

from typing import Any

from celery import shared_task

from fleet.forward.feed import feed_prune
from fleet.forward.lanes import RUN_JOB, lanes_run


@shared_task(name=RUN_JOB)
def run_lanes(**_: Any) -> None:
    """Send what waits for the forwarders of all organizations."""
    lanes_run()


@shared_task(name="forward.prune_feed")
def prune_feed(**_: Any) -> None:
    """Remove notes that every forwarder has done, and stop forwarders that are weeks behind."""
    feed_prune()
