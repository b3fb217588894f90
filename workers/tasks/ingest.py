"""Ingest tasks: replay quarantined messages, decide branches of streams, release held messages, and run back-fills."""

from typing import Any

from celery import shared_task

from fleet.core import clock
from fleet.ingest.backfill.turns import WORK_JOB, backfills_work
from fleet.ingest.corrections.branches import branches_judge, branches_work_off
from fleet.ingest.corrections.moved_again import moved_again_remove
from fleet.ingest.limits.quarantine_budget import full_suspend, tallies_recount
from fleet.ingest.replay import gaps_release, quarantine_replays_run, quota_release


@shared_task(name="ingest.replay_quarantine")
def replay_quarantine(**_: Any) -> None:
    """Run the replays that people asked for. Also runs periodically, in case a job was lost."""
    quarantine_replays_run()


@shared_task(name="ingest.settle_branches")
def settle_branches(**_: Any) -> None:
    """Judge held branches, and accept or discard the messages of decided ones."""
    branches_judge(moment=clock.now())
    branches_work_off()


@shared_task(name="ingest.remove_moved_again")
def remove_moved_again(**_: Any) -> None:
    """Remove rows that arrived again under their old times after a time shift had moved them."""
    moved_again_remove()


@shared_task(name="ingest.release_quota")
def release_quota(**_: Any) -> None:
    """Process some of the messages held back by a quota."""
    quota_release()


@shared_task(name="ingest.release_gaps")
def release_gaps(**_: Any) -> None:
    """Process messages that wait for room in the ledger, as far as closed gaps have made room."""
    gaps_release()


@shared_task(name="ingest.watch_quarantine")
def watch_quarantine(**_: Any) -> None:
    """Recount the quarantine, and suspend stations that have too many messages waiting in it."""
    tallies_recount()
    full_suspend()


# Acknowledged at the start: the rows record what is due, and each turn limits its own time.
@shared_task(name=WORK_JOB, acks_late=False)
def work_backfills(**_: Any) -> None:
    """Work on back-fills for one turn: read some stored files into the database."""
    backfills_work()
