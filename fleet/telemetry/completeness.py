"""Completeness of received data, per station across whole organizations.

Counts the numbers of the ledger, and the bytes that stations report of their own files: bytes that a station has not
read, or could not read, were never numbered and have not arrived either. The percentage is the product of both shares.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection
from django.utils.translation import gettext as _

from fleet.core.errors import InvalidInput
from fleet.organizations.access import Viewer
from fleet.telemetry.ledger import MISSING

#: Most rows in one answer.
LIMIT_MOST = 500

# Sums stay numeric until they are output, because a station may claim numbers near the end of the bigint range.
# Computed per station, so that a page in the order of ids costs no more than its own stations. Of the branches,
# only believed ones count as received; see `fleet.telemetry.ledger` for what counts as missing or lost.
_ROWS = """
FROM stations_station s
JOIN organizations_organization o ON o.id = s.organization_id
LEFT JOIN stations_stationcontact c ON c.station_id = s.id
LEFT JOIN telemetry_unsequencedcount u ON u.station_id = s.id
LEFT JOIN telemetry_filesummary f ON f.station_id = s.id
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE branch = '') AS streams,
           count(*) FILTER (WHERE branch IN ('held', 'cloned')) AS branches,
           coalesce(sum(received_n) FILTER (WHERE branch IN ('', 'believed')), 0) AS received,
           coalesce(sum(waiting_n) FILTER (WHERE branch = ''), 0) AS on_station,
           coalesce(sum(lost_n) FILTER (WHERE branch = ''), 0) AS lost
    FROM (
        SELECT branch,
               (SELECT sum(upper(r) - lower(r)) FROM unnest(received) r) AS received_n,
               (SELECT sum(upper(r) - lower(r)) FROM unnest(missing * int8multirange(int8range(oldest, NULL))) r)
                   AS waiting_n,
               (SELECT sum(upper(r) - lower(r)) FROM unnest(missing * int8multirange(int8range(NULL, oldest))) r)
                   AS lost_n
        FROM (
            SELECT branch, received, coalesce(oldest_seq, 1) AS oldest,
                   {missing} AS missing
            FROM telemetry_streamledger t WHERE station_id = s.id
        ) AS holes
    ) AS counted
) AS t
WHERE (%(sees_all)s AND o.deleted_at IS NULL OR s.organization_id = ANY(%(organizations)s) OR s.id = ANY(%(stations)s))
  AND (%(organization)s = '' OR o.slug = %(organization)s)
  AND (%(search)s = '' OR strpos(lower(s.serial), lower(%(search)s)) > 0 OR strpos(lower(s.name), lower(%(search)s)) > 0)
""".replace("{missing}", MISSING)
_COLUMNS = """
SELECT s.id, s.serial, s.name, o.name, o.timezone, s.retired_at IS NOT NULL,
       least(t.received, 9e18)::bigint, least(t.on_station, 9e18)::bigint, least(t.lost, 9e18)::bigint,
       coalesce(u.messages, 0), c.last_contact_at, c.backlog_messages, t.streams, t.branches,
       coalesce(f.bytes_all, 0), coalesce(f.bytes_unread, 0), coalesce(f.bytes_refused, 0), coalesce(f.lines_refused, 0),
       (SELECT coalesce(sum(kept_back), 0)::bigint FROM telemetry_seriestally WHERE station_id = s.id)
"""
_TOTALS = """
SELECT count(*), count(*) FILTER (
           WHERE t.on_station + t.lost = 0 AND t.streams > 0 AND coalesce(f.bytes_unread::numeric + f.bytes_refused, 0) = 0),
       least(coalesce(sum(t.received), 0), 9e18)::bigint,
       least(coalesce(sum(t.on_station), 0), 9e18)::bigint, least(coalesce(sum(t.lost), 0), 9e18)::bigint,
       coalesce(sum(u.messages), 0)::bigint, coalesce(sum(t.branches), 0)::bigint,
       least(coalesce(sum(f.bytes_all), 0), 9e18)::bigint, least(coalesce(sum(f.bytes_unread), 0), 9e18)::bigint,
       least(coalesce(sum(f.bytes_refused), 0), 9e18)::bigint,
       coalesce(sum((SELECT sum(kept_back) FROM telemetry_seriestally WHERE station_id = s.id)), 0)::bigint
