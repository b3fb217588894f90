"""Planning notifications: who is told that incidents opened, go on after a snooze, were assigned, or closed."""

import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings

from fleet.alerts.models import Destination, Incident, Notification
from fleet.alerts.models.shared import SharedFailure
from fleet.alerts.notifications.recipients import Recipient, recipients_of
from fleet.organizations.models import Membership, Organization

State = Notification.State
Phase = Notification.Phase


def notifications_plan_opened(*, incidents: Sequence[Incident], moment: datetime) -> list[Notification]:
    """Plan one notification per recipient and organization about all its incidents of one rule that opened at once."""
    planned: list[Notification] = []
    recipients = recipients_of({incident.organization_id for incident in incidents})
    for (organization_id, rule), group in _grouped(incidents).items():
        for recipient in recipients.get(organization_id, []):
            notification = _create_notification(organization_id, rule, Phase.OPENED, recipient, moment)
            planned.append(notification)
            _link_incidents(notification, group)
    return planned


def notifications_plan_closed(
    *, incidents: Sequence[Incident], moment: datetime, held_until: datetime | None = None
) -> list[Notification]:
    """Plan the messages about ends, for those who were told of the beginning; `held_until`: not to be sent earlier.

    Anyone whose message about the beginning still waits gets one message with both. The caller holds locks on the
    incidents.
    """
    return _plan_told(Phase.CLOSED, incidents, moment, held_until)


def notifications_plan_again(*, incidents: Sequence[Incident], moment: datetime) -> list[Notification]:
    """Plan the messages that snoozed incidents are open again, for those who were told of the beginning.

    Anyone whose message about the beginning still waits gets only that one. The caller holds locks on the incidents.
    """
    return _plan_told(Phase.AGAIN, incidents, moment)


def notifications_plan_assigned(*, incident: Incident, member: Membership, moment: datetime) -> list[Notification]:
    """Plan the messages to a member's own destinations that an incident was assigned to this member."""
    planned = []
    for destination in Destination.objects.filter(membership=member, is_on=True).order_by("pk"):
        address = destination.address or member.user.email
        if address:
            recipient = Recipient(destination.channel, address, destination.pk)
            planned.append(
                _create_notification(incident.organization_id, incident.rule, Phase.ASSIGNED, recipient, moment)
            )
            _link_incidents(planned[-1], [incident])
    return planned


def _plan_told(
    phase: Phase, incidents: Sequence[Incident], moment: datetime, held_until: datetime | None = None
) -> list[Notification]:
    # The message about the end of a shared failure says how it ended for its stations. Incidents that a person snoozed
    # are told again in any case.
    shared = {incident.shared_id for incident in incidents if incident.shared_id is not None}
    if shared and phase == Phase.CLOSED:
        going_on = set(SharedFailure.objects.filter(pk__in=shared, closed_at=None).values_list("pk", flat=True))
        incidents = [incident for incident in incidents if incident.shared_id not in going_on]
    told = _lock_told(incidents)
    planned: list[Notification] = []
    recipients = recipients_of({incident.organization_id for incident in incidents})
    for (organization_id, rule), group in _grouped(incidents).items():
        for recipient in recipients.get(organization_id, []):
            address = recipient.channel, recipient.address
            concerned = [incident for incident in group if address in told[incident.pk]]
            if concerned:
                notification = _create_notification(organization_id, rule, phase, recipient, moment, held_until)
                planned.append(notification)
                _link_incidents(notification, concerned)
    return planned


def notification_plan_test(
    *, destination: Destination, address: str, organization: Organization, moment: datetime
) -> None:
    """Plan a test message, which is sent the way alerts are."""
    recipient = Recipient(destination.channel, address, destination.pk)
    notification = _create_notification(organization.pk, "", Phase.TEST, recipient, moment)
    Notification.objects.filter(pk=notification.pk).update(due_at=moment)


def beginnings_lock(incidents: Iterable[Incident]) -> dict[int, Notification]:
    """Lock the messages about the beginnings of incidents, in order of their ids; return them by id."""
    links = Notification.incidents.through.objects.filter(incident_id__in=[incident.pk for incident in incidents])
    found = Notification.objects.select_for_update().filter(pk__in=links.values("notification_id"), phase=Phase.OPENED)
    return {notification.pk: notification for notification in found.order_by("pk")}


def _lock_told(incidents: Iterable[Incident]) -> dict[int, set[tuple[str, str]]]:
    """Channels and addresses that were or are told that each incident opened. Locks the notifications to settle that.

    Those whose message still waits are not included: that message will report the state at the time it is sent.
    """
    numbers = [incident.pk for incident in incidents]
    links = Notification.incidents.through.objects.filter(incident_id__in=numbers)
    opened = beginnings_lock(incidents)
    told: dict[int, set[tuple[str, str]]] = defaultdict(set)
    waiting: dict[int, set[tuple[str, str]]] = defaultdict(set)
    merged: dict[int, set[tuple[str, str]]] = defaultdict(set)
    for number, notification_id in links.values_list("incident_id", "notification_id"):
        notification = opened.get(notification_id)
        if notification is None or notification.state in {State.FAILED, State.DROPPED, State.HELD}:
            continue
        address = notification.channel, notification.recipient
        if notification.state == State.MERGED:
            merged[number].add(address)
        elif notification.state == State.PENDING and not notification.is_maybe_delivered:
            waiting[number].add(address)
        else:
            told[number].add(address)
    return defaultdict(set, {number: told[number] | (merged[number] - waiting[number]) for number in numbers})


def _grouped(incidents: Iterable[Incident]) -> dict[tuple[int, str], list[Incident]]:
    groups: dict[tuple[int, str], list[Incident]] = defaultdict(list)
    for incident in incidents:
        groups[incident.organization_id, incident.rule].append(incident)
    return groups


def notification_new(
    organization_id: int,
    rule: str,
    phase: Phase,
    recipient: Recipient,
    moment: datetime,
    held_until: datetime | None = None,
) -> Notification:
    """A notification that is not stored yet: due after the group wait, or when it is no longer held."""
    domain = urlsplit(settings.SITE_URL).hostname or "localhost"
    return Notification(
        organization_id=organization_id,
        rule=rule,
        phase=phase,
        destination_id=recipient.destination_id,
        channel=recipient.channel,
        recipient=recipient.address,
        message_id=f"<{phase.value}.{secrets.token_hex(12)}@{domain}>",
        created_at=moment,
        due_at=held_until or moment + timedelta(seconds=settings.ROOST_ALERT_GROUP_WAIT_S),
        held_until=held_until,
    )


def notifications_store(planned: Sequence[tuple[Notification, Sequence[Incident]]]) -> None:
    """Store new notifications with their incidents; the number of queries does not depend on how many there are."""
    Notification.objects.bulk_create([notification for notification, _incidents in planned])
    through = Notification.incidents.through
    through.objects.bulk_create(
        [
            through(notification_id=notification.pk, incident_id=incident.pk)
            for notification, incidents in planned
            for incident in incidents
        ],
        batch_size=5_000,
    )


def _create_notification(
    organization_id: int,
    rule: str,
    phase: Phase,
    recipient: Recipient,
    moment: datetime,
    held_until: datetime | None = None,
) -> Notification:
    notification = notification_new(organization_id, rule, phase, recipient, moment, held_until)
    notification.save(force_insert=True)
    return notification


def _link_incidents(notification: Notification, incidents: Sequence[Incident]) -> None:
    through = Notification.incidents.through
    through.objects.bulk_create(
        [through(notification_id=notification.pk, incident_id=incident.pk) for incident in incidents], batch_size=1_000
    )
