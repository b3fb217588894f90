"""Lasting trouble with files at Motus, by station: days that Motus lacks, and days that wait for a deployment."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Self

from django.db.models import F, Q

from fleet.core import clock
from fleet.stations.models import Station
from fleet.sync.models import MotusDay, MotusUpload

#: Long enough that two weekly comparisons have found the same.
_LASTS: Final = timedelta(days=6)
#: Older days that wait for a deployment are not reported: nobody enters one for last winter's bench test.
_RECENT: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class LastingTrouble:
    """How many days of one station are affected, the first of them, and since when this is known."""

    days: int
    first: date
    since: datetime

    @classmethod
    def none(cls) -> Self:
        """No trouble, for a station where it has ended meanwhile."""
        moment = clock.now()
        return cls(0, moment.date(), moment)


def days_lacking(*, station: Station | None = None) -> dict[int, LastingTrouble]:
    """Days of which Motus lacked something in two comparisons, by station; only with a login in use."""
    rows = MotusDay.objects.filter(checked_at__gte=F("lacking_since") + _LASTS).exclude(receiver__account__login="")
    if station is not None:
        rows = rows.filter(receiver__account__organization=station.organization_id, receiver__serial=station.serial)
    return _by_station(
        rows.values_list("receiver__account__organization_id", "receiver__serial", "day", "lacking_since")
    )


def days_without_deployment(moment: datetime, *, station: Station | None = None) -> dict[int, LastingTrouble]:
    """Recent days whose files wait because Motus has no deployment on them, by station; only with a login in use."""
    rows = MotusUpload.objects.filter(
        state=MotusUpload.State.HELD,
        held_for=MotusUpload.HeldFor.DEPLOYMENT,
        day__gte=(moment - _RECENT).date(),
    ).exclude(account__login="")
    if station is not None:
        rows = rows.filter(account__organization=station.organization_id, serial=station.serial)
    return _by_station(rows.values_list("account__organization_id", "serial", "day", "found_at"))


def _by_station(rows: Iterable[tuple[int, str, date, datetime | None]]) -> dict[int, LastingTrouble]:
    """The trouble by station id, for stations in service with these serials in these organizations."""
    found: dict[tuple[int, str], LastingTrouble] = {}
    for organization_id, serial, day, since in rows:
        if since is None:
            continue
        known = found.get((organization_id, serial))
        found[organization_id, serial] = (
            LastingTrouble(1, day, since)
            if known is None
            else LastingTrouble(known.days + 1, min(known.first, day), min(known.since, since))
        )
    if not found:
        return {}
    stations = Station.objects.filter(
        Q(organization__in={organization_id for organization_id, _serial in found}),
        serial__in={serial for _organization_id, serial in found},
        retired_at=None,
        deleted_at=None,
    ).values_list("pk", "organization_id", "serial")
    return {pk: found[key, serial] for pk, key, serial in stations if (key, serial) in found}
