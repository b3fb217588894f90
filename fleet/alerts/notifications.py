"""Notifications: choosing recipients, merging what waits together, and sending each message at least once."""

import logging
import secrets
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from fleet.alerts.administrators import administrator_addresses
from fleet.alerts.channels import channels
from fleet.alerts.channels.base import ChannelError
from fleet.alerts.channels.mail import NAME as MAIL
from fleet.alerts.messages import message_of
from fleet.alerts.models import Incident, Notification
from fleet.core import clock
from fleet.core.locks import session_lock
from fleet.core.smtp import retry_wait
from fleet.organizations.models import Membership

State = Notification.State
Phase = Notification.Phase
#: Longer than a channel can take for one message, and longer than a task may run.
LEASE = timedelta(minutes=10)
#: A run of the sender ends after this many seconds; the next one continues.
RUN_S = 150.0
#: After this long without success, stop trying: somebody has to look at the reason.
GIVE_UP_AFTER = timedelta(days=3)
_ERROR_MOST = 500

_log = logging.getLogger(__name__)


def notifications_plan_opened(*, incidents: Sequence[Incident], moment: datetime) -> list[Notification]:
    """Plan one notification per person and organization about all its incidents of one rule that opened at once."""
    planned: list[Notification] = []
    recipients = _recipients({incident.organization_id for incident in incidents})
    for (organization_id, rule), group in _grouped(incidents).items():
        for address in recipients[organization_id]:
            notification = _create_notification(organization_id, rule, Phase.OPENED, address, moment)
            planned.append(notification)
            _link_incidents(notification, group)
    return planned


def notifications_plan_closed(*, incidents: Sequence[Incident], moment: datetime) -> list[Notification]:
    """Plan the messages about ends, for those who were told of the beginning.

    Anyone whose message about the beginning still waits gets one message with both. The caller holds locks on the
    incidents.
    """
    told = _lock_told(incidents)
    planned: list[Notification] = []
    recipients = _recipients({incident.organization_id for incident in incidents})
    for (organization_id, rule), group in _grouped(incidents).items():
        for address in recipients[organization_id]:
            concerned = [incident for incident in group if address in told[incident.pk]]
            if concerned:
                notification = _create_notification(organization_id, rule, Phase.CLOSED, address, moment)
                planned.append(notification)
                _link_incidents(notification, concerned)
    return planned


def notifications_are_due(*, moment: datetime) -> bool:
    """Whether the sender has work."""
    return _due(moment).exists()


def notifications_send() -> int:
    """Send what is due, one by one; return how many were sent.

    Stops when a channel is down, as the others would fail the same way. Only one sender runs at a time, so that a
    slow mail server does not block every task worker; leases would keep two senders correct.
    """
    with session_lock("roost.alerts.send") as is_ours:
        return _send_all() if is_ours else 0


def _send_all() -> int:
    sent, until = 0, time.monotonic() + RUN_S
    while time.monotonic() < until:
        notification = _lease_next(clock.now())
        if notification is None:
            break
        error = _send(notification)
        if error is None:
            sent += 1
        elif error.is_channel_down:
            break
    return sent


def _send(notification: Notification) -> ChannelError | None:
    channel = channels().get(notification.channel)
    error: ChannelError | None = None
    if channel is None:
        error = ChannelError(f"There is no channel {notification.channel!r}.", is_permanent=True)
    else:
        try:
            channel.send(message_of(notification=notification, moment=clock.now()))
        except ChannelError as caught:
            error = caught
        except Exception:  # noqa: BLE001  one broken message must not hold up the others
            _log.exception("Notification %s broke its channel or its message.", notification.pk)
            error = ChannelError("A fault in Roost; the log of the task worker has the details.")
    _record_outcome(notification, error, clock.now())
    return error


def _lease_next(moment: datetime) -> Notification | None:
    """Lease the next due notification, and merge others waiting for the same person and rule into it."""
    with transaction.atomic():
        notification = _due(moment).select_for_update(skip_locked=True, of=("self",)).order_by("due_at", "id").first()
        if notification is None:
            return None
        if notification.state == State.SENDING:
            # Its sender died, and nobody knows how far it got.
            notification.is_maybe_delivered = True
        elif not notification.is_maybe_delivered:
            _merge_waiting(notification)
        notification.state, notification.due_at = State.SENDING, moment + LEASE
        notification.attempts += 1
        notification.save(update_fields=["state", "due_at", "attempts", "is_maybe_delivered"])
    return notification


def _merge_waiting(into: Notification) -> None:
    """Merge other waiting notifications for the same person and rule into this one."""
    waiting = list(
        Notification.objects.select_for_update(skip_locked=True)
        .filter(
            organization_id=into.organization_id,
            rule=into.rule,
            phase=into.phase,
            channel=into.channel,
            recipient=into.recipient,
            state=State.PENDING,
            is_maybe_delivered=False,
        )
        .exclude(pk=into.pk)
        .values_list("pk", flat=True)
    )
    if waiting:
        # The merged ones keep their links: an incident that closes now still finds who was told of it.
        into.incidents.add(*Incident.objects.filter(notifications__in=waiting))
        Notification.objects.filter(pk__in=waiting).update(state=State.MERGED)


