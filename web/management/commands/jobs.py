"""`manage jobs`: list, retry and discard jobs that killed their workers."""

import argparse
from collections.abc import Callable
from typing import Any

from fleet.core.command_line import WordCommand
from fleet.core.dead_jobs import dead_job_discard, dead_job_list, dead_job_retry
from fleet.core.models import DeadJob
from workers.dead_jobs import dead_jobs_collect

Options = dict[str, Any]


class Command(WordCommand):
    """Dead jobs from the command line."""

    help = "List, retry and discard jobs that killed their workers."

    def words(self, add: Callable[..., argparse.ArgumentParser]) -> None:
        """Add the subcommands of `jobs`."""
        word = add("list", self.jobs_list, help="list the jobs that were set aside")
        word.add_argument("--state", choices=DeadJob.State.values, default="held", help="only jobs in this state")
        word = add("retry", self.jobs_retry, help="queue a job again")
        word.add_argument("number", type=int, metavar="NUMBER", help="number shown by `list`")
        word = add("discard", self.jobs_discard, help="discard a job; it stays listed as discarded")
        word.add_argument("number", type=int, metavar="NUMBER", help="number shown by `list`")

    def jobs_list(self, options: Options) -> None:
        """List the dead jobs."""
        dead_jobs_collect()
        jobs = list(dead_job_list(state=options["state"]))
        if options["json"]:
            keys = ("id", "task", "arguments", "state", "found_at", "decided_at")
            self.data_print([{key: getattr(job, key) for key in keys} for job in jobs])
            return
        for job in jobs:
            self.stdout.write(f"{job.pk}  {job.found_at:%Y-%m-%d %H:%M}  {job.task or '(unreadable)'}  {job.arguments}")
        if not jobs:
            self.stdout.write(f"No job is {options['state']}.")

    def jobs_retry(self, options: Options) -> None:
        """Retry a job."""
        job = dead_job_retry(number=options["number"])
        self._print_outcome(options, job, "is queued again.")

    def jobs_discard(self, options: Options) -> None:
        """Discard a job."""
        job = dead_job_discard(number=options["number"])
        self._print_outcome(options, job, "is discarded.")

    def _print_outcome(self, options: Options, job: DeadJob, what: str) -> None:
        if options["json"]:
            self.data_print({"id": job.pk, "task": job.task})
        else:
            self.stdout.write(f"Job {job.pk} ({job.task or 'unreadable'}) {what}")
