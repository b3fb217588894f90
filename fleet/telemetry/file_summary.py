"""What of a station's own files is home, by its own accounts, in figures."""

from fleet.stations.models import Station
from fleet.telemetry.models import FileSummary


def file_summary(*, station: Station) -> FileSummary | None:
    """The sums; None where the station has said nothing of files."""
    return FileSummary.objects.filter(station=station).first()
