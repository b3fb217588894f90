"""Learning rhythms: for stations that were heard since their rhythm was last learned, a few hundred at a time."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.db import connection, transaction

from fleet.core.locks import session_lock
from fleet.stations.contact.deadlines import waits_learned
from fleet.stations.contact.pauses import pauses_of, pauses_prune
from fleet.stations.contact.rhythm import Rhythm, rhythm_of
from fleet.stations.models import StationContact

#: A learned rhythm is used if nothing else is known, so it is learned often; else it is only shown.
_USED_EVERY, _SHOWN_EVERY = timedelta(minutes=15), timedelta(hours=6)
#: Stations per transaction, and per run.
_STEP, _RUN_MOST = 200, 2_000

_DUE: Final = """
SELECT c.station_id FROM stations_stationcontact c JOIN stations_station s ON s.id = c.station_id
WHERE s.retired_at IS NULL AND c.last_contact_at IS NOT NULL AND (c.rhythm_at IS NULL OR c.last_contact_at > c.rhythm_at
      AND c.rhythm_at < CASE WHEN c.announced_interval_s IS NULL AND s.operator_interval_s IS NULL THEN %s ELSE %s END)
ORDER BY c.rhythm_at NULLS FIRST, c.station_id LIMIT %s
"""

#: Locked in the order of their ids, as everywhere.
_LOCKED: Final = """
SELECT c.station_id, c.rhythm_s, c.last_contact_at,
       c.state IN ('on_time', 'late') AND c.announced_interval_s IS NULL AND s.operator_interval_s IS NULL
FROM stations_stationcontact c JOIN stations_station s ON s.id = c.station_id
WHERE c.station_id = ANY(%s) ORDER BY c.station_id FOR UPDATE OF c
"""

#: Deadlines already set are only moved later, because an outage of Roost may have moved them further than these.
_LEARN: Final = """
UPDATE stations_stationcontact c SET rhythm_at = n.moment, learned_interval_s = coalesce(n.usual, c.learned_interval_s),
    rhythm_s = (%(rhythms)s::float8[])[24 * n.place::int - 23 : 24 * n.place::int],
    late_after = CASE WHEN n.late IS NULL THEN c.late_after
        ELSE greatest(c.late_after, c.last_contact_at + n.late * interval '1 second') END,
    silent_after = CASE WHEN n.silent IS NULL THEN c.silent_after
        ELSE greatest(c.silent_after, c.last_contact_at + n.silent * interval '1 second') END
FROM (SELECT id, usual, late, silent, place, %(moment)s::timestamptz AS moment
      FROM unnest(%(ids)s::bigint[], %(usual)s::float8[], %(late)s::float8[], %(silent)s::float8[])
      WITH ORDINALITY AS x(id, usual, late, silent, place)) AS n
WHERE c.station_id = n.id
"""


class _Known(NamedTuple):
    """A contact row while it is locked; `is_used`: a learned rhythm decides when it is late and silent."""

    station_id: int
    rhythm_s: list[float] | None
    last_contact_at: datetime
    is_used: bool


class _Learned(NamedTuple):
    """The result; `usual_s` is None while the rhythm is only assumed."""

    station_id: int
    usual_s: float | None
    rhythm_s: list[float]
    late_s: float | None
    silent_s: float | None


def rhythms_learn(*, moment: datetime) -> int:
    """Learn the rhythms that are due and delete their old pauses; return how many were learned. One job at a time."""
    learned = 0
    with session_lock("roost.stations.rhythms") as is_ours:
        if not is_ours:
            return 0
        with connection.cursor() as cursor:
            cursor.execute(_DUE, [moment - _USED_EVERY, moment - _SHOWN_EVERY, _RUN_MOST])
            due = [row[0] for row in cursor.fetchall()]
        for first in range(0, len(due), _STEP):
            station_ids = due[first : first + _STEP]
            pauses_prune(station_ids=station_ids, moment=moment)
            pauses = pauses_of(station_ids=station_ids, moment=moment)
            rhythms = {station_id: rhythm_of(found) for station_id, found in pauses.items()}
            _rhythms_write(rhythms, moment)
            learned += sum(rhythm is not None for rhythm in rhythms.values())
    return learned


@transaction.atomic
def _rhythms_write(rhythms: Mapping[int, Rhythm | None], moment: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_LOCKED, [sorted(rhythms)])
        known = [_Known(*row) for row in cursor.fetchall()]
        learned = list(_learned(known, rhythms))
        cursor.execute(
            _LEARN,
            {
                "moment": moment,
                "ids": [one.station_id for one in learned],
                "usual": [one.usual_s for one in learned],
                "late": [one.late_s for one in learned],
                "silent": [one.silent_s for one in learned],
                "rhythms": [seconds for one in learned for seconds in one.rhythm_s],
            },
        )
        # Without any pause that counts, the known rhythm stays.
        nothing = [station_id for station_id, rhythm in rhythms.items() if rhythm is None]
        StationContact.objects.filter(pk__in=nothing).update(rhythm_at=moment)


def _learned(known: list[_Known], rhythms: Mapping[int, Rhythm | None]) -> Iterator[_Learned]:
    for row in known:
        rhythm = rhythms[row.station_id]
        if rhythm is None:
            continue
        expected = list(rhythm.expected_s)
        if row.rhythm_s is not None and not rhythm.is_believed:
            expected = [max(pair) for pair in zip(row.rhythm_s, expected, strict=True)]
        late, silent = waits_learned(expected, row.last_contact_at) if row.is_used else (None, None)
        yield _Learned(row.station_id, rhythm.usual_s if rhythm.is_believed else None, expected, late, silent)
