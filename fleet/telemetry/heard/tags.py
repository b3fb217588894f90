"""Tags that were heard: how often, when first and last, on which ports and at which stations; from hours, not rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import connection
from django.utils.translation import gettext as _

from fleet.core.errors import InvalidInput
from fleet.stations.models import Station
from fleet.telemetry.heard.question import PAST, HeardQuestion, Parts

#: Maximum hours of tags that one answer is computed from, which takes about a second.
HOURS_MOST = 300_000
#: With more tags than this, new ones are not counted.
NEW_MOST = 1_000
#: A code that was heard less often than this in the whole period is not counted as a tag: radios decode noise, too.
LEAST = 2
#: Keys for sorting tags, and the column of each.
SORTS: Final = {
    "tag": "name",
    "first": "ever",
    "last": "last_at",
    "stations": "stations",
    "strongest": "strongest",
    "detections": "count",
}
_STATION_SORTS: Final = {"first": "first_at", "last": "last_at", "tags": "tags", "detections": "count"}


@dataclass(frozen=True, slots=True)
class TagRow:
    """A tag in the period. `name` is the tag in upper case, the same however a station writes it.

    `ever` is when it was first heard at these stations at any time; `station_id` is one of the stations.
    """

    name: str
    tag: str
    count: int
    last_at: datetime
    strongest: float | None
    ports: list[int]
    stations: int
    station_id: int
    ever: datetime


@dataclass(frozen=True, slots=True)
class TagList:
    """A part of the tags, and totals of all. `once`: codes left out. `new`: None with more tags than `NEW_MOST`."""

    tags: int
    once: int
    detections: int
    new: int | None
    rows: list[TagRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class StationRow:
    """A station in the period: how many tags it heard, how often, when, in how many hours and on which ports."""

    station_id: int
    tags: int
    count: int
    first_at: datetime
    last_at: datetime
    strongest: float | None
    hours: int
    ports: list[int]


_EARLIER = (
    "FROM telemetry_taghour e WHERE upper(e.tag) = h.name AND e.hour >= %(past)s "
    "AND e.station_id = ANY(%(stations)s::bigint[])"
)
# A page is sorted before `ever` is looked up, once for each of its tags, unless it is sorted by `ever`.
_TAGS = """
WITH narrowed AS MATERIALIZED (
    SELECT upper(tag) AS name, min(tag) AS tag, station_id, port, sum(count) AS count, max(last_at) AS last_at,
        max(strongest) AS strongest
    FROM telemetry_taghour WHERE {where} GROUP BY 1, 3, 4
), heard AS MATERIALIZED (
    SELECT name, min(tag) AS tag, sum(count)::bigint AS count, max(last_at) AS last_at, max(strongest) AS strongest,
        array_agg(DISTINCT port) AS ports, count(DISTINCT station_id) AS stations, min(station_id) AS station_id
    FROM narrowed GROUP BY name
), totals AS MATERIALIZED (
    SELECT count(*) FILTER (WHERE count >= %(least)s) AS tags, count(*) FILTER (WHERE count < %(least)s) AS once,
        coalesce(sum(count), 0)::bigint AS detections FROM heard
), kept AS MATERIALIZED (
    SELECT h.*, (SELECT e.first_at {earlier} ORDER BY e.hour, e.first_at LIMIT 1) AS ever FROM heard h
    WHERE h.count >= %(least)s ORDER BY {sort}, name LIMIT %(limit)s OFFSET %(offset)s
)
SELECT t.*, CASE WHEN t.tags <= %(new_most)s THEN (
    SELECT count(*) FROM heard h WHERE h.count >= %(least)s AND NOT EXISTS (SELECT 1 {earlier} AND e.hour < %(start)s)
) END, k.name, k.tag, k.count, k.last_at, k.strongest, k.ports, k.stations, k.station_id, k.ever
FROM totals t LEFT JOIN kept k ON true ORDER BY {sort}, name
"""
_STATIONS = """
WITH narrowed AS MATERIALIZED (
    SELECT upper(tag) AS name, * FROM telemetry_taghour WHERE {where}
), kept AS MATERIALIZED (
    SELECT name FROM narrowed GROUP BY name HAVING sum(count) >= %(least)s
)
SELECT station_id, count(DISTINCT name) FILTER (WHERE name IN (SELECT name FROM kept)) AS tags,
    sum(count)::bigint AS count, min(first_at) AS first_at, max(last_at) AS last_at, max(strongest),
    count(DISTINCT hour) AS hours, array_agg(DISTINCT port) AS ports, count(*) OVER () AS stations
