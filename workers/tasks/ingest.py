"""Tasks about ingest: trying messages in quarantine again, and branches of streams."""

from typing import Any

from celery import shared_task

from fleet.core import clock
from fleet.ingest.corrections.branches import branches_judge, branches_work_off
from fleet.ingest.limits.quarantine_budget import full_suspend, tallies_recount
from fleet.ingest.replay import gaps_release, quarantine_replays_run, quota_release


@shared_task(name="ingest.replay_quarantine")
def replay_quarantine(**_: Any) -> None:
    """Work off the replays that people asked for; also by the clock, should a job have been lost."""
    quarantine_replays_run()


@shared_task(name="ingest.settle_branches")
def settle_branches(**_: Any) -> None:
    """Judge held branches, and work off the messages of those that are decided about."""
    branches_judge(moment=clock.now())
    branches_work_off()


@shared_task(name="ingest.release_quota")
def release_quota(**_: Any) -> None:
    """Take some of what waited because of a quota."""
    quota_release()


@shared_task(name="ingest.release_gaps")
def release_gaps(**_: Any) -> None:
    """Take what waited for room in the ledger, where gaps have closed."""
    gaps_release()


@shared_task(name="ingest.watch_quarantine")
def watch_quarantine(**_: Any) -> None:
    """Count what quarantine holds, and suspend the stations of which it holds too much that waits."""
    tallies_recount()
    full_suspend()
