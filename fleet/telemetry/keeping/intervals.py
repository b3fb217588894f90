"""Intervals of time of which a series stores one reading each."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Q

from fleet.stations.models import Station
from fleet.telemetry.keeping.models import RetentionRule
from fleet.telemetry.keeping.rules import rule_of, rules_of_station

#: Intervals are counted from here: whole hours and days begin as by the clock in UTC, and weeks on Mondays.
_ORIGIN = "timestamptz '0001-01-01 00:00:00+00'"


def interval_sql(moment: str, seconds: str) -> tuple[str, str]:
    """SQL for the beginning and the end of the interval in which a moment is; the end is not part of it."""
    width = f"make_interval(secs => {seconds})"
    begin = f"date_bin({width}, {moment}, {_ORIGIN})"
    return begin, f"({begin} + {width})"


def station_intervals(station_ids: Collection[int]) -> list[tuple[int, int, datetime]]:
    """Series of these stations that store one reading in each interval: id, seconds, and since when."""
    of_them = Q(station__in=station_ids) | Q(organization__stations__in=station_ids)
    if not RetentionRule.objects.filter(of_them, interval_s__isnull=False).exists():
        return []
    found = []
    for station in Station.objects.filter(pk__in=station_ids):
        rules = rules_of_station(station)
        for series_id, name in station.series.values_list("id", "name"):
            rule = rule_of(rules, station_id=station.pk, name=name)
            if rule is not None and rule.interval_s and rule.interval_since:
                found.append((series_id, rule.interval_s, rule.interval_since))
    return found
