"""Export tasks: make data packages, end expired ones, work on those that repeat; end analysts' long queries."""

from typing import Any

from celery import shared_task

from fleet.core import clock
from fleet.exports.analysts.services import analyses_end
from fleet.exports.making import MAKING_MOST, packages_make
from fleet.exports.schedules.work import schedules_work
from fleet.exports.services import MAKE_JOB
from fleet.exports.sweeping import packages_sweep

#: Seconds: a little more than one package may take. Packages that are still waiting then are left to the next run.
_MOST = int(MAKING_MOST.total_seconds()) + 300


# Acknowledged at the start: the rows record what is waiting, and the broker waits only half an hour for it.
@shared_task(name=MAKE_JOB, acks_late=False, time_limit=_MOST + 60, soft_time_limit=_MOST)
def make_packages(**_: Any) -> None:
    """Make the packages that are waiting."""
    packages_make()


@shared_task(name="exports.sweep_packages")
def sweep_packages(**_: Any) -> None:
    """End packages that have expired, or that contain a station that has left the organization."""
    packages_sweep(moment=clock.now())


# Acknowledged at the start too, as it may send gigabytes. An interrupted step is done again.
@shared_task(name="exports.work_schedules", acks_late=False, time_limit=3_600, soft_time_limit=3_500)
def work_schedules(**_: Any) -> None:
    """Do what is due for repeating packages."""
    schedules_work(moment=clock.now())


@shared_task(name="exports.end_analyses")
def end_analyses(**_: Any) -> None:
    """End analysts' sessions whose statement or transaction takes too long."""
    analyses_end()
