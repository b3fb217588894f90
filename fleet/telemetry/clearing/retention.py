"""Retention: removing readings after the time, or beyond the number, that a rule sets. Roll-ups outlive rows.

`raw_from` and `hours_from` of a series record how far it has been cleared, and move in the transaction of the
deletion. They are whole hours: roll-ups before them are no longer rebuilt, because their rows are gone; late rows are
added to them instead. The ledger is untouched.
"""

import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import OperationalError, connection, transaction
from django.db.models import Q

from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.errors import Unavailable
from fleet.core.locks import transaction_lock
from fleet.organizations.models import Organization
from fleet.telemetry.clearing.detections import detections_clear
from fleet.telemetry.cold.reading import cold_total
from fleet.telemetry.cold_files import ColdFile
from fleet.telemetry.keeping.models import RetentionRule
from fleet.telemetry.keeping.rules import rule_of, rules_of_organization
from fleet.telemetry.keeping.tallies import removed_count
from fleet.telemetry.models import DirtyHour, Series
from fleet.telemetry.partitions import partition_list
from fleet.telemetry.rollups import LOCK

#: Approximate number of rows removed per transaction; at least one day of a series.
ROWS_MOST = 50_000
_READINGS = "telemetry_reading"
_FIRST = datetime(1, 1, 1, tzinfo=UTC)
#: The start of the hour in which a series reaches the number of readings to keep, counted back from now. Cold readings
#: count too; readings from a clock that ran ahead do not, because they would push out all others.
_REACHED: Final = """
SELECT series_id, max(start) FROM (
    SELECT h.series_id, h.start, n.most, sum(h.count) OVER (PARTITION BY h.series_id ORDER BY h.start DESC) AS newer
    FROM unnest(%(series)s::bigint[], %(most)s::bigint[]) AS n(id, most) JOIN telemetry_series s ON s.id = n.id
    JOIN telemetry_readinghour h ON h.series_id = n.id AND h.start <= %(moment)s
        AND (s.raw_from IS NULL OR h.start >= s.raw_from)
) AS counted WHERE newer >= most GROUP BY 1
"""


@dataclass(slots=True)
class Removed:
    """Counts of what a run removed, or would remove."""

    readings: int = 0
    hours: int = 0
    days: int = 0
    #: Readings that arrived late for a time already cleared: they were added to the roll-ups, then removed too.
    late: int = 0
    #: Single detections; their counts stay.
    detections: int = 0
    #: Series that have to wait, because some hours are not rolled up yet, cold storage cannot be read, or another
    #: process holds the lock; and stations that have to wait, see `detections_clear`.
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """Cutoffs of one series: everything before these moments is due."""

    series_id: int
    raw: datetime | None
    hours: datetime | None
    days: datetime | None


def retention_run(
    *, moment: datetime | None = None, is_dry: bool = False, seconds: float = 300.0
) -> dict[str, Removed]:
    """Remove what is due, in bounded steps, and record it; return the results by name of organization.

    No new series is begun once `seconds` are over; the next run continues.

    1. partitions whose rows are all due are truncated
    2. rows, series by series
    3. roll-ups, series by series
    4. detections, station by station
    """
    moment = moment or clock.now()
    today = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    found: dict[str, Removed] = {}
    until = time.monotonic() + seconds
    due = {organization: _cutoffs(organization, today, moment) for organization in _organizations()}
    whole = {} if is_dry else _partitions_empty([cut for cuts in due.values() for cut in cuts])
    for organization, cuts in due.items():
        removed = Removed(readings=sum(whole.get(cut.series_id, 0) for cut in cuts))
        removed.late = _late_take(organization, is_dry=is_dry)
        for cut in cuts:
            if time.monotonic() < until:
                _clear(cut, removed, is_dry=is_dry)
        removed.detections, waiting = detections_clear(
            organization, today, is_dry=is_dry, is_over=lambda: time.monotonic() >= until
        )
        removed.waiting += waiting
        if asdict(removed) != asdict(Removed()):
            found[organization.name] = removed
            if not is_dry:
                audit_write(
                    actor=None,
                    organization_id=organization.pk,
                    action="retention.run",
                    subject=organization.name,
                    detail=asdict(removed),
                )
    return found


