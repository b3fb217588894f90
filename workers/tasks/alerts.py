"""Tasks about alerts: the sweeps of the rules, and the sender of what is due."""

from typing import Any

from celery import shared_task

from fleet.alerts.notifications import notifications_send
from fleet.alerts.services import rules_sweep, silence_sweep


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