FROM narrowed GROUP BY station_id ORDER BY {sort}, station_id LIMIT %(limit)s OFFSET %(offset)s
"""
#: The ways to count detections, with the SQL of each.
_BY: Final = {"tag": "upper(tag)", "station": "station_id", "port": "port"}


def tag_list(
    *, question: HeardQuestion, sort: str = "-last", least: int = LEAST, limit: int = 50, offset: int = 0
) -> TagList:
    """A part of the tags heard at least `least` times, and totals. Raises `InvalidInput` if the period has too many."""
    size_check(question)
    sql = _TAGS.format(where=question.where, earlier=_EARLIER, sort=_order(sort, SORTS))
    more = {"least": least, "limit": limit, "offset": offset, "past": PAST, "new_most": NEW_MOST}
    rows = _asked(sql, question.parameters | more)
    tags, once, detections, new = rows[0][:4]
    return TagList(tags, once, detections, new, [_tag_row(row[4:]) for row in rows if row[4] is not None])


def station_rows(
    *, question: HeardQuestion, sort: str = "-detections", least: int = LEAST, limit: int = 50, offset: int = 0
) -> tuple[list[StationRow], int]:
    """A part of the stations that heard tags, and how many there are. Raises `InvalidInput` as `tag_list` does."""
    size_check(question)
    sql = _STATIONS.format(where=question.where, sort=_order(sort, _STATION_SORTS))
    rows = _asked(sql, question.parameters | {"least": least, "limit": limit, "offset": offset})
    return [_station_row(row) for row in rows], rows[0][8] if rows else 0


def counts_in_parts(
    *, station: Station, parts: Parts, kind: int | None = None, port: int | None = None
) -> dict[tuple[int, int], list[int]]:
    """Detections of a station in each part of the time, by kind and port; pulses too."""
    narrowed = {"kind": kind, "port": port}
    where = "".join(f" AND {name} = %({name})s" for name, value in narrowed.items() if value is not None)
    sql = (
        f"SELECT kind, port, {_PART}, sum(count)::bigint FROM telemetry_detectioncount "  # noqa: S608 - constants
        f"WHERE station_id = %(station)s AND hour >= %(from)s AND hour < %(end)s{where} GROUP BY 1, 2, 3 ORDER BY 1, 2"
    )
    counted: dict[tuple[int, int], list[int]] = {}
    for of, on, place, count in _asked(sql, {"station": station.pk, "end": parts.end, **narrowed, **_of(parts)}):
        counted.setdefault((of, on), [0] * parts.count)[place] = count
    return counted


def port_list(*, question: HeardQuestion) -> list[int]:
    """The ports on which tags were heard."""
    sql = f"SELECT DISTINCT port FROM telemetry_taghour WHERE {question.where} ORDER BY 1"  # noqa: S608 - constants
    return [row[0] for row in _asked(sql, question.parameters)]


def _tag_row(row: tuple[Any, ...]) -> TagRow:
    name, tag, count, last_at, strongest, ports, stations, station_id, ever = row
    return TagRow(name, tag, count, last_at, strongest, sorted(ports), stations, station_id, ever)


def _station_row(row: tuple[Any, ...]) -> StationRow:
    station_id, tags, count, first_at, last_at, strongest, hours, ports, _all = row
    return StationRow(station_id, tags, count, first_at, last_at, strongest, hours, sorted(ports))


def tag_parts(
    *, question: HeardQuestion, parts: Parts, by: str, among: Sequence[str] | Sequence[int]
) -> dict[Any, list[int]]:
    """Detections in each part of the time, for each of these tags (in upper case), stations or ports."""
    counted: dict[Any, list[int]] = {key: [0] * parts.count for key in among}
    if not among:
        return counted
    sql = (
        f"SELECT {_BY[by]}, {_PART}, sum(count)::bigint FROM telemetry_taghour WHERE {question.where} "  # noqa: S608 - constants
        f"AND {_BY[by]} = ANY(%(among)s) GROUP BY 1, 2"
    )
    for key, place, count in _asked(sql, question.parameters | _of(parts) | {"among": list(among)}):
        if key in counted and 0 <= place < parts.count:
            counted[key][place] = count
    return counted


def tags_in_parts(*, question: HeardQuestion, parts: Parts, least: int = LEAST) -> list[int]:
    """Number of different tags heard in each part of the time; codes heard fewer than `least` times do not count."""
    sql = (
        "WITH narrowed AS MATERIALIZED ("  # noqa: S608 - constants
        f"SELECT upper(tag) AS name, {_PART} AS place, sum(count) AS count FROM telemetry_taghour "
        f"WHERE {question.where} GROUP BY 1, 2), kept AS ("
        "SELECT name FROM narrowed GROUP BY name HAVING sum(count) >= %(least)s) "
        "SELECT place, count(*) FROM narrowed JOIN kept USING (name) GROUP BY 1"
    )
    counted = [0] * parts.count
    for place, count in _asked(sql, question.parameters | _of(parts) | {"least": least}):
        if 0 <= place < parts.count:
            counted[place] = count
    return counted


def tag_span(*, station_ids: Sequence[int], tag: str, until: datetime) -> tuple[datetime, datetime, str] | None:
    """The first and last time that a tag was heard at these stations, and its spelling; None if it never was.

    Hours from clocks that were not set, and hours from `until` on, do not count.
    """
    rows = _asked(
        "SELECT min(first_at), max(last_at), min(tag) FROM telemetry_taghour WHERE upper(tag) = upper(%(tag)s) "
        "AND hour >= %(past)s AND hour < %(until)s AND station_id = ANY(%(stations)s::bigint[])",
        {"tag": tag, "past": PAST, "until": until, "stations": list(station_ids)},
    )
    return rows[0] if rows and rows[0][0] is not None else None


def size_check(question: HeardQuestion) -> None:
    """Raise `InvalidInput` if the question is about more hours of tags than one answer may cost."""
    sql = f"SELECT count(*) FROM (SELECT 1 FROM telemetry_taghour WHERE {question.where} LIMIT %(most)s) AS narrowed"  # noqa: S608 - constants
    if _asked(sql, question.parameters | {"most": HOURS_MOST + 1})[0][0] > HOURS_MOST:
        raise InvalidInput(
            _("Too many tags were heard in this period to list them. Choose a shorter one."), field="span"
        )


#: The number of the part that an hour is in.
_PART = "floor(extract(epoch FROM hour - %(from)s) / %(step)s)::int"


def _of(parts: Parts) -> dict[str, Any]:
    return {"from": parts.start, "step": parts.step.total_seconds()}


def _order(sort: str, columns: dict[str, str]) -> str:
    column = columns[sort.removeprefix("-")]
    return f"{column} DESC NULLS LAST" if sort.startswith("-") else f"{column} ASC NULLS LAST"


def _asked(sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())
