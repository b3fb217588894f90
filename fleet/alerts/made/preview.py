"""The preview: where and when a rule would have rung in the last 90 days, judged as live values are.

Hours that are beyond the limits throughout, or not at all, come from the roll-ups; single values are read only for
hours in which something may begin or end. Conditions that compare values over time get the least and the greatest value
of each hour.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from fleet.alerts.made.absences import is_for_absence
from fleet.alerts.made.changes import DOUBT, limits_of, named, scale_into
from fleet.alerts.made.conditions import conditions
from fleet.alerts.made.conditions.base import JudgedValue
from fleet.alerts.made.hours import RuleHours
from fleet.alerts.made.judge import Episode, judge
from fleet.alerts.made.look import places_of
from fleet.alerts.made.scopes import Nearest, placed_of
from fleet.alerts.made.subjects import subjects
from fleet.alerts.models.made import AlertRule
from fleet.stations.models import Station
from fleet.telemetry.models import Series

DAYS: Final = 90
#: Maximum series per preview, hours whose values it reads, and stretches that it names for one station.
SERIES_MOST: Final = 200
_HOURS_MOST = 5_000
STRETCHES_MOST: Final = 5
_HOUR, _LAST = timedelta(hours=1), timedelta(minutes=59, seconds=59)
#: The id of a rule that has none yet: newer than all others.
_NEW = 2**62

# 2: all values are beyond; 1: some are; 0: none is, and some are clearly back; 3: nothing changes. Single values are
# read where something may begin or end: in all hours of 1, at both ends of a run of 2, and at the start of a run of 0.
_CLASSES = """
SELECT series_id, start, sort, minimum, maximum FROM (
    SELECT h.*, CASE WHEN class = 2 AND before = 2 AND after = 2 THEN 2 WHEN class IN (1, 2) THEN 1
        WHEN class = 0 AND before <> 0 THEN 1 ELSE 0 END AS sort
    FROM (
        SELECT h.*, lag(class) OVER w AS before, lead(class) OVER w AS after FROM (
            SELECT h.series_id, h.start, h.minimum, h.maximum,
                CASE WHEN h.minimum > p.high OR h.maximum < p.low THEN 2
                     WHEN h.maximum > p.high OR h.minimum < p.low THEN 1
                     WHEN h.minimum <= p.clear_high AND h.maximum >= p.clear_low THEN 0 ELSE 3 END AS class
            FROM unnest(%s::bigint[], %s::float8[], %s::float8[], %s::float8[], %s::float8[])
                AS p(series_id, low, high, clear_low, clear_high)
            JOIN telemetry_readinghour h ON h.series_id = p.series_id
            WHERE h.start >= %s AND h.start < %s AND h.count > h.outside AND NOT EXISTS (
                SELECT 1 FROM telemetry_dirtyhour d WHERE d.series_id = h.series_id AND d.hour = h.start)
        ) AS h WINDOW w AS (PARTITION BY series_id ORDER BY start)
    ) AS h
) AS h WHERE %s OR sort > 0 ORDER BY 1, 2
"""
_DIRTY = """
SELECT DISTINCT series_id, hour FROM telemetry_dirtyhour WHERE series_id = ANY(%s) AND hour >= %s AND hour < %s
ORDER BY 2 DESC LIMIT %s
"""
_VALUES = """
SELECT p.series_id, r.occurred_at, r.value FROM unnest(%s::bigint[], %s::timestamptz[]) AS p(series_id, hour)
CROSS JOIN LATERAL (
    SELECT r.occurred_at, r.value FROM telemetry_reading r WHERE r.series_id = p.series_id AND r.occurred_at >= p.hour
    AND r.occurred_at < p.hour + interval '1 hour' AND r.flags & %s = 0 OFFSET 0
) r
"""

# Hours with a value before a gap that is long enough, and the first hour in the gap by which the station reported.
_GAPS = """
WITH hours AS (
    SELECT series_id, start FROM telemetry_readinghour
    WHERE series_id = ANY(%(series)s) AND start >= %(start)s AND start < %(end)s AND count > 0
    UNION SELECT series_id, hour FROM telemetry_dirtyhour
    WHERE series_id = ANY(%(series)s) AND hour >= %(start)s AND hour < %(end)s
), gaps AS (
    SELECT series_id, start, lead(start) OVER (PARTITION BY series_id ORDER BY start) AS back FROM hours
)
SELECT g.series_id, g.start, g.back, r.start FROM gaps g JOIN telemetry_series x ON x.id = g.series_id
CROSS JOIN LATERAL (
    SELECT min(h.start) AS start FROM telemetry_series o JOIN telemetry_readinghour h ON h.series_id = o.id
    WHERE o.station_id = x.station_id AND h.start >= g.start + interval '1 hour' + %(missing_s)s * interval '1 second'
      AND h.start < coalesce(g.back, %(end)s)
) r WHERE (g.back IS NULL OR g.back > g.start + interval '1 hour' + %(missing_s)s * interval '1 second') AND r.start IS NOT NULL
ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """A station at which the rule would have rung: how often, for how long in total, and the newest stretches."""

    station: Station
    number: int
    lasted_s: float
    stretches: list[tuple[datetime, datetime | None]]
    rings_now: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """Stations at which the rule would have rung, most often first; how many stations were looked at, of how many."""

    rows: list[PreviewRow]
    looked_at: int
    stations: int
    #: Some hours were judged by their roll-ups only, where something may have begun or ended.
    is_rough: bool = False

    @property
    def is_too_much(self) -> bool:
        """Whether it would have rung at more than half of the stations, if there are at least two."""
        return self.looked_at > 1 and len(self.rows) * 2 > self.looked_at

    @property
    def incidents(self) -> int:
        """The number of times that it would have rung."""
        return sum(row.number for row in self.rows)


