"""Sending notifications: one lane per channel, each message at least once, and the result at its destination."""

import logging
import time
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from fleet.alerts.channels import channels
from fleet.alerts.channels.base import Channel, ChannelError, Message
from fleet.alerts.grouping.storm import storm_hold
from fleet.alerts.models import Destination, Incident, Notification
from fleet.alerts.notifications.sealed_addresses import address_opened
from fleet.alerts.notifications.signing_secrets import destination_secret
from fleet.alerts.sending.messages import GOING_ON, is_overtaken, message_of
from fleet.alerts.sending.turns import in_turn, time_add
from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.locks import session_lock
from fleet.core.models import OutboxMessage
from fleet.core.outbox import job_ask
from fleet.core.sending.smtp import retry_wait

State = Notification.State
Phase = Notification.Phase
SEND_JOB = "alerts.send_notifications"
#: Longer than a channel can take for one message, and longer than a task may run.
LEASE = timedelta(minutes=10)
#: After this long without success, stop trying: somebody has to look at the reason.
GIVE_UP_AFTER = timedelta(days=3)
_ERROR_MOST = 500
_SENDER_DIED = "The task worker ended while it sent this."
_UNKNOWN = "It is unknown whether this arrived. Roost does not send it again, as it could arrive twice."

_log = logging.getLogger(__name__)


def senders_wake() -> None:
    """Queue a sender's job for each channel that has a notification due, unless one is queued already."""
    moment = clock.now()
    for name in _open(moment).order_by("channel").values_list("channel", flat=True).distinct():
        queued = OutboxMessage.objects.filter(routing_key=SEND_JOB, body__channel=name, published_at=None)
        if _due(moment, name).exists() and not queued.exists():
            job_ask(SEND_JOB, channel=name)


def notifications_send(*, channel: str) -> int:
    """Send what is due on a channel, one by one and organizations in turn; return how many were sent.

    Stops when the channel is down, as the others would fail the same way. Only one sender of a channel runs at a time,
    so that a slow server does not block every task worker; with the leases, even two senders would be correct.
    """
    with session_lock(f"roost.alerts.send.{channel}") as is_ours:
        return _send_all(channel) if is_ours else 0


def _send_all(name: str) -> int:
    channel = channels().get(name)
    sent, until = 0, time.monotonic() + (channel.run_s if channel else 1.0)
    while time.monotonic() < until:
        notification = _lease_next(clock.now(), name)
        if notification is None:
            break
        reason = _drop_reason(notification, channel)
        if reason:
            _drop(notification, reason)
            continue
        if notification.is_maybe_delivered and channel is not None and not channel.is_repeatable:
            _record_outcome(notification, ChannelError(_SENDER_DIED, is_maybe_delivered=True), clock.now())
            continue
        if storm_hold(notification=notification, channel=channel, moment=clock.now()):
            continue
        error = _send_timed(notification, channel)
        if error is None:
            sent += 1
        elif error.is_channel_down:
            break
    return sent


def _send_timed(notification: Notification, channel: Channel | None) -> ChannelError | None:
    """Send one message. The time counts against its organization, unless the whole channel is down."""
    began = time.monotonic()
    error = _send(notification, channel)
    if error is None or not error.is_channel_down:
        time_add(
            organization_id=notification.organization_id,
            channel=notification.channel,
            seconds=time.monotonic() - began,
            moment=clock.now(),
        )
    return error


def _send(notification: Notification, channel: Channel | None) -> ChannelError | None:
    error: ChannelError | None = None
    if channel is None:
        error = ChannelError(f"There is no channel {notification.channel!r}.", is_permanent=True)
    else:
        try:
            channel.send(_addressed(notification))
        except ChannelError as caught:
            error = caught
        except Exception:  # noqa: BLE001  one broken message must not hold up the others
            _log.exception("Notification %s broke its channel or its message.", notification.pk)
            error = ChannelError("A fault in Roost; the log of the task worker has the details.")
    _record_outcome(notification, error, clock.now())
    return error


