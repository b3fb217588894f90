"""The outbox: messages to publish are rows in the caller's own transaction, never published from a request."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from fleet.core import clock
from fleet.core.models import OutboxMessage
from message_queue.events.kinds import FleetEvent, event_plain

#: PostgreSQL channel that tells the relay that a row was committed.
CHANNEL = "roost_outbox"


def outbox_add(
    *,
    target: OutboxMessage.Target,
    routing_key: str,
    body: dict[str, Any],
    message_id: str = "",
    expires_at: datetime | None = None,
) -> OutboxMessage:
    """Write one message; the relay is notified when the transaction commits."""
    moment = clock.now()
    row = OutboxMessage.objects.create(
        target=target,
        routing_key=routing_key,
        body=body,
        message_id=message_id,
        expires_at=expires_at,
        created_at=moment,
        due_at=moment,
    )
    with connection.cursor() as cursor:
        cursor.execute(f"NOTIFY {CHANNEL}")
    return row


def job_ask(name: str, /, **arguments: Any) -> OutboxMessage:
    """Queue a background job by its name (`<domain>.<verb>_<noun>`), with ids as arguments."""
    return outbox_add(target=OutboxMessage.Target.JOB, routing_key=name, body=arguments)


@dataclass(frozen=True, slots=True)
class Announcement:
    """An event for programs on `fleet.events`."""

    #: The organization's slug.
    organization: str
    event: FleetEvent


def events_announce(announcements: Sequence[Announcement]) -> None:
    """Announce several events to programs at once: `<organization>.<serial>.<event>`."""
    if not announcements:
        return
    moment = clock.now()
    OutboxMessage.objects.bulk_create(
        OutboxMessage(
            target=OutboxMessage.Target.EVENT,
            routing_key=f"{one.organization}.{one.event.station}.{one.event.event}",
            body=event_plain(one.event),
            created_at=moment,
            due_at=moment,
        )
        for one in announcements
    )
    with connection.cursor() as cursor:
        cursor.execute(f"NOTIFY {CHANNEL}")


def event_announce(*, organization: str, event: FleetEvent) -> None:
    """Announce one event to programs on `fleet.events`."""
    events_announce([Announcement(organization, event)])


def outbox_prune(*, older_than: timedelta = timedelta(days=1)) -> int:
    """Delete messages published longer ago than `older_than`; return how many."""
    deleted, _ = OutboxMessage.objects.filter(published_at__lt=clock.now() - older_than).delete()
    return deleted
