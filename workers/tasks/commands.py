"""Tasks about commands: expiry, and publishing again what a broker forgot."""

from typing import Any

from celery import shared_task

from fleet.commands.services import commands_expire, commands_resend
from fleet.core import clock


@shared_task(name="commands.expire_commands")
def expire_commands(**_: Any) -> None:
    """Close the commands whose time is over."""
    commands_expire(moment=clock.now())


@shared_task(name="commands.resend_commands")
def resend_commands(**_: Any) -> None:
    """Publish again what no station has answered."""
    commands_resend(moment=clock.now())
