"""Periodic jobs that end in an error again and again: the administrators are told once, and once when it is over.

    works ──ends in an error──▶ failing ──still so after some minutes──▶ told
      ▲                            │                                      │
      └────────────works again─────┴──────────works again, told───────────┘

The administrators hear of a job that runs rarely at its first error: its next run may be hours away.
"""

from datetime import timedelta
from typing import Final

from fleet.alerts.models import Trouble
from fleet.alerts.server_problems.troubles import trouble_judge
from fleet.core import clock

#: How long a job may fail before anybody is told: a restart of the database or the broker takes less.
_PATIENCE: Final = timedelta(minutes=5)
#: A job with this interval, or a longer one, is reported at its first error.
_RARE: Final = timedelta(minutes=10)


def job_failed(*, name: str, interval: timedelta, error: BaseException) -> None:
    """Record that a run of a periodic job ended in an error."""
    trouble_judge(
        about=_about(name),
        sentence=(
            f"The periodic job {name} ends in an error, {type(error).__name__}. What it does is not done until it works "
            "again. The log of the task worker has the details."
        ),
        end=f"The periodic job {name} works again.",
        moment=clock.now(),
        patience=timedelta(0) if interval >= _RARE else _PATIENCE,
    )


def job_worked(*, name: str) -> None:
    """Record that a run of a periodic job ended without an error."""
    about = _about(name)
    if not Trouble.objects.filter(about=about, end_told_at=None).exists():
        return
    # It worked again before anybody was told.
    Trouble.objects.filter(about=about, told_at=None).delete()
    trouble_judge(about=about, sentence="", end=f"The periodic job {name} works again.", moment=clock.now())


def _about(name: str) -> str:
    return f"the job {name}"[:64]
