"""Queries for a station's own data files."""

from collections.abc import Iterable
from datetime import datetime

from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from fleet.core.errors import InvalidInput
from fleet.files.models import StationFile
from fleet.stations.models import Station

#: A receiver counts its starts and writes the count into the names of its files: `…-000052-2021-12-17T…`. A file that
#: began in a period was last heard of in it or later, so the index on that time narrows the search.
_STARTS = r"""
SELECT min(start_at) FROM files_stationfile
WHERE station_id = %(station)s AND last_received_at >= %(start)s AND start_at >= %(start)s AND start_at < %(end)s
  AND NOT is_moved_here AND base ~ '-\d{1,9}-\d{4}-\d\d-\d\dT'
GROUP BY substring(base FROM '-(\d{1,9})-\d{4}-\d\d-\d\dT') ORDER BY 1 DESC LIMIT %(most)s
"""


def starts_list(*, station: Station, start: datetime, end: datetime, most: int) -> list[datetime]:
    """Moments when the station started in a period, by the names of its files: the newest `most`, oldest first.

    A start before the period is listed with its first file in the period, so ask from a little earlier than needed.
    """
    with connection.cursor() as cursor:
        cursor.execute(_STARTS, {"station": station.pk, "start": start, "end": end, "most": most})
        return [row[0] for row in cursor.fetchall()][::-1]


def file_list(*, station: Station, state: str | None = None, search: str = "") -> QuerySet[StationFile]:
    """The station's files, most recently heard of first; `state` as in the accounts, empty for files without one."""
    rows = StationFile.objects.filter(station=station).select_related("moved_from")
    if state is not None:
        rows = rows.filter(state=state)
    if search:
        rows = rows.filter(name__icontains=search.replace("\x00", ""))
    return rows.order_by("-last_received_at", "-id")


def files_get(*, station: Station, file_ids: Iterable[int]) -> list[StationFile]:
    """Files of a station by id. Raises `InvalidInput` if some do not exist."""
    asked = sorted(set(file_ids))
    found = list(StationFile.objects.filter(station=station, pk__in=asked).order_by("pk"))
    if len(found) != len(asked):
        missing = ", ".join(str(each) for each in sorted(set(asked) - {file.pk for file in found})[:10])
        raise InvalidInput(
            _("%(serial)s has no files with these ids: %(ids)s.") % {"serial": station.serial, "ids": missing},
            field="files",
        )
    return found
