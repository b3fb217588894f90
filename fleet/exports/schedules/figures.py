"""Whether the rows of a period are still those in its file, judged by what ingest and the roll-ups know already.

Arriving readings mark their hour as dirty (`DirtyHour`) until its roll-up is up to date. So a period is settled when
none of its hours is dirty. Its rows have changed when its figures have: counts and sums of hashes over daily roll-ups
and hourly counts of detections. Positions and events are few and have no roll-ups, so their rows are hashed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection

_SERIES: Final = (
    "SELECT id FROM telemetry_series WHERE station_id = ANY(%(stations)s) "
    "AND (%(names)s::text[] = '{}' OR name = ANY(%(names)s::text[]))"
)
_HASHED: Final = "count(*) || ':' || coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)"
_OF_STATION: Final = "t.station_id = ANY(%(stations)s) AND t.occurred_at >= %(start)s AND t.occurred_at < %(end)s"
#: Queries for the figures of each kind, one row each.
_FIGURES: Final[dict[str, str]] = {
    "readings": f"SELECT {_HASHED} FROM telemetry_readingday t WHERE t.series_id IN ({_SERIES}) "  # noqa: S608 - constants
    "AND t.start >= %(start)s AND t.start < %(end)s",
    "detections": f"SELECT {_HASHED} FROM telemetry_detectioncount t WHERE t.station_id = ANY(%(stations)s) "  # noqa: S608 - constants
    "AND t.hour >= %(start)s AND t.hour < %(end)s",
    "positions": f"SELECT {_HASHED} FROM telemetry_position t WHERE {_OF_STATION}",  # noqa: S608 - constants
    "events": f"SELECT {_HASHED} FROM telemetry_stationevent t WHERE {_OF_STATION}",  # noqa: S608 - constants
}
_UNSETTLED: Final = (
    f"SELECT EXISTS (SELECT 1 FROM telemetry_dirtyhour WHERE series_id IN ({_SERIES}) "  # noqa: S608 - constants
    "AND hour >= %(start)s AND hour < %(end)s)"
)


@dataclass(frozen=True, slots=True)
class SchedulePeriod:
    """Rows of these stations between two midnights of UTC; `series`: names of readings, empty for all."""

    station_ids: tuple[int, ...]
    series: tuple[str, ...]
    start: datetime
    end: datetime

    def is_settled(self) -> bool:
        """Whether none of its hours is dirty, so that its roll-ups are up to date."""
        return not self._one(_UNSETTLED)

    def figures(self, kinds: Iterable[str]) -> str:
        """Figures of the rows of these kinds: if the rows change, so do the figures."""
        return "; ".join(f"{kind} {self._one(_FIGURES[kind])}" for kind in kinds)

    def _one(self, query: str) -> Any:
        values: dict[str, Any] = {
            "stations": list(self.station_ids),
            "names": list(self.series),
            "start": self.start,
            "end": self.end,
        }
        with connection.cursor() as cursor:
            cursor.execute(query, values)
            row = cursor.fetchone()
        return row[0] if row else None
