"""Silence behind a silent gateway: no message of its own while the parent's incident is open.

        opened ──the parent has none──▶ told
          │
          └──the parent has an open one──▶ held ──heard again──▶ closed, and nobody is told
                                            ▲ │
                     the parent has another─┘ └──the parent is back, or no parent any more──▶ told

`Incident.held_by` is the state; in each sweep, `holding_end` looks for incidents that nothing holds any more. It does
not matter what closed the parent's incident, or whether a worker died while closing it.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Exists, OuterRef

from fleet.alerts.grouping.holding import beginnings_withdraw, by_holder, parent_held_record
from fleet.alerts.models import Incident
from fleet.alerts.rules.base import incidents_of
from fleet.alerts.rules.silence import NAME as SILENCE


def parents_hold(*, incidents: Sequence[Incident], moment: datetime) -> list[Incident]:
    """Hold those of these new incidents whose parent is silent; return the others.

    Older incidents behind these stations are held too, if nobody was told of them yet.
    """
    older = list(
        incidents_of(SILENCE)
        .filter(held_by=None, shared=None, is_held=False, station__parent__in=[one.station_id for one in incidents])
        .exclude(pk__in=[one.pk for one in incidents])
        .order_by("pk")
        .select_related("organization", "station")
        .select_for_update(of=("self",), no_key=True)
    )
    behind = [one for one in [*incidents, *older] if one.station.parent_id is not None]
    if not behind:
        return list(incidents)
    holders = {
        (organization, station): number
        for organization, station, number in incidents_of(SILENCE)
        .filter(station__in={one.station.parent_id for one in behind})
        .values_list("organization_id", "station_id", "pk")
    }
    found = {
        one.pk: holder
        for one in behind
        if (holder := holders.get((one.organization_id, one.station.parent_id or 0))) is not None
    }
    told = beginnings_withdraw(incidents=[one for one in older if one.pk in found], keeps_told=True)
    held = [one for one in behind if one.pk in found and one.pk not in told]
    for one in held:
        one.held_by_id = found[one.pk]
    Incident.objects.bulk_update(held, ["held_by"], batch_size=5_000)
    parent_held_record(held=by_holder(held, found), moment=moment)
    numbers = {one.pk for one in held}
    return [one for one in incidents if one.pk not in numbers]


def holding_end() -> list[Incident]:
    """Release open incidents whose parent has no open one any more, and return them: people can be told of them now."""
    holder = Incident.objects.filter(
        pk=OuterRef("held_by_id"),
        closed_at=None,
        station=OuterRef("station__parent"),
        organization=OuterRef("organization"),
    )
    found = list(
        incidents_of(SILENCE)
        .filter(~Exists(holder), held_by__isnull=False)
        .order_by("pk")
        .select_related("organization", "station")
        .select_for_update(of=("self",), no_key=True)
    )
    Incident.objects.filter(pk__in=[one.pk for one in found]).update(held_by=None)
    for one in found:
        one.held_by_id = None
    return found
