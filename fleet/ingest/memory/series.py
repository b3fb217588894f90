"""Series by station, name and unit, remembered between batches, and how the values of each are stored.

A name and a dimension make a series. The first unit of a dimension becomes the series' own, and values in other units
of the dimension are converted. A unit of another dimension makes another series of the same name. A value without a
unit goes to the oldest series of its name, and a series without a unit takes the first one that arrives.
"""

import json
import time
from collections.abc import Iterable
from math import inf
from typing import NamedTuple

from django.db import connection

from fleet.core import clock
from fleet.ingest.delivery import StationRef
from fleet.telemetry.keeping.rules import IntervalRule, interval_of, rule_place
from message_queue.errors import MessageRefused
from message_queue.units import Conversion, conversion, scale_of

#: Most series of one station; with more, values are probably being used as names.
SERIES_MOST = 2_000
_REMEMBERED_MOST = 500_000
#: Seconds after which models' limits and the rules are read again.
_LIMITS_S = 60.0
#: Limits of the stations' models; and as separate rows, the rules of each station for which some rule has an interval.
_LIMITS = """
SELECT s.id, NULL, q.name, q.unit, q.least, q.most FROM stations_station s
JOIN stations_modelquantity q ON q.model_id = s.model_id
WHERE s.id = ANY(%(stations)s) AND (q.least IS NOT NULL OR q.most IS NOT NULL)
UNION ALL
SELECT s.id, found.rules, '', '', NULL, NULL FROM stations_station s, LATERAL (
    SELECT json_agg(json_build_array(r.station_id IS NULL, r.pattern, r.interval_s))::text AS rules
    FROM telemetry_retentionrule r WHERE r.station_id = s.id OR r.organization_id = s.organization_id
    HAVING bool_or(r.interval_s IS NOT NULL)
) AS found WHERE s.id = ANY(%(stations)s)
"""


class Use(NamedTuple):
    """How values of a name and unit are stored: their series, conversion and limits."""

    id: int
    conversion: Conversion | None = None
    least: float = -inf
    most: float = inf
    #: Values are stored unchanged, without limits, and all of them.
    is_plain: bool = True
    #: Only one value is stored in each interval of this many seconds; 0 means all.
    interval_s: int = 0


class _Row(NamedTuple):
    """One known series."""

    id: int
    unit: str
    dimension: str


class _Limits(NamedTuple):
    """Limits that a station's model sets for one of its quantities."""

    unit: str
    least: float | None
    most: float | None


