"""Tasks about alerts: the sweeps of the rules, and the sender of what is due."""

from contextlib import suppress
from typing import Any

from celery import shared_task

from fleet.alerts.notifications import notifications_send
from fleet.alerts.services import rules_sweep, silence_sweep
from fleet.alerts.troubles import broker_watch
from fleet.stations.errors import BrokerUnreachable


@shared_task(name="alerts.sweep_silence")
def sweep_silence(**_: Any) -> None:
    """Open and close incidents of silence by the stored deadlines."""
    silence_sweep()


@shared_task(name="alerts.sweep_rules")
def sweep_rules(**_: Any) -> None:
    """Open and close the incidents of every other rule."""
    rules_sweep()


@shared_task(name="alerts.send_notifications")
def send_notifications(**_: Any) -> None:
    """Send every notification that is due."""
    notifications_send()


@shared_task(name="alerts.watch_broker")
def watch_broker(**_: Any) -> None:
    """Tell the administrators of the broker's own troubles; the watchdog does the same while no job gets through."""
    with suppress(BrokerUnreachable):
        broker_watch()
