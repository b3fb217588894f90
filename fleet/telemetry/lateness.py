"""How far a station's time can be trusted: what came late, which is good data but marked, and jumps of its clock."""

from datetime import datetime, timedelta

from fleet.stations.models import Station
from fleet.telemetry.models import StationEvent, Suspicion

#: From so long between taking and arriving.
LATE_FROM = timedelta(hours=1)
#: Noticed by ingest, and told by the agent itself.
_JUMPS = ("clock_jump", "clock_step")
#: Where the station's clock was wrong by years, the difference says nothing.
_NOT_COMPARED = Suspicion.EPOCH | Suspicion.FUTURE | Suspicion.ANCIENT


def is_late(*, occurred_at: datetime, received_at: datetime | None, flags: int) -> bool:
    """Whether a row came much later than it was taken; False where its own time is not believed, or nobody knows."""
    return received_at is not None and not flags & _NOT_COMPARED and received_at - occurred_at > LATE_FROM


def clock_jump_count(*, station: Station, since: datetime) -> int:
    """How often the station's clock jumped since a moment, by what it and we noticed."""
    jumps = StationEvent.objects.filter(station=station, name__in=_JUMPS, received_at__gte=since)
    return jumps.filter(occurred_at__gte=since - timedelta(days=1)).count()
