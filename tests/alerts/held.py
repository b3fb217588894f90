"""Messages held in quarantine, and one sweep of the alerts, for tests of the quarantine rules."""

from datetime import timedelta

from fleet.alerts.sending.sending import notifications_send
from fleet.alerts.services import rules_sweep
from fleet.core import clock
from fleet.ingest.models import QuarantinedMessage


def held_make(station, count: int, *, ago: timedelta, reason: str, **fields) -> None:
    """Put `count` messages of a station into quarantine, received some time ago."""
    QuarantinedMessage.objects.bulk_create(
        QuarantinedMessage(
            station=station,
            exchange="in.x",
            routing_key="readings",
            reason=reason,
            sentence="It is held.",
            body=b"{",
            body_bytes=1,
            received_at=clock.now() - ago,
            **fields,
        )
        for _ in range(count)
    )


def sweep_and_send() -> tuple[int, int]:
    """Sweep the rules and send the messages; return the number of incidents opened and closed."""
    moved = rules_sweep()
    notifications_send(channel="mail")
    return moved
