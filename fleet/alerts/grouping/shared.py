"""Shared failures: opened when most stations that share something fall silent at once, joined, and closed.

    some fall silent ──at least three, more than half, within the window──▶ open: one message for all
    open ──one more falls silent within the window after the last──▶ its message is held: the last message covers it
    open ──at most a quarter are still silent──▶ closed: one message says so, and names these

A station counts from when it became silent by its own deadline, not from when the sweep found it. Stations whose
silence is planned, or explained by a silent parent, do not count at all. See the model.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.conf import settings
from django.db.models import Count, Q, QuerySet

from fleet.alerts.grouping.choosing import LEAST, Silent, failures_of
from fleet.alerts.grouping.counting import Shared, places_of, stations_count
from fleet.alerts.grouping.holding import beginnings_wait_on, beginnings_withdraw, by_holder, shared_held_record
from fleet.alerts.grouping.telling import joined_add, shared_tell, shared_tell_over
from fleet.alerts.models import Incident
from fleet.alerts.models.shared import SharedFailure
from fleet.alerts.rules.base import incidents_of
from fleet.alerts.rules.silence import NAME as SILENCE
from fleet.alerts.rules.silence import SILENT
from fleet.stations.models import StationContact

#: A failure closes when at most one in this many of its stations is still silent.
_OVER_AT_ONE_OF: Final = 4
#: A station of the failure that falls silent again within this time after its return joins again: nobody was told that
#: it was back. After a longer return its silence is news, however long the failure stays open for others.
_SHORT_RETURN: Final = timedelta(hours=1)


class _Fresh(NamedTuple):
    """Incidents of an organization that may share a cause, in order of their ids, and when each became silent."""

    incidents: list[Incident]
    silent: list[Silent]


def shared_join(*, incidents: Sequence[Incident], moment: datetime) -> list[Incident]:
    """Let new incidents join the open shared failures of their stations; return those that have none."""
    if not incidents:
        return []
    opened = SharedFailure.objects.filter(organization__in={one.organization_id for one in incidents}, closed_at=None)
    failures = {
        Shared(one.organization_id, SharedFailure.Cause(one.cause), one.subject): one
        for one in opened.order_by("pk").select_for_update(no_key=True)
    }
    if not failures:
        return list(incidents)
    silent = _became_silent(incidents)
    places = places_of(station_ids=list(silent), moment=moment)
    known = set(
        Incident.objects.filter(
            Q(closed_at=None) | Q(closed_at__gte=moment - _SHORT_RETURN),
            shared__in=[one.pk for one in failures.values()],
            station__in=list(silent),
        )
        .exclude(pk__in=[one.pk for one in incidents])
        .values_list("shared_id", "station_id")
    )
    found: dict[int, int] = {}
    # In the order in which they became silent, as each one that joins extends the window for the next.
    for incident in sorted(
        (one for one in incidents if one.station_id in silent), key=lambda one: silent[one.station_id]
    ):
        for shared in places.shared.get(incident.station_id, ()):
            failure = failures.get(shared)
            if failure is not None and _takes(failure, incident, silent[incident.station_id], known):
                found[incident.pk] = failure.pk
                break
    joined = by_holder([one for one in incidents if one.pk in found], found)
    changed = [one for one in failures.values() if one.pk in joined]
    SharedFailure.objects.bulk_update(changed, ["fallen", "total", "last_at"])
    _refer(joined)
    joined_add(joined=joined)
    shared_held_record(held=joined, moment=moment)
    return [one for one in incidents if one.pk not in found]


def shared_judge(*, incidents: Sequence[Incident], moment: datetime) -> list[Incident]:
    """Open the shared failures that these new incidents complete, and plan their messages; return incidents in none."""
    if not incidents or settings.ROOST_SHARED_WINDOW_S <= 0:
        return list(incidents)
    fresh = _fresh(incidents)
    if not fresh:
        return list(incidents)
    places = places_of(station_ids=[one.station_id for group in fresh.values() for one in group.silent], moment=moment)
    starts = {organization: min(one.became_silent for one in group.silent) for organization, group in fresh.items()}
    totals = stations_count(starts=starts, moment=moment)
    members: dict[int, list[Incident]] = {}
    failures: dict[int, SharedFailure] = {}
    for organization_id, group in fresh.items():
        by_station = {one.station_id: one for one in group.incidents}
        for found in failures_of(silent=group.silent, places=places, totals=totals):
            failure = _open(
                organization_id, found.shared, places.names[found.shared], found.total, found.silent, moment
            )
            failures[failure.pk] = failure
            members[failure.pk] = [by_station[one.station_id] for one in found.silent]
    _refer(members)
    beginnings_withdraw(incidents=[one for group in members.values() for one in group], keeps_told=False)
    shared_tell(failures=failures, members=members, moment=moment)
    # Stations that are falling silent now may still have a shared failure.
    beginnings_wait_on(organization_ids=list(fresh), moment=moment)
    in_one = {one.pk for group in members.values() for one in group}
    return [one for one in incidents if one.pk not in in_one]


def shared_close(*, moment: datetime) -> list[SharedFailure]:
    """Close shared failures whose stations are mostly back, and plan the messages about that; return them."""
    opened = SharedFailure.objects.filter(closed_at=None)
    if not opened.exists():
        return []
    still = _still_silent(opened)
    over = [one.pk for one in opened if _is_over(one, still)]
    # Check again under locks: whoever closes incidents meanwhile has either finished, or will see the failure closed.
    failures = list(opened.filter(pk__in=over).order_by("pk").select_for_update(no_key=True))
    silent = incidents_of(SILENCE).filter(shared__in=over).order_by("pk").select_for_update(no_key=True)
    list(silent.values_list("pk", flat=True))
    still = _still_silent(opened.filter(pk__in=over))
    closed = [one for one in failures if _is_over(one, still)]
    for failure in closed:
        failure.closed_at, failure.left_silent = moment, still.get(failure.pk, 0)
    SharedFailure.objects.bulk_update(closed, ["closed_at", "left_silent"])
    shared_tell_over(failures=closed, back=_back(closed), moment=moment)
    return closed


def _fresh(incidents: Iterable[Incident]) -> dict[int, _Fresh]:
    """By organization, stations that became silent within the window before the newest of these; three or more each."""
    window = timedelta(seconds=settings.ROOST_SHARED_WINDOW_S)
    silent, newest = _became_silent(incidents), dict[int, datetime]()
    for one in incidents:
        if (became_silent := silent.get(one.station_id)) is not None:
            newest[one.organization_id] = max(became_silent, newest.get(one.organization_id, became_silent))
    if not newest:
        return {}
    rows = (
        incidents_of(SILENCE)
        .filter(
            organization__in=list(newest),
            held_by=None,
            shared=None,
            is_held=False,
            station__contact__state=SILENT,
            station__contact__silent_after__gte=min(newest.values()) - window,
        )
        .order_by("pk")
        .select_related("organization", "station__contact")
        .select_for_update(of=("self",), no_key=True)
    )
    found: dict[int, _Fresh] = defaultdict(lambda: _Fresh([], []))
    for one in rows:
        became_silent, end = one.station.contact.silent_after, newest[one.organization_id]
        if became_silent is not None and end - window <= became_silent <= end:
            found[one.organization_id].incidents.append(one)
            found[one.organization_id].silent.append(Silent(one.station_id, became_silent))
    return {organization: group for organization, group in found.items() if len(group.silent) >= LEAST}


def _became_silent(incidents: Iterable[Incident]) -> dict[int, datetime]:
    """When the stations of these incidents became silent, by station id."""
    rows = StationContact.objects.filter(station__in=[one.station_id for one in incidents], silent_after__isnull=False)
    return {station: moment for station, moment in rows.values_list("station_id", "silent_after") if moment}


def _open(
    organization_id: int, shared: Shared, name: str, total: int, silent: Sequence[Silent], moment: datetime
) -> SharedFailure:
    """Open a failure, or count these stations into an open one with the same cause; people are told in both cases."""
    moments = [one.became_silent for one in silent]
    # The unique index settles races.
    failure, is_new = SharedFailure.objects.get_or_create(
        organization_id=organization_id,
        cause=shared.cause,
        subject=shared.subject,
        closed_at=None,
        defaults={
            "name": name,
            "total": max(total, len(silent)),
            "fallen": len(silent),
            "first_at": min(moments),
            "last_at": max(moments),
            "opened_at": moment,
        },
    )
    if not is_new:
        failure.fallen += len(silent)
        failure.total = max(failure.total, failure.fallen)
        failure.last_at = max(failure.last_at, *moments)
        failure.save(update_fields=["fallen", "total", "last_at"])
    return failure


def _refer(members: Mapping[int, Sequence[Incident]]) -> None:
    """Note at incidents the shared failure that they are in."""
    for failure, group in members.items():
        Incident.objects.filter(pk__in=[one.pk for one in group]).update(shared=failure)
        for one in group:
            one.shared_id = failure


def _takes(
    failure: SharedFailure, incident: Incident, became_silent: datetime, known: Collection[tuple[int, int]]
) -> bool:
    """Whether a station joins an open failure; count it there if so.

    A station of the failure that was back only briefly (`known`) joins. So do others that became silent within the
    window after the last one: any later, they may have another cause, and somebody has to hear of it.
    """
    if (failure.pk, incident.station_id) in known:
        return True
    window = timedelta(seconds=settings.ROOST_SHARED_WINDOW_S)
    if not failure.first_at <= became_silent <= failure.last_at + window:
        return False
    failure.fallen += 1
    failure.total = max(failure.total, failure.fallen)
    failure.last_at = max(failure.last_at, became_silent)
    return True


def _still_silent(failures: QuerySet[SharedFailure]) -> dict[int, int]:
    """How many incidents of each of these are open."""
    opened = incidents_of(SILENCE).filter(shared__in=failures.values("pk")).order_by()
    return dict(opened.values_list("shared").annotate(number=Count("pk")))


def _is_over(failure: SharedFailure, still: Mapping[int, int]) -> bool:
    return still.get(failure.pk, 0) * _OVER_AT_ONE_OF <= failure.total


def _back(failures: Sequence[SharedFailure]) -> dict[int, list[Incident]]:
    """Closed incidents of these failures whose stations were heard again, the last one of each station."""
    rows = (
        Incident.objects.filter(shared__in=[one.pk for one in failures], closed_at__isnull=False)
        .exclude(station__contact__state=SILENT)
        .order_by("station_id", "-pk")
        .distinct("station_id")
    )
    found: dict[int, list[Incident]] = defaultdict(list)
    for one in rows:
        found[one.shared_id or 0].append(one)
    return found
