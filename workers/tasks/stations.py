"""Station tasks: the broker's logins and queues, rotation, erasure, suspensions, rhythms, and unanswered devices."""

import logging
from typing import Any

from celery import shared_task

from fleet.core import clock
from fleet.lifecycle.erase_station import stations_erase
from fleet.stations.contact.learning import rhythms_learn
from fleet.stations.errors import BrokerUnreachable
from fleet.stations.joining.newcomers import newcomers_prune
from fleet.stations.joining.unanswered import unanswered_tell
from fleet.stations.life.reconcile import broker_reconcile
from fleet.stations.logins.rotation import rotation_accept, rotations_end
from fleet.stations.logins.suspension import floods_suspend

_log = logging.getLogger(__name__)


@shared_task(name="stations.reconcile_broker")
def reconcile_broker(**_: Any) -> None:
    """Make the broker match the database. If it does not answer, the next run does it."""
    try:
        broker_reconcile()
    except BrokerUnreachable as error:
        _log.warning("Stations were not compared with the broker: %s", error)


@shared_task(name="stations.accept_rotation")
def accept_rotation(*, station_id: int = 0, secret_hash: object = None, **_: Any) -> None:
    """Let a station that was told to rotate its login fetch a new one."""
    rotation_accept(station_id=station_id, secret_hash=secret_hash, moment=clock.now())


@shared_task(name="stations.end_rotations")
def end_rotations(**_: Any) -> None:
    """End old logins whose successor is in use, or whose grace period is over."""
    rotations_end(moment=clock.now())


@shared_task(name="stations.erase")
def erase(**_: Any) -> None:
    """Erase the remaining data of deleted stations."""
    stations_erase()


@shared_task(name="stations.suspend_floods")
def suspend_floods(**_: Any) -> None:
    """Suspend stations that send far more than their quota."""
    floods_suspend()


@shared_task(name="stations.prune_newcomers")
def prune_newcomers(**_: Any) -> None:
    """Warn owners of unanswered devices that soon leave the queue, and delete those that have waited too long."""
    unanswered_tell(moment=clock.now())
    newcomers_prune(moment=clock.now())


@shared_task(name="stations.learn_rhythms")
def learn_rhythms(**_: Any) -> None:
    """Learn how often each station reports, from its contacts."""
    rhythms_learn(moment=clock.now())
