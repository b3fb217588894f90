"""Late: what a station kept and sent much later than it was taken; good data, marked in every output."""

from datetime import datetime, timedelta

from fleet.telemetry.models import Suspicion

#: From so long between taking and arriving.
LATE_FROM = timedelta(hours=1)
#: Where the station's clock was wrong by years, the difference says nothing.
_NOT_COMPARED = Suspicion.EPOCH | Suspicion.FUTURE | Suspicion.ANCIENT


def is_late(*, occurred_at: datetime, received_at: datetime | None, flags: int) -> bool:
    """Whether a row came much later than it was taken; False where its own time is not believed, or nobody knows."""
    return received_at is not None and not flags & _NOT_COMPARED and received_at - occurred_at > LATE_FROM
