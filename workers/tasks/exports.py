"""Export tasks: make data packages, end those whose time is over, work on those that repeat; end long analyses."""

from typing import Any

from celery import shared_task

from fleet.core import clock
from fleet.exports.analysts.services import analyses_end
from fleet.exports.making import MAKING_MOST, packages_make
from fleet.exports.schedules.work import schedules_work
from fleet.exports.services import MAKE_JOB
from fleet.exports.sweeping import packages_sweep

#: Seconds. A package ends by itself before that; several that wait are made by several runs at the latest.
_MOST = int(MAKING_MOST.total_seconds()) + 300


# Acknowledged at its start: the rows say what waits, and the broker would give up on an hour's work.
@shared_task(name=MAKE_JOB, acks_late=False, time_limit=_MOST + 60, soft_time_limit=_MOST)
def make_packages(**_: Any) -> None:
    """Make the packages that wait."""
    packages_make()


@shared_task(name="exports.sweep_packages")
def sweep_packages(**_: Any) -> None:
    """End packages whose time is over, or whose stations have left."""
    packages_sweep(moment=clock.now())


# It may send a file of gigabytes. A step that was interrupted is done once more.
@shared_task(name="exports.work_schedules", acks_late=False, time_limit=3_600, soft_time_limit=3_500)
def work_schedules(**_: Any) -> None:
    """Do what is due for packages that repeat."""
    schedules_work(moment=clock.now())


@shared_task(name="exports.end_analyses")
def end_analyses(**_: Any) -> None:
    """End statements of analysts that take too long."""
    analyses_end()
