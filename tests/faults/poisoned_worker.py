"""The ingest worker with a weakness: a message with certain words kills it, in any batch."""

import os
import signal

from workers.celery_app import app  # isort: skip - it sets Django up
from fleet.ingest.pipeline import Pipeline

__all__ = ["POISON", "app"]

POISON = b"the words that kill"

_take = Pipeline.take


def _take_or_die(self, deliveries):
    if any(POISON in delivery.body for delivery in deliveries):
        os.kill(os.getpid(), signal.SIGKILL)
    return _take(self, deliveries)


Pipeline.take = _take_or_die
