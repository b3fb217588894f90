"""The ingest worker with a failpoint: it kills itself with SIGKILL just before or just after a commit, a few times.

ROOST_FAILPOINT is `before-commit` or `after-commit`; the file ROOST_FAILPOINT_LEFT holds the number of deaths left.
"""

import os
import signal
from pathlib import Path

from workers.celery_app import app  # isort: skip - it sets Django up
from fleet.ingest.pipeline import Pipeline

__all__ = ["app"]

POINT, LEFT = os.environ["ROOST_FAILPOINT"], Path(os.environ["ROOST_FAILPOINT_LEFT"])
#: Batches before each death: more than one, because the first may hold only a few messages.
LIFE = 5

_batches = [0]


def _die() -> None:
    _batches[0] += 1
    left = int(LEFT.read_text())
    if left and _batches[0] >= LIFE:
        LEFT.write_text(str(left - 1))
        os.kill(os.getpid(), signal.SIGKILL)


def _patch(name: str) -> None:
    original = getattr(Pipeline, name)

    def with_failpoint(*arguments, **named):
        outcome = original(*arguments, **named)
        _die()
        return outcome

    setattr(Pipeline, name, with_failpoint)


# `_write` returns inside the transaction; `take` returns after the commit, before anything is acknowledged.
_patch({"before-commit": "_write", "after-commit": "take"}[POINT])
