"""Queries for a station's own data files."""

from collections.abc import Iterable

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from fleet.core.errors import InvalidInput
from fleet.files.models import StationFile
from fleet.stations.models import Station


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
