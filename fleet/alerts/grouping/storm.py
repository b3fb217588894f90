"""The storm cap: of many messages in an hour to one receiver, the first are sent, and one says that more are held back.

    pending ──fewer than the cap were sent within the hour──▶ sent
       └──────as many were sent──▶ held, and one message about that, at most one an hour

What is held back is not sent later; its incidents are on the pages and in digests. These are never held back: tests,
messages that were tried before and may have arrived, messages about shared failures (each stands for many) or about
severe incidents, and messages to programs. Troubles of the server itself never come here.
"""

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction

from fleet.alerts.channels.base import Channel
from fleet.alerts.models import Notification
from fleet.alerts.models.made import AlertRule
from fleet.alerts.notifications.planning import notification_new
from fleet.alerts.notifications.recipients import Recipient

Phase, State, Held = Notification.Phase, Notification.State, Notification.Held
WINDOW: Final = timedelta(hours=1)
#: How long the message about the storm waits, so that it can count what else is held back.
_COUNT_FIRST: Final = timedelta(minutes=1)
_NEVER_HELD: Final = frozenset({Phase.TEST, Phase.STORM})


def storm_hold(*, notification: Notification, channel: Channel | None, moment: datetime) -> bool:
    """Hold a leased message back if its receiver got as many as the cap allows; return whether it did."""
    if not _is_capped(notification, channel, moment):
        return False
    with transaction.atomic():
        ours = Notification.objects.filter(pk=notification.pk, state=State.SENDING, attempts=notification.attempts)
        if ours.update(state=State.HELD, held_why=Held.STORM, due_at=moment):
            _tell(notification, moment)
    return True


def held_number(notification: Notification) -> int:
    """How many messages the storm that this message tells of has held back so far."""
    return Notification.objects.filter(
        channel=notification.channel,
        recipient=notification.recipient,
        held_why=Held.STORM,
        due_at__gte=notification.created_at,
    ).count()


def _is_capped(notification: Notification, channel: Channel | None, moment: datetime) -> bool:
    most = settings.ROOST_STORM_CAP
    if most <= 0 or channel is None or channel.is_for_programs:
        return False
    if notification.phase in _NEVER_HELD or notification.shared_id is not None or notification.attempts > 1:
        return False
    sent = Notification.objects.filter(
        channel=notification.channel,
        recipient=notification.recipient,
        state=State.SENT,
        sent_at__gt=moment - WINDOW,
    ).exclude(phase__in=_NEVER_HELD)
    if sent.count() < most:
        return False
    return not notification.incidents.filter(severity=AlertRule.Severity.SEVERE).exists()


def _tell(notification: Notification, moment: datetime) -> None:
    """Plan the message that more are held back, unless there was one within the hour. A channel has only one sender."""
    lately = Notification.objects.filter(
        channel=notification.channel,
        recipient=notification.recipient,
        phase=Phase.STORM,
        created_at__gt=moment - WINDOW,
    )
    if lately.exists():
        return
    recipient = Recipient(notification.channel, notification.recipient, notification.destination_id)
    told = notification_new(notification.organization_id, "", Phase.STORM, recipient, moment)
    told.due_at = moment + _COUNT_FIRST
    told.save(force_insert=True)
