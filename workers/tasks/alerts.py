"""Alert tasks: evaluate the rules, send notifications, and watch the broker."""

from contextlib import suppress
from typing import Any

from celery import shared_task

from fleet.alerts.digest.sending import digests_send
from fleet.alerts.held_back import maintenance_look
from fleet.alerts.made.look import rules_look
from fleet.alerts.sending.sending import notifications_send, senders_wake
from fleet.alerts.server_problems.troubles import broker_watch
from fleet.alerts.services import rules_sweep, silence_sweep
from fleet.alerts.snoozes import snoozes_end
from fleet.stations.errors import BrokerUnreachable


@shared_task(name="alerts.sweep_silence")
def sweep_silence(**_: Any) -> None:
    """Open and close incidents of silent stations, based on the stored deadlines."""
    silence_sweep()


@shared_task(name="alerts.sweep_rules")
def sweep_rules(**_: Any) -> None:
    """Open and close incidents of the other built-in rules."""
    rules_sweep()


@shared_task(name="alerts.end_snoozes")
def end_snoozes(**_: Any) -> None:
    """End snoozes that are over: reopen the incidents, and notify people again."""
    snoozes_end()


@shared_task(name="alerts.move_maintenance")
def move_maintenance(**_: Any) -> None:
    """Begin and end planned maintenance. At its end, report incidents that it held back and that are still open."""
    maintenance_look()


@shared_task(name="alerts.judge_rules")
def judge_rules(**_: Any) -> None:
    """Judge what has changed since the last run by the alert rules that people made."""
    rules_look()


@shared_task(name="alerts.send_notifications")
def send_notifications(*, channel: str = "", **_: Any) -> None:
    """Send a channel's due notifications; without `channel`, queue a job for each channel that has any."""
    if channel:
        notifications_send(channel=channel)
    else:
        senders_wake()


@shared_task(name="alerts.send_digests")
def send_digests(**_: Any) -> None:
    """Make the digests that are due, and queue their mails."""
    digests_send()


@shared_task(name="alerts.watch_broker")
def watch_broker(**_: Any) -> None:
    """Report problems of the broker itself to the administrators. While no jobs run, the watchdog does this instead."""
    with suppress(BrokerUnreachable):
        broker_watch()
