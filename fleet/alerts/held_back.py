"""Telling people of incidents that planned maintenance held back: once, when it is over, if they are still open then.

    opened in maintenance ─▶ held ──the maintenance ends, and it is still open──▶ told, once
                              └──it closes before──▶ closed: nobody was told, and the incident's page says why

An incident is held while its station has a window; so one that opens while the window closes is found by the next run.
Each step is one transaction, and skips rows that another worker has locked.
"""

from datetime import datetime
from typing import Final

from django.db import transaction

from fleet.alerts.grouping.steps import silences_group
from fleet.alerts.maintenance.moving import windows_move
from fleet.alerts.models import Incident
from fleet.alerts.notifications.planning import notifications_plan_opened
from fleet.alerts.rules.silence import NAME as SILENCE
from fleet.alerts.sending.sending import senders_wake
from fleet.alerts.services import incidents_announce
from fleet.alerts.snoozes import snoozes_end_changed
from fleet.core import clock

#: Incidents that are told in one transaction. Messages of one rule to one person that wait together become one.
_STEP: Final = 500


def maintenance_look() -> tuple[int, int]:
    """Open and close due windows, and tell people of held incidents; return the numbers of windows and incidents."""
    moment = clock.now()
    moved, told = windows_move(moment=moment), 0
    while number := _some_told(moment):
        told += number
    if told:
        senders_wake()
    return moved, told


@transaction.atomic
def _some_told(moment: datetime) -> int:
    found = Incident.objects.select_related("organization", "station").filter(
        # Nobody needs to hear of a station that was retired meanwhile; its incidents close by themselves.
        is_held=True, closed_at=None, station__window_until=None, station__retired_at=None,
    )  # fmt: skip
    incidents = list(found.order_by("pk").select_for_update(of=("self",), skip_locked=True)[:_STEP])
    if not incidents:
        return 0
    for incident in incidents:
        incident.is_held, incident.held_until = False, moment
    Incident.objects.bulk_update(incidents, ["is_held", "held_until"])
    silences = [one for one in incidents if one.rule == SILENCE]
    others = [one for one in incidents if one.rule != SILENCE]
    # Silences with one cause share a message, as they do without maintenance.
    telling = others + silences_group(incidents=silences, moment=moment)
    notifications_plan_opened(incidents=telling, moment=moment)
    snoozes_end_changed(opened=incidents, moment=moment)
    incidents_announce(incidents, "incident_opened")
    return len(incidents)
