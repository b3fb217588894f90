"""The contact model: from a station's reporting interval to the moments when it is late and silent.

The interval is per station: what it announces, else what the operator set, else what was learned. All SQL here is
conditional, so that ingest, the sweeps and a second worker never undo each other's changes.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import connection

from fleet.stations.contact.announcing import contacts_announce
from fleet.stations.contact.rhythm import UNKNOWN_INTERVAL_S
from fleet.stations.models import Station, StationContact

#: Seconds a bad link may add to any interval before the station counts as late, and as silent.
LATE_SLACK_S, SILENT_SLACK_S = 5.0, 10.0
#: Above this, the number of missed reports is not shown.
MISSED_MOST: Final = 99

#: `interval_most` in SQL, for a station `s` with its contact `c`.
_INTERVAL_MOST_SQL: Final = (
    "coalesce(c.announced_interval_s, s.operator_interval_s, "
    f"c.rhythm_s[1 + extract(hour FROM c.last_contact_at AT TIME ZONE 'UTC')::int], {UNKNOWN_INTERVAL_S})"
)


def interval_of(station: Station, contact: StationContact) -> float:
    """Seconds in which this station usually reports: announced, else the operator's, else learned."""
    return (
        contact.announced_interval_s or station.operator_interval_s or contact.learned_interval_s or UNKNOWN_INTERVAL_S
    )


def interval_most(station: Station, contact: StationContact) -> float:
    """Seconds within which the next contact is expected, with the same precedence; a learned one varies by hour."""
    if is_said(station, contact) or not contact.rhythm_s or contact.last_contact_at is None:
        return contact.announced_interval_s or station.operator_interval_s or UNKNOWN_INTERVAL_S
    return float(contact.rhythm_s[_hour(contact.last_contact_at)])


def is_said(station: Station, contact: StationContact) -> bool:
    """Whether the station announced the interval or a person set it, so that the learned one is not used."""
    return bool(contact.announced_interval_s or station.operator_interval_s)


def reports_missed(station: Station, contact: StationContact, moment: datetime) -> int:
    """How many contacts were due since the last one. Counting along a learned rhythm stops just above `MISSED_MOST`."""
    if contact.last_contact_at is None:
        return 0
    if is_said(station, contact) or not contact.rhythm_s:
        return int((moment - contact.last_contact_at).total_seconds() / interval_of(station, contact))
    missed, due = 0, contact.last_contact_at
    while missed <= MISSED_MOST and (due := due + timedelta(seconds=contact.rhythm_s[_hour(due)])) <= moment:
        missed += 1
    return missed


def waits_said(interval_s: float) -> tuple[float, float]:
    """Seconds after a contact until a station with this interval is late, and silent."""
    return (
        interval_s * settings.ROOST_LATE_FACTOR + LATE_SLACK_S,
        interval_s * settings.ROOST_SILENT_FACTOR + SILENT_SLACK_S,
    )


def waits_learned(rhythm_s: Sequence[float], moment: datetime) -> tuple[float, float]:
    """The same after a contact at this moment, for a station whose rhythm was learned.

    It counts as silent once it has missed the next contacts of its rhythm, three by default: a station that reports at
    eight in the morning after a long night is not waited for until the third morning. The wait is at least 1.5 and at
    most 3 times the interval expected at this hour (`ROOST_LATE_FACTOR`, `ROOST_SILENT_FACTOR`).
    """
    interval_s = rhythm_s[_hour(moment)]
    late, silent = settings.ROOST_LATE_FACTOR, settings.ROOST_SILENT_FACTOR
    after_s = _contacts_later(rhythm_s, moment, silent)
    late_s = min(interval_s * late, _contacts_later(rhythm_s, moment, late))
    silent_s = min(interval_s * silent, max(after_s, interval_s * late))
    return late_s + LATE_SLACK_S, silent_s + SILENT_SLACK_S


def _contacts_later(rhythm_s: Sequence[float], moment: datetime, contacts: float) -> float:
    """Seconds until so many contacts of the rhythm are due; 1.5: half-way between the first and the second."""
    seconds = 0.0
    while contacts > 0:
        seconds += rhythm_s[_hour(moment + timedelta(seconds=seconds))] * min(contacts, 1.0)
        contacts -= 1.0
    return seconds


def _hour(moment: datetime) -> int:
    return moment.astimezone(UTC).hour


def contact_sweep_late(moment: datetime) -> int:
    """Move stations whose `late_after` has passed from on time to late; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE stations_stationcontact SET state = 'late' WHERE state = 'on_time' AND late_after < %s "
            "RETURNING station_id",
            [moment],
        )
        moved = [row[0] for row in cursor.fetchall()]
    contacts_announce(before=dict.fromkeys(moved, "on_time"), moment=moment)
    return len(moved)


def contact_sweep_silent(moment: datetime) -> list[tuple[int, int]]:
    """Move stations whose `silent_after` has passed to silent; return their (station id, organization id).

    Stations that are retired, in maintenance or in planned sleep are skipped: their silence is expected.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE stations_stationcontact c SET state = 'silent' "
            "FROM stations_station s JOIN stations_stationcontact k ON k.station_id = s.id "
            "WHERE s.id = c.station_id AND c.state IN ('on_time', 'late') AND c.silent_after < %s "
            "AND s.retired_at IS NULL AND NOT s.is_in_maintenance "
            "AND (s.asleep_until IS NULL OR s.asleep_until < %s) RETURNING c.station_id, s.organization_id, k.state",
            [moment, moment],
        )
        moved = cursor.fetchall()
    contacts_announce(before={row[0]: row[2] for row in moved}, moment=moment)
    return [(row[0], row[1]) for row in moved]


def contacts_forgive(moment: datetime) -> int:
    """After an outage of Roost: give every station that is not silent its full time again, plus time to reconnect.

    Returns the number of these stations. A station that was silent before stays silent.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE stations_stationcontact k SET "  # noqa: S608 - a constant
            "late_after = %(now)s + make_interval(secs => i.interval_s * %(late)s + %(grace)s), "
            "silent_after = %(now)s + make_interval(secs => i.interval_s * %(silent)s + %(grace)s) "
            f"FROM (SELECT s.id, {_INTERVAL_MOST_SQL} AS interval_s "
            "FROM stations_station s JOIN stations_stationcontact c ON c.station_id = s.id) i "
            "WHERE i.id = k.station_id AND k.state IN ('on_time', 'late')",
            {
                "now": moment,
                "late": settings.ROOST_LATE_FACTOR,
                "silent": settings.ROOST_SILENT_FACTOR,
                "grace": settings.ROOST_RECONNECT_GRACE_S,
            },
        )
        return int(cursor.rowcount)
