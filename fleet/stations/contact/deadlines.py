"""The contact model: from a station's reporting interval to the moments when it is late and silent.

The interval is per station: what it announces, else what the operator set, else what was learned. All SQL here is
conditional, so that ingest, the sweeps and a second worker never undo each other's changes.
"""

import math
from datetime import datetime

from django.conf import settings
from django.db import connection

from fleet.stations.contact.announcing import contacts_announce
from fleet.stations.models import Station, StationContact

#: Expected seconds between contacts if nothing is known: a Sensorgnome V2 reports once an hour.
UNKNOWN_INTERVAL_S = 3_600.0
#: Bounds of a learned interval, in seconds.
LEARNED_LEAST_S, LEARNED_MOST_S = 60.0, 604_800.0
#: Seconds a bad link may add to any interval before the station counts as late, and as silent.
LATE_SLACK_S, SILENT_SLACK_S = 5.0, 10.0


def interval_of(station: Station, contact: StationContact) -> float:
    """Seconds within which this station is expected: announced, else the operator's, else learned."""
    return (
        contact.announced_interval_s or station.operator_interval_s or contact.learned_interval_s or UNKNOWN_INTERVAL_S
    )


def interval_learned(before: float | None, gap_s: float) -> float:
    """The interval after one more gap: a maximum that decays over about ten times its own length.

    It is a maximum because a burst of messages must not make a station seem more frequent than it is between bursts.
    For the same reason it starts at the value for an unknown station.
    """
    before = UNKNOWN_INTERVAL_S if before is None else before
    faded = before * math.exp(-gap_s / (10.0 * before))
    return min(max(gap_s, faded, LEARNED_LEAST_S), LEARNED_MOST_S)


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

    Returns how many deadlines moved. A station that was silent before stays silent.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE stations_stationcontact c SET "
            "late_after = %(now)s + make_interval(secs => i.interval_s * %(late)s + %(grace)s), "
            "silent_after = %(now)s + make_interval(secs => i.interval_s * %(silent)s + %(grace)s) "
            "FROM (SELECT s.id, coalesce(k.announced_interval_s, s.operator_interval_s, k.learned_interval_s, "
            "%(unknown)s) AS interval_s FROM stations_station s JOIN stations_stationcontact k "
            "ON k.station_id = s.id) i "
            "WHERE i.id = c.station_id AND c.state IN ('on_time', 'late')",
            {
                "now": moment,
                "late": settings.ROOST_LATE_FACTOR,
                "silent": settings.ROOST_SILENT_FACTOR,
                "grace": settings.ROOST_RECONNECT_GRACE_S,
                "unknown": UNKNOWN_INTERVAL_S,
            },
        )
        return int(cursor.rowcount)
