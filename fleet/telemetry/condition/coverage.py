"""How recent a station's newest detections are."""

from datetime import datetime

from fleet.core import clock
from fleet.stations.models import Station
from fleet.telemetry.models import DetectionCount


def detection_newest_hour(*, station: Station) -> datetime | None:
    """The newest hour by the station's clock with detections; hours in the future do not count."""
    rows = DetectionCount.objects.filter(station=station, hour__lte=clock.now())
    return rows.order_by("-hour").values_list("hour", flat=True).first()
