"""Changes since the last pass: the hours that ingest noted, and the rules that could find something in them.

The database narrows them down: it reads the least and the greatest value of each hour that got rows, once for all
rules, and returns the pairs of rule and series for which something may begin or end. Only the values of these pairs are
read and judged.
"""

import re
from collections.abc import Collection, Sequence
from datetime import datetime
from math import inf
from typing import NamedTuple

from django.db import connection
from django.db.models import Q

from fleet.alerts.made.conditions import conditions
from fleet.alerts.made.conditions.base import Limits
from fleet.alerts.made.subjects import subjects
from fleet.alerts.models.made import AlertRule, RuleNote
from fleet.telemetry.models import Suspicion
from message_queue.units import conversion, scale_of

#: Maximum notes, and hours of series in them, that one pass takes.
NOTES_MOST, HOURS_MOST = 2_000, 250_000
#: Rows with any of these marks are not judged: their time or value is not believed.
DOUBT = Suspicion.EPOCH | Suspicion.FUTURE | Suspicion.ANCIENT | Suspicion.OUTSIDE
#: Share of a limit by which the database lets more through, as converting it to the unit of the series may round it.
_SLACK = 1e-9

_CLAIM = """
WITH due AS (
    SELECT id FROM (
        SELECT id, sum(hours) OVER (ORDER BY id) - hours AS before FROM (
            SELECT id, cardinality(series_ids) AS hours FROM alerts_rulenote ORDER BY id LIMIT %s
        ) AS n
    ) AS d WHERE before < %s
), gone AS (
    DELETE FROM alerts_rulenote n USING due WHERE n.id = due.id RETURNING n.series_ids, n.hours, n.noted_at
)
INSERT INTO rule_changed
SELECT p.series_id, timestamptz '2000-01-01 00:00:00+00' + p.hour * interval '1 hour', min(gone.noted_at)
FROM gone, unnest(gone.series_ids, gone.hours) AS p(series_id, hour) GROUP BY 1, 2
"""
_UNITS = """
SELECT DISTINCT o.organization_id, x.unit FROM (SELECT DISTINCT series_id FROM rule_changed) c
JOIN telemetry_series x ON x.id = c.series_id JOIN stations_station o ON o.id = x.station_id
JOIN organizations_organization g ON g.id = o.organization_id AND g.deleted_at IS NULL
"""
# A table of its own, so that the planner knows how many rows it has: it assumes that an expression has few, and would
# compare every row with every other.
_MATCH = """
CREATE TEMP TABLE rule_matched ON COMMIT DROP AS
WITH rule AS MATERIALIZED (
    SELECT * FROM unnest(%(rule)s::bigint[], %(organization)s::bigint[], %(unit)s::text[], %(name)s::text[],
        %(pattern)s::text[], %(station)s::bigint[], %(model)s::bigint[], %(is_always)s::bool[], %(low)s::float8[],
        %(high)s::float8[], %(clear_low)s::float8[], %(clear_high)s::float8[])
    AS r(rule_id, organization_id, unit, name, pattern, station_id, model_id, is_always, low, high, clear_low, clear_high)
), changed AS MATERIALIZED (
    SELECT c.series_id, x.station_id, x.name, x.unit, x.last_at, o.organization_id, o.model_id
    FROM (SELECT DISTINCT series_id FROM rule_changed) c
    JOIN telemetry_series x ON x.id = c.series_id JOIN stations_station o ON o.id = x.station_id
    WHERE o.organization_id = ANY(%(organizations)s::bigint[])
      AND o.retired_at IS NULL AND o.deleted_at IS NULL AND NOT o.is_in_maintenance
), pairs AS (
    SELECT c.*, r.rule_id, r.station_id AS for_station, r.model_id AS for_model, is_always, low, high, clear_low, clear_high
    FROM changed c JOIN rule r ON r.organization_id = c.organization_id AND r.unit = c.unit AND r.name = c.name
    UNION ALL
    SELECT c.*, r.rule_id, r.station_id, r.model_id, is_always, low, high, clear_low, clear_high
    FROM changed c JOIN rule r ON r.organization_id = c.organization_id AND r.unit = c.unit AND c.name LIKE r.pattern
)
SELECT series_id, station_id, name, unit, last_at, rule_id, is_always, low, high, clear_low, clear_high FROM pairs
WHERE (for_station IS NULL OR for_station = station_id) AND (for_model IS NULL OR for_model = model_id)
"""
# A row whose moment is taken is stored microseconds later, maybe in the next hour: hence the second. OFFSET 0 forces a
# lookup by key for each hour, whatever the planner believes about the table.
_CANDIDATES = """
WITH found AS MATERIALIZED (
    SELECT c.series_id, c.hour, c.noted_at, v.least, v.greatest FROM rule_changed c CROSS JOIN LATERAL (
        SELECT min(r.value) AS least, max(r.value) AS greatest FROM telemetry_reading r
        WHERE r.series_id = c.series_id AND r.occurred_at >= c.hour AND r.flags & %(doubt)s = 0
          AND r.occurred_at < c.hour + interval '1 hour 1 second' OFFSET 0
    ) v WHERE c.series_id IN (SELECT series_id FROM rule_matched)
)
SELECT m.rule_id, m.series_id, m.station_id, m.name, m.unit, m.last_at, f.hour, f.noted_at, s.phase, s.since, s.is_late
FROM rule_matched m JOIN found f USING (series_id)
LEFT JOIN alerts_rulestate s ON s.rule_id = m.rule_id AND s.series_id = m.series_id
WHERE f.least IS NOT NULL AND (
    m.is_always OR f.greatest > m.high OR f.least < m.low OR s.phase = 'pending' OR s.is_late
    OR (s.phase = 'ringing' AND f.least <= m.clear_high AND f.greatest >= m.clear_low))
ORDER BY m.rule_id, m.series_id, f.hour
"""


