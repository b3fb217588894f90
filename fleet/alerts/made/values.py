"""The values around changes, for the few pairs of rule and series that the database returned."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection

from fleet.alerts.made.changes import DOUBT, Candidate, limits_of, scale_into
from fleet.alerts.made.conditions import conditions
from fleet.alerts.made.conditions.base import JudgedValue, Limits
from fleet.alerts.models.made import AlertRule

#: Stretches whose values one query reads.
_SLICE = 500
_HOUR = timedelta(hours=1)
_SECOND = timedelta(seconds=1)

# The values of each stretch, and the nearest decisive value (beyond the limits or clearly back) after it and, for data
# that came late, before it.
_VALUES = """
SELECT p.place, v.sort, v.occurred_at, v.value FROM unnest(%s::int[], %s::bigint[], %s::timestamptz[],
    %s::timestamptz[], %s::bool[], %s::bool[], %s::float8[], %s::float8[], %s::float8[], %s::float8[])
    AS p(place, series_id, start, stop, is_late, is_plain, low, high, clear_low, clear_high)
CROSS JOIN LATERAL (
    SELECT 1 AS sort, r.occurred_at, r.value FROM telemetry_reading r WHERE r.series_id = p.series_id
      AND r.occurred_at >= p.start AND r.occurred_at < p.stop AND r.flags & %s = 0
    UNION ALL (
        SELECT 2, r.occurred_at, r.value FROM telemetry_reading r WHERE p.is_plain AND r.series_id = p.series_id
          AND r.occurred_at >= p.stop AND r.flags & %s = 0
          AND (r.value < p.low OR r.value > p.high OR r.value BETWEEN p.clear_low AND p.clear_high)
        ORDER BY r.occurred_at LIMIT 1)
    UNION ALL (
        SELECT 0, r.occurred_at, r.value FROM telemetry_reading r
        WHERE p.is_plain AND p.is_late AND r.series_id = p.series_id
          AND r.occurred_at < p.start AND r.flags & %s = 0
          AND (r.value < p.low OR r.value > p.high OR r.value BETWEEN p.clear_low AND p.clear_high)
        ORDER BY r.occurred_at DESC LIMIT 1)
) AS v ORDER BY 1, 3
"""


@dataclass(slots=True)
class JudgedHours:
    """A stretch of one series to judge by one rule, with its values in the rule's unit."""

    rule: AlertRule
    first: Candidate
    start: datetime
    stop: datetime
    #: The moment at which the rows of its last hour were written.
    noted_at: datetime
    #: Values before this one only help to compare later ones.
    judged_from: datetime
    #: Values later than these hours were already known.
    is_late: bool = False
    #: Nothing decisive comes after its values.
    is_newest: bool = True
    points: list[JudgedValue] = field(default_factory=list)


def stretches_of(rule: AlertRule, candidates: Sequence[Candidate]) -> list[JudgedHours]:
    """The stretches to judge, from the hours of one series in order; each is as long as its judgement needs."""
    hold, within = timedelta(seconds=rule.for_s), timedelta(seconds=rule.within_s)
    found: list[JudgedHours] = []
    for one in candidates:
        end = one.hour + _HOUR + _SECOND
        if found and one.hour <= found[-1].stop + 2 * (hold + within):
            found[-1].stop, found[-1].noted_at = end, one.noted_at
        else:
            found.append(JudgedHours(rule, one, one.hour, end, one.noted_at, one.hour))
    first, last_at = candidates[0], candidates[0].last_at
    if first.since is not None and last_at is not None:
        # The rule is pending or ringing: values that came into the middle of that are judged with all that followed.
        going = [stretch for stretch in found if stretch.stop > first.since]
        if going:
            going[0].stop = max(going[-1].stop, last_at + _SECOND)
            going[0].noted_at = going[-1].noted_at
            found = [stretch for stretch in found if stretch.stop <= first.since] + going[:1]
    for stretch in found:
        if last_at is not None and last_at >= stretch.stop:
            stretch.is_late = True
            stretch.judged_from -= hold
            stretch.stop += hold + within
        if conditions()[rule.condition].derive is not None:
            stretch.is_newest = last_at is None or last_at < stretch.stop
        stretch.start = stretch.judged_from - within
    return found


def values_read(stretches: Sequence[JudgedHours]) -> None:
    """Read the values of stretches, some hundreds per query."""
    for begin in range(0, len(stretches), _SLICE):
        some = stretches[begin : begin + _SLICE]
        rows = [_row(place, stretch) for place, stretch in enumerate(some)]
        with connection.cursor() as cursor:
            cursor.execute(_VALUES, [*(list(column) for column in zip(*rows, strict=True)), *[int(DOUBT)] * 3])
            for place, sort, at, value in cursor.fetchall():
                stretch = some[place]
                scale = scale_into(stretch.rule, stretch.first.unit) or (1.0, 0.0)
                if at >= stretch.rule.judged_from:
                    stretch.points.append(JudgedValue(at, value * scale[0] + scale[1]))
                if sort == 2:
                    stretch.is_newest = False
    for stretch in stretches:
        derive = conditions()[stretch.rule.condition].derive
        if derive is not None:
            spans = derive(stretch.points, timedelta(seconds=stretch.rule.within_s))
            stretch.points = [point for point in spans if point.at >= stretch.judged_from]


def _row(place: int, stretch: JudgedHours) -> Sequence[object]:
    scale = scale_into(stretch.rule, stretch.first.unit) or (1.0, 0.0)
    limits: Limits = limits_of(stretch.rule).scaled(1 / scale[0], -scale[1] / scale[0])
    is_plain = conditions()[stretch.rule.condition].derive is None
    return (
        *(place, stretch.first.series_id, stretch.start, stretch.stop, stretch.is_late, is_plain),
        *(limits.low, limits.high, limits.clear_low, limits.clear_high),
    )
