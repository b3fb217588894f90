"""Ending snoozes when their time is over or something changed: the incident is open again, and told once more.

snoozed ──its moment comes, or another incident opens at the station──▶ open
"""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import QuerySet

from fleet.alerts.models import Incident, IncidentStep
from fleet.alerts.notifications.planning import notifications_plan_again
from fleet.core import clock
from fleet.core.live import live_announce

#: Incidents that are woken in one transaction.
_STEP: Final = 200


def snoozes_end() -> int:
    """Wake the incidents whose snooze is over, and tell those who were told of them; return how many.

    Two workers share the work: each takes what the other has not locked.
    """
    moment, ended = clock.now(), 0
    while number := _some_end(moment):
        ended += number
    return ended


def snoozes_end_changed(*, opened: Collection[Incident], moment: datetime) -> int:
    """Wake what was snoozed until it changes at stations where these incidents have opened; return how many.

    Call it in the transaction that opened them.
    """
    found = Incident.objects.filter(
        closed_at=None, is_snoozed_until_change=True, station__in={one.station_id for one in opened}
    ).exclude(pk__in=[one.pk for one in opened])
    return _wake(found.order_by("pk").select_for_update(of=("self",)), IncidentStep.Kind.CHANGED, moment)


@transaction.atomic
def _some_end(moment: datetime) -> int:
    # Nothing rings in planned maintenance: a snooze that would end during it ends when it is over.
    found = Incident.objects.filter(closed_at=None, snoozed_until__lte=moment, station__window_until=None).order_by(
        "pk"
    )
    locked = found.select_for_update(of=("self",), skip_locked=True)[:_STEP]
    return _wake(locked, IncidentStep.Kind.WOKEN, moment)


def _wake(locked: QuerySet[Incident], kind: IncidentStep.Kind, moment: datetime) -> int:
    incidents = list(locked.select_related("station"))
    if not incidents:
        return 0
    Incident.objects.filter(pk__in=[one.pk for one in incidents]).update(
        acknowledged_at=None, acknowledged_by_name="", snoozed_until=None, is_snoozed_until_change=False
    )
    IncidentStep.objects.bulk_create(IncidentStep(incident=one, kind=kind, at=moment) for one in incidents)
    notifications_plan_again(incidents=incidents, moment=moment)
    changed: dict[int, set[str]] = defaultdict(set)
    for one in incidents:
        changed[one.organization_id].add(one.station.serial)
    live_announce(changed=changed)
    return len(incidents)
