"""Command tasks: expire and withdraw commands, resend lost ones, and slow stations down if Roost cannot keep up."""

from contextlib import suppress
from typing import Any

from celery import shared_task

from fleet.commands.pacing import congestion_watch
from fleet.commands.services import commands_expire, commands_resend
from fleet.commands.withdrawal import SEEK_JOB, withdrawals_seek
from fleet.core import clock
from fleet.stations.errors import BrokerUnreachable
from message_queue.errors import BrokerAway


@shared_task(name="commands.expire_commands")
def expire_commands(**_: Any) -> None:
    """Close expired commands."""
    commands_expire(moment=clock.now())


@shared_task(name="commands.resend_commands")
def resend_commands(**_: Any) -> None:
    """Publish again commands that their station has not answered."""
    commands_resend(moment=clock.now())


@shared_task(name=SEEK_JOB)
def seek_withdrawn(*, station_id: int | None = None, **_: Any) -> None:
    """Withdraw cancelled commands from the broker. If it is away, the next run does it."""
    with suppress(BrokerAway):
        withdrawals_seek(moment=clock.now(), station_id=station_id)


@shared_task(name="commands.watch_congestion")
def watch_congestion(**_: Any) -> None:
    """Ask stations to slow down while Roost cannot keep up."""
    with suppress(BrokerUnreachable):
        congestion_watch(moment=clock.now())
