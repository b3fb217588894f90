"""Tasks about commands: expiry, publishing again what a broker forgot, and relief when Roost cannot keep up."""

from contextlib import suppress
from typing import Any

from celery import shared_task

from fleet.commands.pacing import congestion_watch
from fleet.commands.services import commands_expire, commands_resend
from fleet.core import clock
from fleet.stations.errors import BrokerUnreachable


@shared_task(name="commands.expire_commands")
def expire_commands(**_: Any) -> None:
    """Close the commands whose time is over."""
    commands_expire(moment=clock.now())


@shared_task(name="commands.resend_commands")
def resend_commands(**_: Any) -> None:
    """Publish again what no station has answered."""
    commands_resend(moment=clock.now())


@shared_task(name="commands.watch_congestion")
def watch_congestion(**_: Any) -> None:
    """Ask stations to slow down while Roost cannot keep up."""
    with suppress(BrokerUnreachable):
        congestion_watch(moment=clock.now())
