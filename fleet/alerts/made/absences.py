"""Absences: series without a value while their station goes on reporting others, by the station's clock.

    well ──its newest value is `for_s` older than the station's newest──▶ ringing ──a value that is not──▶ well

A backlog may bring the station's other values first. So a rule rings only if the station was already reporting when
that time began, with values that arrived soon after they were measured. Past absences are not recorded.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection

from fleet.alerts.made.changes import DOUBT, like_pattern, scale_into
from fleet.alerts.made.conditions import conditions
from fleet.alerts.made.conditions.base import JudgedValue
from fleet.alerts.made.found import Found, JudgedPlace, is_in_time
from fleet.alerts.made.hours import RuleHours
from fleet.alerts.made.judge import Episode, RuleTarget
from fleet.alerts.made.subjects import subjects
from fleet.alerts.models.made import AlertRule, RuleState
from fleet.core.models import Outage
from fleet.core.pulses import INGEST

_SLICE = 500

# Series of stations with changes, for which a rule may start or stop ringing.
_ABSENT = """
WITH rule AS MATERIALIZED (
    SELECT * FROM unnest(%(rule)s::bigint[], %(organization)s::bigint[], %(name)s::text[], %(pattern)s::text[],
        %(station)s::bigint[], %(model)s::bigint[], %(missing)s::interval[], %(judged_from)s::timestamptz[])
    AS r(rule_id, organization_id, name, pattern, for_station, for_model, missing, judged_from)
), changed AS MATERIALIZED (
    SELECT o.id, o.organization_id, o.model_id, max(c.noted_at) AS noted_at FROM rule_changed c
    JOIN telemetry_series x ON x.id = c.series_id JOIN stations_station o ON o.id = x.station_id
    WHERE o.organization_id = ANY(%(organization)s::bigint[])
      AND o.retired_at IS NULL AND o.deleted_at IS NULL AND NOT o.is_in_maintenance
    GROUP BY o.id
), reporting AS MATERIALIZED (
    SELECT c.*, (SELECT max(x.last_at) FROM telemetry_series x WHERE x.station_id = c.id) AS reported_at FROM changed c
)
SELECT r.rule_id, x.id, c.id, x.name, x.unit, x.last_at, x.last_value, c.reported_at, c.noted_at, s.since
FROM reporting c JOIN rule r ON r.organization_id = c.organization_id
JOIN telemetry_series x ON x.station_id = c.id AND (x.name = r.name OR x.name LIKE r.pattern)
LEFT JOIN alerts_rulestate s ON s.rule_id = r.rule_id AND s.series_id = x.id
WHERE (for_station IS NULL OR for_station = c.id) AND (for_model IS NULL OR for_model = c.model_id)
  AND CASE WHEN s.since IS NULL THEN x.last_at >= r.judged_from AND x.last_at <= c.reported_at - r.missing
           ELSE x.last_at > s.since AND x.last_at > c.reported_at - r.missing END
ORDER BY 1, 2
"""
# Of each other series, look at the newest value from before the rule's time began: if it arrived in time, the station
# was reporting then. Time in which Roost itself was not listening does not count as delay.
_REPORTED = """
SELECT p.place FROM unnest(%s::int[], %s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::interval[])
    AS p(place, station_id, last_at, begin, allowance)
WHERE EXISTS (
    SELECT 1 FROM telemetry_series x CROSS JOIN LATERAL (
        SELECT r.occurred_at, r.received_at FROM telemetry_reading r WHERE r.series_id = x.id
          AND r.occurred_at > p.last_at AND r.occurred_at <= p.begin AND r.flags & %s = 0
        ORDER BY r.occurred_at DESC LIMIT 1) r
    WHERE x.station_id = p.station_id AND x.last_at > p.last_at
      AND r.received_at - r.occurred_at - (
        SELECT coalesce(sum(least(o.ended_at, r.received_at) - greatest(o.started_at, r.occurred_at)), interval '0')
        FROM core_outage o WHERE o.name = %s AND o.ended_at > r.occurred_at AND o.started_at < r.received_at
      ) <= p.allowance)
