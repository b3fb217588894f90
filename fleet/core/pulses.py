"""Pulses: their gaps show when Roost itself was not listening."""

from datetime import datetime, timedelta

from django.db import connection, transaction

from fleet.core import clock
from fleet.core.models import Outage, Pulse
from fleet.core.signs import sign_leave

INGEST = "ingest"
#: A longer gap between two ingest pulses counts as an outage of Roost.
OUTAGE_FROM = timedelta(seconds=30)


@transaction.atomic
def pulse_beat(*, name: str, moment: datetime | None = None) -> Outage | None:
    """Record that this part works now. Returns the outage that this pulse ended, if the gap was long enough."""
    moment = moment or clock.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT beat_at FROM core_pulse WHERE name = %s FOR UPDATE", [name])
        row = cursor.fetchone()
        cursor.execute(
            "INSERT INTO core_pulse (name, beat_at) VALUES (%s, %s) "
            "ON CONFLICT (name) DO UPDATE SET beat_at = greatest(core_pulse.beat_at, excluded.beat_at)",
            [name, moment],
        )
    transaction.on_commit(lambda: sign_leave(name))
    if row is None or moment - row[0] <= OUTAGE_FROM:
        return None
    return Outage.objects.create(name=name, started_at=row[0], ended_at=moment)


def pulse_age(*, name: str) -> timedelta | None:
    """How long ago this part last reported that it works; None if it never did."""
    beat_at = Pulse.objects.filter(name=name).values_list("beat_at", flat=True).first()
    return None if beat_at is None else clock.now() - beat_at


def is_listening() -> bool:
    """Whether ingest is receiving messages now; while it is not, stations' silence means nothing."""
    age = pulse_age(name=INGEST)
    return age is not None and age <= OUTAGE_FROM


def outage_list(*, start: datetime, end: datetime) -> list[Outage]:
    """Periods between two moments in which Roost itself was not listening, oldest first, at most 500."""
    ours = Outage.objects.filter(name=INGEST, ended_at__gt=start, started_at__lt=end)
    return list(ours.order_by("started_at")[:500])