def _organizations() -> list[Organization]:
    ruled = Q(detection_rule__isnull=False) | Q(retention_rules__isnull=False)
    ruled |= Q(stations__retention_rules__isnull=False)
    return list(Organization.objects.filter(ruled).distinct().order_by("id"))


@transaction.atomic
def _late_take(organization: Organization, *, is_dry: bool) -> int:
    """Take the number of late readings since the last run, and reset the count."""
    rules = RetentionRule.objects.select_for_update().filter(organization=organization, late__gt=0)
    late = sum(rules.values_list("late", flat=True))
    if late and not is_dry:
        rules.update(late=0)
    return late


def _cutoffs(organization: Organization, today: datetime, moment: datetime) -> list[Cutoffs]:
    """Cutoffs of each series of an organization to which a rule applies."""
    rules, most = rules_of_organization(organization), dict[int, int]()
    cuts = []
    named = Series.objects.filter(station__organization=organization).order_by("id")
    for series_id, station_id, name in named.values_list("id", "station_id", "name"):
        rule = rule_of(rules, station_id=station_id, name=name)
        if rule is not None:
            before = (
                None if days is None else today - timedelta(days=days)
                for days in (rule.raw_days, rule.hour_days, rule.day_days)
            )
            cuts.append(Cutoffs(series_id, *before))
            if rule.most is not None:
                most[series_id] = rule.most
    reached = _reached(most, moment)
    return [replace(cut, raw=_later(cut.raw, reached.get(cut.series_id))) for cut in cuts]


def _reached(most: dict[int, int], moment: datetime) -> dict[int, datetime]:
    """By id of series, the start of the readings to keep; series that have fewer readings are left out."""
    if not most:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_REACHED, {"series": list(most), "most": list(most.values()), "moment": moment})
        return dict(cursor.fetchall())


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(one, other) if one and other else one or other


def _partitions_empty(cuts: list[Cutoffs]) -> dict[int, int]:
    """Truncate partitions whose rows are all due; return the number of rows that each series lost.

    The empty partitions stay, for late rows.
    """
    lost: dict[int, int] = {}
    raw = {cut.series_id: cut.raw for cut in cuts if cut.raw is not None}
    if not raw or Series.objects.exclude(id__in=list(raw)).exists():
        return lost
    for part in partition_list(table=_READINGS):
        if part.end is None or part.end > min(raw.values()):
            break
        if ColdFile.objects.filter(state=ColdFile.State.COLD, month__lt=part.end.date()).exists():
            # Cold readings must be counted series by series.
            break
        try:
            with transaction.atomic():
                for series_id, rows in _partition_empty(f"{_READINGS}_{part.name}", part.end, list(raw)).items():
                    lost[series_id] = lost.get(series_id, 0) + rows
        except OperationalError:
            # Somebody reads or writes there; the rows are removed series by series, or tomorrow.
            continue
    return lost


def _partition_empty(name: str, end: datetime, series_ids: list[int]) -> dict[int, int]:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '120s'")
        if not transaction_lock(LOCK):
            return {}
        # Counted before the lock blocks anybody. Rows that come meanwhile bring a note, and then nothing is removed.
        cursor.execute(f"SELECT series_id, count(*) FROM {name} GROUP BY series_id")  # noqa: S608 - a name of our own
        lost = dict(cursor.fetchall())
        if not lost:
            return {}
        cursor.execute(f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE")
        # Rows that were being written are visible now, with their notes. A new series would not be in `series_ids`.
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM telemetry_dirtyhour WHERE hour < %s) "
            "OR EXISTS (SELECT 1 FROM telemetry_series WHERE id <> ALL(%s))",
            [end, series_ids],
        )
        if cursor.fetchone() != (False,):
            return {}
        cursor.execute(f"TRUNCATE {name}")
        cursor.execute(
            "UPDATE telemetry_series SET raw_from = %s WHERE id = ANY(%s) AND (raw_from IS NULL OR raw_from < %s)",
            [end, series_ids, end],
        )
        removed_count(lost)
    return lost