"""
_SORTS: Final = {
    "complete": (
        "CASE WHEN t.received + t.on_station + t.lost > 0 OR f.bytes_all > 0 THEN "
        "coalesce(t.received::float8 / nullif(t.received + t.on_station + t.lost, 0), 1) * "
        "coalesce(1 - (f.bytes_unread::numeric + f.bytes_refused)::float8 / nullif(f.bytes_all, 0), 1) END"
    ),
    "serial": "s.serial",
    "expected": "t.received + t.on_station + t.lost",
    "received": "t.received",
    "on_station": "t.on_station",
    "lost": "t.lost",
    "unsequenced": "coalesce(u.messages, 0)",
    "last_contact": "c.last_contact_at",
    "backlog": "c.backlog_messages",
    "streams": "t.streams",
    "branches": "t.branches",
    "files": "coalesce(f.bytes_unread::numeric + f.bytes_refused, 0)",
}


@dataclass(frozen=True, slots=True)
class Completeness:
    """One station: how many of the numbers it issued have arrived, are still on it, or are lost."""

    station_id: int
    serial: str
    name: str
    organization: str
    timezone: str
    is_retired: bool
    received: int
    on_station: int
    lost: int
    unsequenced: int
    last_contact_at: datetime | None
    backlog: int | None
    streams: int
    branches_open: int
    #: The station's own account of its files: bytes in total, not read yet, and unreadable; unreadable lines.
    file_bytes: int
    file_bytes_unread: int
    file_bytes_refused: int
    file_lines_refused: int
    #: Readings that arrived and were not stored, because a rule stores one in an interval.
    kept_back: int

    @property
    def expected(self) -> int:
        """All numbers it issued, as far as they are known."""
        return self.received + self.on_station + self.lost

    @property
    def percent(self) -> float | None:
        """0 to 100, rounded down to hundredths, so that only complete data gives 100; None when nothing is known."""
        return percent_of(
            self.received, self.expected, self.file_bytes, self.file_bytes_unread + self.file_bytes_refused
        )

    @property
    def file_bytes_missing(self) -> int:
        """Bytes of its files that have not arrived."""
        return self.file_bytes_unread + self.file_bytes_refused


@dataclass(frozen=True, slots=True)
class CompletenessTotals:
    """Sums over all selected stations. `complete`: stations with no missing number and no missing file bytes."""

    stations: int
    complete: int
    received: int
    on_station: int
    lost: int
    unsequenced: int
    branches_open: int
    file_bytes: int
    file_bytes_unread: int
    file_bytes_refused: int
    kept_back: int

    @property
    def percent(self) -> float | None:
        """Computed like that of one station."""
        expected = self.received + self.on_station + self.lost
        return percent_of(self.received, expected, self.file_bytes, self.file_bytes_unread + self.file_bytes_refused)


def percent_of(received: int, expected: int, file_bytes: int, file_bytes_missing: int) -> float | None:
    """Share of messages times share of file bytes, 0 to 100, rounded down to hundredths; None if neither is known."""
    if not expected and not file_bytes:
        return None
    received, expected = (received, expected) if expected else (1, 1)
    home, whole = (max(file_bytes - file_bytes_missing, 0), file_bytes) if file_bytes else (1, 1)
    return received * home * 10_000 // (expected * whole) / 100


class CompletenessReport:
    """A viewer's stations with their completeness, least complete first by default. Each slice is one query."""

    def __init__(self, *, viewer: Viewer, search: str = "", organization: str = "", sort: str = "") -> None:
        if sort.removeprefix("-") not in {"", *_SORTS}:
            raise InvalidInput(
                _("Stations cannot be sorted by %(sort)s: use one of %(sorts)s.")
                % {"sort": repr(sort[:40]), "sorts": ", ".join(_SORTS)},
                field="sort",
            )
        self._sort = sort or "complete"
        self._arguments: dict[str, Any] = {
            "sees_all": viewer.sees_all,
            "organizations": list(viewer.roles),
            "stations": list(viewer.station_roles),
            "organization": organization.replace("\x00", ""),
            "search": search.strip().replace("\x00", ""),
        }

    def totals(self) -> CompletenessTotals:
        """Sums over all stations of the report."""
        with connection.cursor() as cursor:
            cursor.execute(_TOTALS + _ROWS, self._arguments)
            return CompletenessTotals(*cursor.fetchone())

    def part(self, *, offset: int, limit: int) -> list[Completeness]:
        """A slice of the stations in this report's order."""
        direction = "DESC" if self._sort.startswith("-") else "ASC"
        order = f" ORDER BY {_SORTS[self._sort.removeprefix('-')]} {direction} NULLS LAST, s.serial"
        return self._read(f"{order} LIMIT %(limit)s OFFSET %(offset)s", limit=limit, offset=offset)

    def after(self, *, station_id: int, limit: int) -> list[Completeness]:
        """Up to `limit` stations with ids above `station_id`, in order of id."""
        return self._read(" AND s.id > %(after)s ORDER BY s.id LIMIT %(limit)s", limit=limit, after=station_id)

    def every(self) -> Iterator[Completeness]:
        """All stations in order of id, `LIMIT_MOST` per query."""
        last = 0
        while rows := self.after(station_id=last, limit=LIMIT_MOST):
            yield from rows
            last = rows[-1].station_id

    def _read(self, ending: str, **arguments: int) -> list[Completeness]:
        with connection.cursor() as cursor:
            cursor.execute(_COLUMNS + _ROWS + ending, {**self._arguments, **arguments})
            return [Completeness(*row) for row in cursor.fetchall()]
