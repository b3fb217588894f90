"""Maintenance of stations: ending it at the moment somebody set, and noting the planned windows that are open."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import Q

from fleet.core.audit import audit
from fleet.core.live import live_announce
from fleet.stations.contact.hours import planned_quiet_note_many
from fleet.stations.models import Station


class PlannedMaintenance(NamedTuple):
    """The open window that a station is in: until when, and why."""

    until: datetime
    reason: str


@transaction.atomic
def maintenance_sweep(moment: datetime) -> int:
    """End every maintenance whose time has come, and write it to the audit log; return how many ended."""
    due = Station.objects.filter(is_in_maintenance=True, maintenance_until__lte=moment)
    ended = 0
    for station in due.order_by("pk"):
        if due.filter(pk=station.pk).update(is_in_maintenance=False, maintenance_until=None):
            audit(None, station, "station.maintenance_over")
            ended += 1
    return ended


def planned_maintenance_set(
    *, organization_id: int, planned: Mapping[int, PlannedMaintenance], moment: datetime
) -> list[int]:
    """Note an organization's open windows, by station id; its other stations are in none. Returns the changed ids.

    Call it in a transaction, with the organization locked. The number of queries does not grow with the stations.
    """
    ours = Station.objects.filter(organization=organization_id)
    known = {
        pk: PlannedMaintenance(until, reason)
        for pk, until, reason in ours.filter(Q(window_until__isnull=False) | Q(pk__in=list(planned))).values_list(
            "pk", "window_until", "window_reason"
        )
        if until is not None
    }
    changed = sorted(pk for pk in known.keys() | planned.keys() if known.get(pk) != planned.get(pk))
    if not changed:
        return []
    # In one order, so that two transactions that lock several stations cannot deadlock.
    locked = dict(ours.filter(pk__in=changed).order_by("pk").select_for_update(no_key=True).values_list("pk", "serial"))
    now = {pk: planned.get(pk) for pk in locked}
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE stations_station s SET window_until = n.until, window_reason = n.reason "
            "FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[]) AS n(id, until, reason) WHERE s.id = n.id",
            [
                list(now),
                [one.until if one else None for one in now.values()],
                [one.reason if one else "" for one in now.values()],
            ],
        )
    quiet = [pk for pk in locked if any(one and one.until > moment for one in (known.get(pk), planned.get(pk)))]
    planned_quiet_note_many(station_ids=quiet, moment=moment)
    live_announce(changed={organization_id: set(locked.values())})
    return list(locked)