def _clear(cut: Cutoffs, removed: Removed, *, is_dry: bool) -> None:
    """Remove what is due in one series, or count it."""
    if is_dry:
        removed.readings += _count(_READINGS, "occurred_at", cut.series_id, cut.raw) + _cold_before(
            cut.series_id, cut.raw
        )
        removed.hours += _count("telemetry_readinghour", "start", cut.series_id, cut.hours)
        removed.days += _count("telemetry_readingday", "start", cut.series_id, cut.days)
        return
    if cut.raw is not None:
        try:
            rows, is_done = _rows_clear(cut.series_id, cut.raw)
        except Unavailable:
            # Some of its readings are in a cold file that cannot be read now.
            rows, is_done = 0, False
        removed.readings += rows
        if not is_done:
            removed.waiting += 1
            return
    if cut.hours is not None:
        removed.hours += _hours_clear(cut.series_id, cut.hours)
    if cut.days is not None:
        removed.days += _delete("telemetry_readingday", "start", cut.series_id, cut.days)


def _rows_clear(series_id: int, before: datetime) -> tuple[int, bool]:
    """Remove a series' rows before a moment; return how many, and whether all are gone.

    They are not if some must be rolled up first, or another process holds the lock.
    """
    total = 0
    while True:
        with transaction.atomic():
            until = _step_end(series_id, before)
            if not transaction_lock(LOCK) or _is_dirty(series_id, until):
                return total, False
            # From now on readers ignore the cold rows of that time; the next run of cold storage removes them.
            rows = _cold_before(series_id, until) + _delete(_READINGS, "occurred_at", series_id, until)
            removed_count({series_id: rows})
            total += rows
            Series.objects.filter(pk=series_id).exclude(raw_from__gte=until).update(raw_from=until)
        if until >= before:
            return total, True


def _cold_before(series_id: int, before: datetime | None) -> int:
    return 0 if before is None else cold_total([series_id], _FIRST, before)


def _step_end(series_id: int, before: datetime) -> datetime:
    """The end of the day that contains the last of the oldest `ROWS_MOST` rows, but at most `before`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT least(%(before)s, date_trunc('day', occurred_at, 'UTC') + interval '1 day') FROM telemetry_reading "
            "WHERE series_id = %(series)s AND occurred_at < %(before)s ORDER BY occurred_at OFFSET %(most)s LIMIT 1",
            {"series": series_id, "before": before, "most": ROWS_MOST - 1},
        )
        row = cursor.fetchone()
    return row[0] if row else before


def _hours_clear(series_id: int, before: datetime) -> int:
    """Remove a series' hourly roll-ups, from which the daily ones were made; return how many."""
    with transaction.atomic():
        if not transaction_lock(LOCK) or _is_dirty(series_id, before):
            return 0
        Series.objects.filter(pk=series_id).exclude(hours_from__gte=before).update(hours_from=before)
        return _delete("telemetry_readinghour", "start", series_id, before)


def _is_dirty(series_id: int, before: datetime) -> bool:
    return DirtyHour.objects.filter(series_id=series_id, hour__lt=before).exists()


def _delete(table: str, column: str, series_id: int, before: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table} WHERE series_id = %s AND {column} < %s", [series_id, before])  # noqa: S608 - our own tables
        return int(cursor.rowcount)


def _count(table: str, column: str, series_id: int, before: datetime | None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table} WHERE series_id = %s AND {column} < %s", [series_id, before])  # noqa: S608 - our own tables
        row = cursor.fetchone()
    return int(row[0]) if row else 0