@dataclass(slots=True)
class _PreviewValues:
    """Values by series, and whether some hours have only their least and greatest."""

    points: dict[int, list[JudgedValue]] = field(default_factory=lambda: defaultdict(list))
    is_rough: bool = False


def preview_of(rule: AlertRule, moment: datetime) -> Preview:
    """Judge the last 90 days by a rule that need not be saved."""
    series = _series_of(rule)
    stations = {one.station_id for one in series}
    some = _spread(series)
    if is_for_absence(rule):
        return _of_absence(rule, some, moment, len(stations))
    read = _points_read(rule, some, moment)
    places, hours = places_of({one.station_id for one in some}, moment), RuleHours.of(rule)
    found: dict[int, list[Episode]] = defaultdict(list)
    for one in some:
        zone = places[one.station_id].zone
        verdict = judge(
            read.points.get(one.pk, []),
            limits_of(rule),
            hold=timedelta(seconds=rule.for_s),
            is_active=lambda at, zone=zone: hours.has(at, zone),  # type: ignore[misc]
        )
        found[one.station_id] += verdict.episodes
    known = {one.station_id: one.station for one in some}
    rows = [_row(known[station_id], episodes) for station_id, episodes in found.items() if episodes]
    rows.sort(key=lambda row: (-row.number, row.station.serial))
    return Preview(rows, len(known), len(stations), read.is_rough)


def _of_absence(rule: AlertRule, series: Sequence[Series], moment: datetime, stations: int) -> Preview:
    """Judge by which hours have values: an absence that leaves no hour empty goes unnoticed."""
    start = moment - timedelta(days=DAYS)
    known, hours = {one.pk: one for one in series}, RuleHours.of(rule)
    places = places_of({one.station_id for one in series}, moment)
    found: dict[int, list[Episode]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_GAPS, {"series": list(known), "start": start, "end": moment, "missing_s": rule.for_s})
        for series_id, last, back, reported in cursor.fetchall():
            station_id = known[series_id].station_id
            if hours.has(reported, places[station_id].zone):
                end = JudgedValue(reported, 0.0)
                found[station_id].append(Episode(last + _LAST, end, back, end if back else None))
    by_id = {one.station_id: one.station for one in series}
    rows = [_row(by_id[station_id], episodes) for station_id, episodes in found.items()]
    rows.sort(key=lambda row: (-row.number, row.station.serial))
    return Preview(rows, len(by_id), stations, is_rough=True)


def _series_of(rule: AlertRule) -> list[Series]:
    """The series that the rule would judge, at stations where it is the nearest of its name."""
    name = subjects()[rule.subject].series_name(rule.what)
    ours = Series.objects.filter(
        station__organization=rule.organization_id, station__retired_at=None, station__deleted_at=None
    )
    ours = ours.filter(named(name))
    fitting = [one for one in ours.select_related("station").order_by("station_id", "pk") if scale_into(rule, one.unit)]
    judged = AlertRule.objects.filter(organization=rule.organization_id, name__iexact=rule.name, is_on=True)
    family = [*judged.exclude(pk=rule.pk or 0), _copy(rule)]
    nearest = Nearest(family, placed_of(family, {one.station_id for one in fitting}))
    return [one for one in fitting if nearest.holds(family[-1], one.station_id)]