def _addressed(notification: Notification) -> Message:
    """The message, with the real address if the notification has only its label."""
    destination = notification.destination
    message = message_of(notification=notification, moment=clock.now(), secret=destination_secret(destination))
    if destination is None or not destination.sealed_address:
        return message
    address = address_opened(destination)
    if address is None:
        raise ChannelError("The stored address cannot be read with this server's key: add it again.", is_permanent=True)
    return replace(message, recipient=address)


def _lease_next(moment: datetime, channel: str) -> Notification | None:
    """Lease the next due notification of a channel, and merge others that wait for its recipient and rule into it."""
    with transaction.atomic():
        waiting = in_turn(_due(moment, channel), channel=channel, moment=moment)
        notification = waiting.select_for_update(skip_locked=True, of=("self",)).first()
        if notification is None:
            return None
        if notification.state == State.SENDING:
            # Its sender died, and nobody knows how far it got.
            notification.is_maybe_delivered = True
        elif not notification.is_maybe_delivered:
            _merge_waiting(notification, moment)
        notification.state, notification.due_at = State.SENDING, moment + LEASE
        notification.attempts += 1
        notification.save(update_fields=["state", "due_at", "attempts", "is_maybe_delivered"])
    return notification


def _merge_waiting(into: Notification, moment: datetime) -> None:
    """Merge other waiting notifications for the same recipient and rule into this one; not those that are held."""
    waiting = list(
        Notification.objects.select_for_update(skip_locked=True)
        .filter(
            organization_id=into.organization_id,
            rule=into.rule,
            phase=into.phase,
            shared=into.shared_id,
            channel=into.channel,
            recipient=into.recipient,
            state=State.PENDING,
            is_maybe_delivered=False,
        )
        .exclude(pk=into.pk)
        .exclude(held_until__gt=moment)
        .values_list("pk", flat=True)
    )
    if waiting:
        # Merged messages keep their links, so that an incident that closes now still finds who was told of it.
        into.incidents.add(*Incident.objects.filter(notifications__in=waiting))
        Notification.objects.filter(pk__in=waiting).update(state=State.MERGED)


def _open(moment: datetime) -> QuerySet[Notification]:
    found = Notification.objects.filter(state__in=[State.PENDING, State.SENDING], due_at__lte=moment)
    return found.exclude(held_until__gt=moment)


def _due(moment: datetime, channel: str) -> QuerySet[Notification]:
    """Pending and due, or with an expired lease; each only after earlier ones about its incidents were sent or failed.

    On a channel with a pause, nothing but tests until the pause after the destination's last result is over.
    """
    waits = Notification.objects.filter(
        channel=channel,
        recipient=OuterRef("recipient"),
        state__in=[State.PENDING, State.SENDING],
        incidents__notifications=OuterRef("pk"),
    )
    beginning = Exists(waits.filter(phase=Phase.OPENED))
    course = Exists(waits.filter(phase__in=[Phase.OPENED, *GOING_ON]))
    found = _open(moment).filter(
        Q(phase=Phase.OPENED) | (Q(phase__in=GOING_ON) & ~beginning) | (~Q(phase__in=GOING_ON) & ~course),
        channel=channel,
    )
    kind = channels().get(channel)
    if kind is None or not kind.pause:
        return found
    return found.exclude(~Q(phase=Phase.TEST), destination__last_result_at__gt=moment - kind.pause)


def _drop_reason(notification: Notification, channel: Channel | None) -> str:
    """The reason not to send this message any more; empty if there is none."""
    if not notification.is_maybe_delivered and is_overtaken(notification):
        return "The incident moved on before this was sent."
    destination = notification.destination
    if destination is not None:
        return "" if destination.is_on else "The destination was switched off before this was sent."
    # Mail needs no destination: the server's administrators have none.
    return "The destination was deleted before this was sent." if channel and channel.check else ""