class Candidate(NamedTuple):
    """An hour of a series in which a rule may find something, and the rule's state there."""

    rule_id: int
    series_id: int
    station_id: int
    name: str
    unit: str
    last_at: datetime | None
    hour: datetime
    noted_at: datetime
    phase: str | None
    since: datetime | None
    is_late: bool | None


def changes_claim() -> bool:
    """Move notes into `rule_changed`, a temporary table of this transaction; False if there are none."""
    if not RuleNote.objects.exists():
        return False
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS rule_changed")
        cursor.execute(
            "CREATE TEMP TABLE rule_changed (series_id bigint, hour timestamptz, noted_at timestamptz) ON COMMIT DROP"
        )
        cursor.execute(_CLAIM, [NOTES_MOST, HOURS_MOST])
        is_any = bool(cursor.rowcount)
        if is_any:
            cursor.execute("ANALYZE rule_changed")
        return is_any


def changes_units() -> dict[int, set[str]]:
    """The organizations with changes, and the units of the changed series."""
    found: dict[int, set[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_UNITS)
        for organization_id, unit in cursor.fetchall():
            found.setdefault(organization_id, set()).add(unit)
    return found


def candidates_find(rules: Collection[AlertRule], units: dict[int, set[str]]) -> list[Candidate]:
    """The hours in which one of these rules may find something, by rule, series and hour."""
    columns = list(zip(*[row for rule in rules for row in _rule_rows(rule, units)], strict=True))
    if not columns:
        return []
    names = (
        *("rule", "organization", "unit", "name", "pattern", "station", "model", "is_always"),
        *("low", "high", "clear_low", "clear_high"),
    )
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS rule_matched")
        told = {name: list(column) for name, column in zip(names, columns, strict=True)}
        cursor.execute(_MATCH, {**told, "organizations": sorted(units)})
        cursor.execute("ANALYZE rule_matched")
        cursor.execute(_CANDIDATES, {"doubt": int(DOUBT)})
        return [Candidate(*row) for row in cursor.fetchall()]


def limits_of(rule: AlertRule) -> Limits:
    """The limits of a rule, in its own unit."""
    return conditions()[rule.condition].limits(
        {"low": rule.low, "high": rule.high, "clear_low": rule.clear_low, "clear_high": rule.clear_high}
    )


def scale_into(rule: AlertRule, unit: str) -> tuple[float, float] | None:
    """Factor and offset that turn a value of a series into the rule's unit; None if the two do not fit.

    Differences have no offset. A rule without a unit takes values as they are.
    """
    if not rule.unit or rule.unit == unit:
        return 1.0, 0.0
    if scale_of(rule.unit).dimension != scale_of(unit).dimension:
        return None
    change = conversion(unit, rule.unit)
    if change is None:
        return 1.0, 0.0
    is_difference = conditions()[rule.condition].derive is not None
    return change.factor, 0.0 if is_difference else change.offset


def named(name: str, path: str = "name") -> Q:
    """The condition for series of a name with or without `*`; `path` leads to the name."""
    if "*" not in name:
        return Q(**{path: name})
    return Q(**{f"{path}__regex": "^" + ".*".join(re.escape(part) for part in name.split("*")) + "$"})


def like_pattern(name: str) -> str:
    """The pattern of LIKE for a name with `*`."""
    escaped = name.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%")


def _rule_rows(rule: AlertRule, units: dict[int, set[str]]) -> list[Sequence[object]]:
    """A row for each unit in which series of the rule may be: the limits in that unit, with some slack."""
    subject, condition = subjects().get(rule.subject), conditions().get(rule.condition)
    if subject is None or condition is None or condition.is_absence:
        return []
    name = subject.series_name(rule.what)
    found: list[Sequence[object]] = []
    for unit in units.get(rule.organization_id, ()):
        scale = scale_into(rule, unit)
        if scale is None:
            continue
        factor, offset = scale
        limits = limits_of(rule).scaled(1 / factor, -offset / factor)
        found.append(
            (
                *(rule.pk, rule.organization_id, unit),
                *((None, like_pattern(name)) if "*" in name else (name, None)),
                rule.scope_id if rule.scope == AlertRule.Scope.STATION else None,
                rule.scope_id if rule.scope == AlertRule.Scope.MODEL else None,
                condition.derive is not None,
                *(_nearer(limits.low, 1), _nearer(limits.high, -1)),
                *(_nearer(limits.clear_low, -1), _nearer(limits.clear_high, 1)),
            )
        )
    return found


def _nearer(limit: float, sign: int) -> float:
    return limit if limit in (inf, -inf) else limit + sign * (abs(limit) * _SLACK + 1e-12)
