"""Messages that are held instead of sent: rows that say why, and the withdrawal of messages that already waited."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Value
from django.db.models.functions import Greatest, Least

from fleet.alerts.models import Incident, Notification
from fleet.alerts.notifications.planning import beginnings_lock, notification_new, notifications_store
from fleet.alerts.notifications.recipients import recipients_of
from fleet.alerts.rules.silence import NAME as SILENCE

Phase, State, Held = Notification.Phase, Notification.State, Notification.Held
#: Messages in these states may have reached somebody.
_OUT = frozenset({State.SENDING, State.SENT, State.UNKNOWN})


def beginnings_withdraw(*, incidents: Sequence[Incident], keeps_told: bool) -> set[int]:
    """Take incidents out of waiting messages about beginnings; return the ids of those that somebody has been told of.

    `keeps_told`: leave those in their messages. A message left without incidents counts as merged into another. Locks
    the messages, after the incidents.
    """
    if not incidents:
        return set()
    through = Notification.incidents.through
    opened = beginnings_lock(incidents)
    links = through.objects.filter(incident_id__in=[one.pk for one in incidents], notification_id__in=list(opened))
    told = {
        incident
        for incident, notification in links.values_list("incident_id", "notification_id")
        if opened[notification].state in _OUT or opened[notification].is_maybe_delivered
    }
    gone = {one.pk for one in incidents} - (told if keeps_told else set())
    waiting = [one.pk for one in opened.values() if one.state == State.PENDING and not one.is_maybe_delivered]
    through.objects.filter(incident_id__in=gone, notification_id__in=waiting).delete()
    empty = ~Exists(through.objects.filter(notification=OuterRef("pk")))
    Notification.objects.filter(empty, pk__in=waiting).update(state=State.MERGED)
    return told


def parent_held_record(*, held: Mapping[int, Sequence[Incident]], moment: datetime) -> None:
    """Store the messages that parents' incidents hold back; `held`: their incidents, by the id of the parent's."""
    recipients = recipients_of({one.organization_id for group in held.values() for one in group})
    planned = []
    for holder, group in held.items():
        for recipient in recipients.get(group[0].organization_id, []):
            notification = notification_new(group[0].organization_id, SILENCE, Phase.OPENED, recipient, moment)
            notification.state, notification.held_why, notification.held_by_id = State.HELD, Held.PARENT, holder
            planned.append((notification, group))
    notifications_store(planned)


def shared_held_record(*, held: Mapping[int, Sequence[Incident]], moment: datetime) -> None:
    """Store the messages that open shared failures hold back; `held`: incidents that joined, by the failure's id."""
    recipients = recipients_of({one.organization_id for group in held.values() for one in group})
    planned = []
    for shared, group in held.items():
        for recipient in recipients.get(group[0].organization_id, []):
            notification = notification_new(group[0].organization_id, SILENCE, Phase.OPENED, recipient, moment)
            notification.state, notification.held_why, notification.shared_id = State.HELD, Held.SHARED, shared
            planned.append((notification, group))
    notifications_store(planned)


def beginnings_wait_on(*, organization_ids: Collection[int], moment: datetime) -> None:
    """Restart the group wait of messages about silence: more stations are falling silent, and may share a cause.

    No message waits longer than the window of shared failures.
    """
    wait = Value(moment + timedelta(seconds=settings.ROOST_ALERT_GROUP_WAIT_S))
    end = F("created_at") + timedelta(seconds=settings.ROOST_SHARED_WINDOW_S)
    Notification.objects.filter(
        organization__in=list(organization_ids),
        rule=SILENCE,
        phase=Phase.OPENED,
        state=State.PENDING,
        attempts=0,
        shared=None,
    ).update(due_at=Greatest(F("due_at"), Least(wait, end)))


def by_holder(incidents: Iterable[Incident], holders: Mapping[int, int]) -> dict[int, list[Incident]]:
    """Incidents by the id of their holder; `holders` has the holder of each incident, by its id."""
    found: dict[int, list[Incident]] = defaultdict(list)
    for incident in incidents:
        found[holders[incident.pk]].append(incident)
    return found