class SeriesBook:
    """Known series. What a batch adds is kept only if the batch commits."""

    def __init__(self) -> None:
        self._uses: dict[tuple[int, str, str], Use] = {}
        #: Series of each name, the oldest first.
        self._rows: dict[tuple[int, str], list[_Row]] = {}
        #: Number of series of each known station.
        self._counts: dict[int, int] = {}
        #: Limits by station and series name, for stations already looked up.
        self._limits: dict[int, dict[str, _Limits]] = {}
        self._limits_at = time.monotonic()
        #: Rules by station, in the order in which they apply, if one has an interval; see `fleet.telemetry.keeping`.
        self._rules: dict[int, list[IntervalRule]] = {}
        #: Stations whose series this batch created or changed.
        self._touched: set[int] = set()

    def meet(self, station_ids: Iterable[int]) -> None:
        """Load series of new stations, and limits and rules that are missing or outdated, with one query each."""
        if time.monotonic() - self._limits_at > _LIMITS_S:
            self._uses.clear()
            self._limits.clear()
            self._rules.clear()
            self._limits_at = time.monotonic()
        heard = list(station_ids)
        unmet = [station_id for station_id in heard if station_id not in self._counts]
        if unmet:
            self._counts |= dict.fromkeys(unmet, 0)
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT station_id, name, id, unit, dimension FROM telemetry_series WHERE station_id = ANY(%s) "
                    "ORDER BY id",
                    [unmet],
                )
                for station_id, name, *row in cursor.fetchall():
                    self._rows.setdefault((station_id, name), []).append(_Row(*row))
                    self._counts[station_id] += 1
        self._limits_read([station_id for station_id in heard if station_id not in self._limits])

    def use_of(self, station: StationRef, name: str, unit: str) -> Use:
        """Find out how values of this name and unit are stored. Creates the series if it is new.

        Raises `MessageRefused` if the station has too many.
        """
        key = (station.id, name, unit)
        known = self._uses.get(key)
        if known is not None:
            return known
        row = self._find_or_create(station.id, name, unit)
        change = conversion(unit, row.unit) if unit else None
        least, most = self._limits_of(station.id, name, row.unit)
        interval = interval_of(self._rules.get(station.id, ()), name)
        is_plain = change is None and least == -inf and most == inf and not interval
        use = Use(row.id, change, least, most, is_plain, interval)
        self._uses[key] = use
        return use

    def keep(self) -> None:
        """Keep what the batch added, once it is committed."""
        self._touched.clear()
        if len(self._uses) > _REMEMBERED_MOST:
            self.forget()

    def drop(self) -> None:
        """Forget what the batch added, because it was rolled back."""
        if not self._touched:
            return
        touched = self._touched
        self._uses = {key: use for key, use in self._uses.items() if key[0] not in touched}
        self._rows = {key: rows for key, rows in self._rows.items() if key[0] not in touched}
        for station_id in touched:
            self._counts.pop(station_id, None)
        self._touched = set()

    def forget(self) -> None:
        """Forget everything, as others may have deleted rows."""
        self._uses.clear()
        self._rows.clear()
        self._counts.clear()
        self._limits.clear()
        self._rules.clear()
        self._touched = set()

    def _find_or_create(self, station_id: int, name: str, unit: str) -> _Row:
        rows = self._rows.get((station_id, name), [])
        if found := _matching(rows, unit):
            return found
        if rows:
            # Another worker may have set a unit meanwhile, or created the missing series.
            rows = self._reload(station_id, name)
            if found := _matching(rows, unit):
                return found
        row = next((each for each in rows if not each.unit), None)
        found = self._create(station_id, name, unit, is_other=bool(rows)) if row is None else self._set_unit(row, unit)
        self._touched.add(station_id)
        self._rows[station_id, name] = [found if each.id == found.id else each for each in rows]
        if row is None:
            self._rows[station_id, name].append(found)
        return found

    def _reload(self, station_id: int, name: str) -> list[_Row]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT id, unit, dimension FROM telemetry_series WHERE station_id = %s AND name = %s ORDER BY id",
                [station_id, name],
            )
            rows = [_Row(*row) for row in cursor.fetchall()]
        self._rows[station_id, name] = rows
        return rows

    def _create(self, station_id: int, name: str, unit: str, *, is_other: bool) -> _Row:
        count = self._counts.get(station_id, 0)
        if count >= SERIES_MOST:
            raise MessageRefused(
                "too-many-series", f"The station already has {SERIES_MOST} series, so {name!r} cannot be added."
            )
        with connection.cursor() as cursor:
            # DO UPDATE, so that the row is returned even if another worker was faster.
            cursor.execute(
                "INSERT INTO telemetry_series (station_id, name, unit, dimension, is_other, created_at) VALUES (%s, "
                "%s, %s, %s, %s, %s) ON CONFLICT (station_id, name, dimension) DO UPDATE SET name = excluded.name "
                "RETURNING id, unit, dimension",
                [station_id, name, unit, scale_of(unit).dimension, is_other, clock.now()],
            )
            made = cursor.fetchone()
        self._counts[station_id] = count + 1
        return _Row(*made)

    def _set_unit(self, row: _Row, unit: str) -> _Row:
        """Give a series without a unit this one."""
        filled = _Row(row.id, unit, scale_of(unit).dimension)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE telemetry_series SET unit = %s, dimension = %s WHERE id = %s AND unit = ''",
                [filled.unit, filled.dimension, filled.id],
            )
        return filled

    def _limits_read(self, station_ids: list[int]) -> None:
        if not station_ids:
            return
        self._limits |= {station_id: {} for station_id in station_ids}
        with connection.cursor() as cursor:
            cursor.execute(_LIMITS, {"stations": station_ids})
            for station_id, rules, name, *limits in cursor.fetchall():
                if rules is None:
                    self._limits[station_id][name] = _Limits(*limits)
                else:
                    found = [(is_organizations, pattern, s) for is_organizations, pattern, s in json.loads(rules)]
                    self._rules[station_id] = sorted(found, key=lambda rule: rule_place(*rule[:2]))

    def _limits_of(self, station_id: int, name: str, unit: str) -> tuple[float, float]:
        """The limits of a quantity in the unit of its series; infinite if the model means another dimension."""
        limits = self._limits.get(station_id, {}).get(name)
        if limits is None or (limits.unit and scale_of(limits.unit).dimension != scale_of(unit).dimension):
            return -inf, inf
        change = conversion(limits.unit, unit) if limits.unit else None
        least = -inf if limits.least is None else limits.least
        most = inf if limits.most is None else limits.most
        return (least, most) if change is None else (_converted(least, change), _converted(most, change))


def _matching(rows: list[_Row], unit: str) -> _Row | None:
    """The existing series that a value of this unit belongs to, or None."""
    if not unit:
        return rows[0] if rows else None
    dimension = scale_of(unit).dimension
    return next((row for row in rows if row.unit and row.dimension == dimension), None)


def _converted(value: float, change: Conversion) -> float:
    return value * change.factor + change.offset
