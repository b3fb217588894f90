"""Pulses: by their gaps Roost knows when it was itself not listening."""

from datetime import datetime, timedelta

from django.db import connection, transaction

from fleet.core import clock
from fleet.core.models import Outage, Pulse
from fleet.core.signs import sign_leave

INGEST = "ingest"
#: A gap longer than this between two ingest pulses is an outage of ours.
OUTAGE_FROM = timedelta(seconds=30)


@transaction.atomic
def pulse_beat(*, name: str, moment: datetime | None = None) -> Outage | None:
    """Say that this part works now. Returns the outage that this pulse ended, if the last one was long ago."""
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
    """How long ago this part last said that it works; None when it never did."""
    beat_at = Pulse.objects.filter(name=name).values_list("beat_at", flat=True).first()
    return None if beat_at is None else clock.now() - beat_at


def is_listening() -> bool:
    """Whether ingest is taking messages now; while it is not, silence of stations means nothing."""
    age = pulse_age(name=INGEST)
    return age is not None and age <= OUTAGE_FROM


def outage_list(*, start: datetime, end: datetime) -> list[Outage]:
    """The times between two moments in which Roost itself was not listening, oldest first."""
    ours = Outage.objects.filter(name=INGEST, ended_at__gt=start, started_at__lt=end)
    return list(ours.order_by("started_at")[:500])
