"""Ingest's own pulse, and making up for outages in which we were not listening."""

import logging
from datetime import datetime

from django.db import transaction

from fleet.core.pulses import INGEST, pulse_beat
from fleet.stations.contact.deadlines import contacts_forgive

_log = logging.getLogger(__name__)


@transaction.atomic
def ingest_beat(*, moment: datetime) -> None:
    """Record that ingest is running. If this ends an outage of ours, stations get new deadlines."""
    outage = pulse_beat(name=INGEST, moment=moment)
    if outage is not None:
        forgiven = contacts_forgive(moment)
        _log.info(
            "Roost was not listening from %s to %s; %s stations get their full time again.",
            outage.started_at,
            outage.ended_at,
            forgiven,
        )
