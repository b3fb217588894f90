"""Counting readings that rules kept away, by series and by station."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection
from django.db.models import Sum

from fleet.stations.models import Station
from fleet.telemetry.keeping.models import SeriesTally

#: Adds to the tallies; `{found}` is a query for series, station, kept back, time of the last of these, removed.
ADDING: Final = (
    "INSERT INTO telemetry_seriestally AS t (series_id, station_id, kept_back, kept_back_at, removed) {found} "
    "ON CONFLICT (series_id) DO UPDATE SET kept_back = t.kept_back + excluded.kept_back, "
    "kept_back_at = greatest(t.kept_back_at, excluded.kept_back_at), removed = t.removed + excluded.removed"
)
_REMOVED: Final = ADDING.format(
    found="SELECT s.id, s.station_id, 0, NULL::timestamptz, n.rows FROM unnest(%s::bigint[], %s::bigint[]) "
    "AS n(id, rows) JOIN telemetry_series s ON s.id = n.id ORDER BY 1"
)


@dataclass(frozen=True, slots=True)
class Away:
    """Numbers of a station's readings that rules kept back, and that rules removed later."""

    kept_back: int = 0
    removed: int = 0


def removed_count(removed: Mapping[int, int]) -> None:
    """Count removed readings by the id of their series, in the current transaction."""
    found = {series_id: rows for series_id, rows in removed.items() if rows}
    if not found:
        return
    with connection.cursor() as cursor:
        cursor.execute(_REMOVED, [list(found), list(found.values())])


def station_away(station: Station) -> Away:
    """The sums over a station's series."""
    sums: dict[str, Any] = SeriesTally.objects.filter(station=station).aggregate(
        kept_back=Sum("kept_back"), removed=Sum("removed")
    )
    return Away(**{name: int(value or 0) for name, value in sums.items()})
