"""Sums over a station's accounts of its own files."""

from fleet.stations.models import Station
from fleet.telemetry.models import FileSummary


def file_summary(*, station: Station) -> FileSummary | None:
    """The sums; None if the station has reported no files."""
    return FileSummary.objects.filter(station=station).first()