def _copy(rule: AlertRule) -> AlertRule:
    return AlertRule(
        pk=rule.pk or _NEW, organization_id=rule.organization_id, name=rule.name, scope=rule.scope,
        scope_id=rule.scope_id, tag=rule.tag,
    )  # fmt: skip


def _spread(series: Sequence[Series]) -> list[Series]:
    """At most `SERIES_MOST` of these, spread evenly over the stations."""
    step = max(-(-len(series) // SERIES_MOST), 1)
    return list(series[::step])


def _points_read(rule: AlertRule, series: Sequence[Series], moment: datetime) -> _PreviewValues:
    """The values to judge, in the rule's unit and in order of time."""
    read = _PreviewValues()
    if not series:
        return read
    is_derived = conditions()[rule.condition].derive is not None
    start, numbers = moment - timedelta(days=DAYS), [one.pk for one in series]
    limits = [limits_of(rule).scaled(1 / scale[0], -scale[1] / scale[0]) for scale in _scales(rule, series)]
    columns = [[getattr(one, name) for one in limits] for name in ("low", "high", "clear_low", "clear_high")]
    with connection.cursor() as cursor:
        cursor.execute(_DIRTY, [numbers, start, moment, _HOURS_MOST])
        wanted = dict.fromkeys(cursor.fetchall(), (0.0, 0.0))
        read.is_rough = len(wanted) >= _HOURS_MOST
        whole: list[tuple[int, JudgedValue]] = []
        dirty = set(wanted)
        cursor.execute(_CLASSES, [numbers, *columns, start, moment, is_derived])
        for series_id, hour, sort, least, greatest in cursor.fetchall():
            if sort == 1 and not is_derived and len(wanted) < _HOURS_MOST:
                wanted[series_id, hour] = (least, greatest)
                continue
            read.is_rough = read.is_rough or sort == 1
            ends = (greatest, least) if sort == 1 else (least, greatest)
            whole += [(series_id, JudgedValue(hour, ends[0])), (series_id, JudgedValue(hour + _LAST, ends[1]))]
        cursor.execute(_VALUES, [[key[0] for key in wanted], [key[1] for key in wanted], int(DOUBT)])
        rows = [(series_id, JudgedValue(at, value)) for series_id, at, value in cursor.fetchall()]
    there = {(series_id, point.at.replace(minute=0, second=0, microsecond=0)) for series_id, point in rows}
    for (series_id, hour), ends in wanted.items():
        # The values are in cold storage, or were removed: only the roll-up is left.
        if (series_id, hour) not in there and (series_id, hour) not in dirty:
            read.is_rough = True
            whole += [(series_id, JudgedValue(hour, ends[1])), (series_id, JudgedValue(hour + _LAST, ends[0]))]
    scales = dict(zip(numbers, _scales(rule, series), strict=True))
    for series_id, point in sorted((*rows, *whole)):
        factor, offset = scales[series_id]
        read.points[series_id].append(JudgedValue(point.at, point.value * factor + offset))
    derive = conditions()[rule.condition].derive
    if derive is not None:
        within = timedelta(seconds=rule.within_s)
        read.points = {series_id: derive(points, within) for series_id, points in read.points.items()}
        read.is_rough = True
    return read


def _scales(rule: AlertRule, series: Sequence[Series]) -> list[tuple[float, float]]:
    return [scale_into(rule, one.unit) or (1.0, 0.0) for one in series]


def _row(station: Station, episodes: Sequence[Episode]) -> PreviewRow:
    ordered = sorted(episodes, key=lambda one: one.began_at, reverse=True)
    ends = [one.ended_at or one.last.at for one in ordered]
    return PreviewRow(
        station,
        len(ordered),
        sum((end - one.began_at).total_seconds() for one, end in zip(ordered, ends, strict=True)),
        [(one.began_at, one.ended_at) for one in ordered[:STRETCHES_MOST]],
        any(one.ended_at is None for one in ordered),
    )