def _due(moment: datetime) -> QuerySet[Notification]:
    """Pending and due, or with an expired lease; an end only after its beginning was sent or has failed."""
    beginning = Notification.objects.filter(
        phase=Phase.OPENED,
        channel=OuterRef("channel"),
        recipient=OuterRef("recipient"),
        state__in=[State.PENDING, State.SENDING],
        incidents__notifications=OuterRef("pk"),
    )
    return Notification.objects.filter(
        Q(phase=Phase.OPENED) | ~Exists(beginning), state__in=[State.PENDING, State.SENDING], due_at__lte=moment
    )


def _record_outcome(notification: Notification, error: ChannelError | None, moment: datetime) -> None:
    """Record the outcome, if the lease is still ours."""
    ours = Notification.objects.filter(pk=notification.pk, state=State.SENDING, attempts=notification.attempts)
    if error is None:
        ours.update(state=State.SENT, sent_at=moment, last_error="")
        return
    reason = str(error)[:_ERROR_MOST]
    if error.is_permanent or moment - notification.created_at > GIVE_UP_AFTER:
        ours.update(state=State.FAILED, last_error=reason)
        _log.error("Notification %s was given up: %s", notification.pk, reason)
        return
    if notification.attempts == 1:
        _log.warning("Notification %s waits for another try: %s", notification.pk, reason)
    ours.update(
        state=State.PENDING,
        due_at=moment + retry_wait(notification.attempts),
        last_error=reason,
        is_maybe_delivered=notification.is_maybe_delivered or error.is_maybe_delivered,
    )


def _lock_told(incidents: Iterable[Incident]) -> dict[int, set[str]]:
    """Addresses that were or are being told that each incident opened. Locks the notifications to settle that now.

    Those whose message still waits are not included: that message will report the state at the time it is sent.
    """
    numbers = [incident.pk for incident in incidents]
    links = Notification.incidents.through.objects.filter(incident_id__in=numbers)
    opened = {
        notification.pk: notification
        for notification in Notification.objects.select_for_update()
        .filter(pk__in=links.values("notification_id"), phase=Phase.OPENED)
        .order_by("pk")
    }
    told: dict[int, set[str]] = defaultdict(set)
    waiting: dict[int, set[str]] = defaultdict(set)
    merged: dict[int, set[str]] = defaultdict(set)
    for number, notification_id in links.values_list("incident_id", "notification_id"):
        notification = opened.get(notification_id)
        if notification is None or notification.state == State.FAILED:
            continue
        if notification.state == State.MERGED:
            merged[number].add(notification.recipient)
        elif notification.state == State.PENDING and not notification.is_maybe_delivered:
            waiting[number].add(notification.recipient)
        else:
            told[number].add(notification.recipient)
    return defaultdict(set, {number: told[number] | (merged[number] - waiting[number]) for number in numbers})


def _grouped(incidents: Iterable[Incident]) -> dict[tuple[int, str], list[Incident]]:
    groups: dict[tuple[int, str], list[Incident]] = defaultdict(list)
    for incident in incidents:
        groups[incident.organization_id, incident.rule].append(incident)
    return groups


def _recipients(organization_ids: Collection[int]) -> dict[int, list[str]]:
    """Addresses of the members of each organization who want alerts.

    If an organization has no member who can be reached by mail, the server's administrators are told instead.
    """
    found: dict[int, list[str]] = defaultdict(list)
    rows = (
        Membership.objects.filter(
            organization__in=list(organization_ids),
            organization__deleted_at=None,
            is_alerted=True,
            user__is_active=True,
        )
        .exclude(user__email="")
        .order_by("id")
        .values_list("organization_id", "user__email")
    )
    for organization_id, address in rows:
        if address.casefold() not in {known.casefold() for known in found[organization_id]}:
            found[organization_id].append(address)
    for organization_id in set(organization_ids) - _with_members(organization_ids):
        found[organization_id] = administrator_addresses()
    return found


def _with_members(organization_ids: Collection[int]) -> set[int]:
    """Organizations with active members who have an address; those members decide for themselves whether to be told."""
    members = Membership.objects.filter(organization__in=list(organization_ids), user__is_active=True)
    return set(members.exclude(user__email="").values_list("organization_id", flat=True))


def _create_notification(organization_id: int, rule: str, phase: Phase, address: str, moment: datetime) -> Notification:
    domain = urlsplit(settings.SITE_URL).hostname or "localhost"
    return Notification.objects.create(
        organization_id=organization_id,
        rule=rule,
        phase=phase,
        channel=MAIL,
        recipient=address,
        message_id=f"<{phase.value}.{secrets.token_hex(12)}@{domain}>",
        created_at=moment,
        due_at=moment + timedelta(seconds=settings.ROOST_ALERT_GROUP_WAIT_S),
    )


def _link_incidents(notification: Notification, incidents: Sequence[Incident]) -> None:
    through = Notification.incidents.through
    through.objects.bulk_create(
        [through(notification_id=notification.pk, incident_id=incident.pk) for incident in incidents], batch_size=1_000
    )
