"""Forwarding tasks: run the lanes that are due, remove notes that no forwarder needs any more, and maintain taps."""

import logging
from typing import Any

from celery import shared_task

from fleet.forward.feed import feed_prune
from fleet.forward.lanes import RUN_JOB, lanes_run
from fleet.forward.taps.reconcile import taps_reconcile
from fleet.forward.taps.services import RECONCILE_JOB
from fleet.forward.taps.watching import taps_watch
from fleet.stations.errors import BrokerUnreachable

_log = logging.getLogger(__name__)


@shared_task(name=RUN_JOB)
def run_lanes(**_: Any) -> None:
    """Send the rows that are waiting in forwarders' lanes."""
    lanes_run()


@shared_task(name="forward.prune_feed")
def prune_feed(**_: Any) -> None:
    """Remove notes that no forwarder needs any more, and stop forwarders that are weeks behind."""
    feed_prune()


@shared_task(name="forward.watch_taps")
def watch_taps(**_: Any) -> None:
    """Record what waits in taps, and what they dropped. If the broker does not answer, the next run does it."""
    try:
        taps_watch()
    except BrokerUnreachable as error:
        _log.warning("Taps were not watched: %s", error)


@shared_task(name=RECONCILE_JOB)
def reconcile_taps(**_: Any) -> None:
    """Make the taps on the broker match the database. If the broker does not answer, the next run does it."""
    try:
        taps_reconcile()
    except BrokerUnreachable as error:
        _log.warning("Taps were not compared with the broker: %s", error)