"""


class Absent(NamedTuple):
    """A series that a rule may find missing, or has: its newest value, and when its station last reported."""

    rule_id: int
    series_id: int
    station_id: int
    name: str
    unit: str
    last_at: datetime
    last_value: float
    reported_at: datetime
    noted_at: datetime
    #: Since when it rings; None if it does not.
    since: datetime | None


def is_for_absence(rule: AlertRule) -> bool:
    """Whether a rule watches for values that do not come."""
    condition = conditions().get(rule.condition)
    return condition is not None and condition.is_absence


def absents_find(rules: Collection[AlertRule]) -> list[Absent]:
    """Series for which one of these rules may start or stop ringing, at stations with changes. One query."""
    rows = [_rule_row(rule) for rule in rules if is_for_absence(rule) and rule.subject in subjects()]
    if not rows:
        return []
    names = ("rule", "organization", "name", "pattern", "station", "model", "missing", "judged_from")
    known = {rule.pk: rule for rule in rules}
    with connection.cursor() as cursor:
        cursor.execute(
            _ABSENT, {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
        )
        found = [Absent(*row) for row in cursor.fetchall()]
    return [one for one in found if scale_into(known[one.rule_id], one.unit)]


def absents_judge(
    absents: Sequence[Absent],
    rules: Mapping[int, AlertRule],
    places: Mapping[int, JudgedPlace],
    outages: Sequence[Outage],
    found: Found,
) -> None:
    """Add to `found` the series that are missing now, and those that are back."""
    begins: list[Absent] = []
    for one in absents:
        place, rule = places[one.station_id], rules[one.rule_id]
        target = RuleTarget(rule, one.station_id, one.series_id, one.name, rule.unit or one.unit)
        if one.since is not None:
            scale = scale_into(rule, one.unit) or (1.0, 0.0)
            end = JudgedValue(one.last_at, one.last_value * scale[0] + scale[1])
            found.closed.append((target, Episode(one.since, end, one.last_at, end, is_known=True)))
            found.states[target] = None
        elif is_in_time(one.reported_at, one.noted_at, place.allowance, outages) and RuleHours.of(rule).has(
            one.reported_at, place.zone
        ):
            begins.append(one)
    for one in _reported_throughout(begins, rules, places):
        rule = rules[one.rule_id]
        target = RuleTarget(rule, one.station_id, one.series_id, one.name, rule.unit or one.unit)
        found.opened.append((target, Episode(one.last_at, JudgedValue(one.reported_at, one.last_value))))
        found.states[target] = RuleState(
            rule=rule, station_id=one.station_id, series_id=one.series_id, phase=RuleState.Phase.RINGING,
            since=one.last_at,
        )  # fmt: skip


def _reported_throughout(
    absents: Sequence[Absent], rules: Mapping[int, AlertRule], places: Mapping[int, JudgedPlace]
) -> list[Absent]:
    """Those whose station was already reporting when the time of the rule began."""
    kept: list[Absent] = []
    for begin in range(0, len(absents), _SLICE):
        some = absents[begin : begin + _SLICE]
        rows = [
            (
                *(place, one.station_id, one.last_at, one.reported_at - _time_of(rules[one.rule_id])),
                places[one.station_id].allowance,
            )
            for place, one in enumerate(some)
        ]
        with connection.cursor() as cursor:
            cursor.execute(_REPORTED, [*(list(column) for column in zip(*rows, strict=True)), int(DOUBT), INGEST])
            there = {place for (place,) in cursor.fetchall()}
        kept += [one for place, one in enumerate(some) if place in there]
    return kept


def _time_of(rule: AlertRule) -> timedelta:
    return timedelta(seconds=rule.for_s)


def _rule_row(rule: AlertRule) -> Sequence[object]:
    name = subjects()[rule.subject].series_name(rule.what)
    return (
        *(rule.pk, rule.organization_id),
        *((None, like_pattern(name)) if "*" in name else (name, None)),
        rule.scope_id if rule.scope == AlertRule.Scope.STATION else None,
        rule.scope_id if rule.scope == AlertRule.Scope.MODEL else None,
        *(_time_of(rule), rule.judged_from),
    )
