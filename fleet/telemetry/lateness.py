"""Signs of how far a station's times can be trusted: late rows, which are good data but marked, and clock jumps."""

from datetime import datetime, timedelta

from fleet.stations.models import Station
from fleet.telemetry.models import StationEvent, Suspicion

#: A row is late if it arrived more than this after it was recorded.
LATE_FROM = timedelta(hours=1)
#: Events of jumps: noticed by ingest, and reported by the agent itself.
_JUMPS = ("clock_jump", "clock_step")
#: If the station's clock was wrong by years, the difference means nothing.
_NOT_COMPARED = Suspicion.EPOCH | Suspicion.FUTURE | Suspicion.ANCIENT


def is_late(*, occurred_at: datetime, received_at: datetime | None, flags: int) -> bool:
    """Whether a row arrived much later than it was recorded; False if its time is doubted or its receipt unknown."""
    return received_at is not None and not flags & _NOT_COMPARED and received_at - occurred_at > LATE_FROM


def clock_jump_count(*, station: Station, since: datetime) -> int:
    """Number of jumps of the station's clock since a moment, noticed by it or by us."""
    jumps = StationEvent.objects.filter(station=station, name__in=_JUMPS, received_at__gte=since)
    return jumps.filter(occurred_at__gte=since - timedelta(days=1)).count()