def _drop(notification: Notification, reason: str) -> None:
    ours = Notification.objects.filter(pk=notification.pk, state=State.SENDING, attempts=notification.attempts)
    ours.update(state=State.DROPPED, last_error=reason)
    _log.info("Notification %s was dropped: %s", notification.pk, reason)


def _record_outcome(notification: Notification, error: ChannelError | None, moment: datetime) -> None:
    """Record the outcome at the message and at its destination, if the lease is still ours."""
    ours = Notification.objects.filter(pk=notification.pk, state=State.SENDING, attempts=notification.attempts)
    reason = "" if error is None else str(error)[:_ERROR_MOST]
    if error is not None and error.is_maybe_delivered and not _is_repeatable(notification):
        reason = f"{reason[: _ERROR_MOST - len(_UNKNOWN) - 1]} {_UNKNOWN}"
        error = ChannelError(reason, is_maybe_delivered=True)
        is_ours = ours.update(state=State.UNKNOWN, last_error=reason, is_maybe_delivered=True)
        _log.warning("Whether notification %s arrived is unknown: %s", notification.pk, reason)
        _postpone_others(notification, moment + retry_wait(notification.attempts))
    elif error is None:
        is_ours = ours.update(state=State.SENT, sent_at=moment, last_error="")
    elif error.is_permanent or _is_given_up(notification, moment):
        is_ours = ours.update(state=State.FAILED, last_error=reason)
        _log.error("Notification %s was given up: %s", notification.pk, reason)
    else:
        due_at = moment + retry_wait(notification.attempts)
        is_ours = ours.update(
            state=State.PENDING,
            due_at=due_at,
            last_error=reason,
            is_maybe_delivered=notification.is_maybe_delivered or error.is_maybe_delivered,
        )
        if notification.attempts == 1:
            _log.warning("Notification %s waits for another try: %s", notification.pk, reason)
        if is_ours and not error.is_channel_down:
            _postpone_others(notification, due_at)
    if is_ours and notification.destination is not None:
        _record_result(notification.destination, notification, error, moment)


def _is_repeatable(notification: Notification) -> bool:
    channel = channels().get(notification.channel)
    return channel is None or channel.is_repeatable


def _is_given_up(notification: Notification, moment: datetime) -> bool:
    if notification.phase == Phase.TEST:
        # Whoever asked for it looks at the result now, and can ask again.
        return True
    channel = channels().get(notification.channel)
    attempts_most = channel.attempts_most if channel else None
    is_tried_out = attempts_most is not None and notification.attempts >= attempts_most
    return is_tried_out or moment - notification.created_at > GIVE_UP_AFTER


def _postpone_others(notification: Notification, due_at: datetime) -> None:
    """Let other messages to the same recipient wait as long, so that a dead address costs one attempt, not one each."""
    others = Notification.objects.filter(
        organization_id=notification.organization_id,
        channel=notification.channel,
        recipient=notification.recipient,
        state=State.PENDING,
        due_at__lt=due_at,
    )
    others.exclude(phase=Phase.TEST).exclude(pk=notification.pk).update(due_at=due_at)


def _record_result(
    destination: Destination, notification: Notification, error: ChannelError | None, moment: datetime
) -> None:
    found = Destination.objects.filter(pk=destination.pk)
    reason = "" if error is None else str(error)[:_ERROR_MOST]
    if error is None or not error.is_gone:
        found.update(last_result_at=moment, last_error=reason)
        return
    with transaction.atomic():
        found.update(last_result_at=moment, last_error=f"{reason} Roost switched this destination off.")
        if found.filter(is_on=True).update(is_on=False):
            audit_write(
                actor=None,
                organization_id=notification.organization_id,
                action="alerts.choose",
                subject=notification.channel,
                detail={"destination": destination.pk, "is_on": False, "why": reason},
            )
