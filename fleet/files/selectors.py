"""Asking for a station's own data files."""

from django.db.models import QuerySet

from fleet.files.models import StationFile
from fleet.stations.models import Station


def file_list(*, station: Station) -> QuerySet[StationFile]:
    """The files of which lines have come home, the one heard of last first."""
    return StationFile.objects.filter(station=station).order_by("-last_received_at", "-name")
