"""Policy and wishes that a station leaves behind when it goes to another organization."""

from fleet.holdings.models import FetchPolicy, HeldFile
from fleet.stations.models import Station


def holdings_hand_over(*, station: Station) -> None:
    """Forget the station's own policy, what people chose of its files, and until when it was asked for them.

    Its new organization decides what is fetched. Call it in the move's transaction.
    """
    FetchPolicy.objects.filter(station=station).delete()
    rows = HeldFile.objects.filter(station=station)
    rows.exclude(wanted_at=None, wanted_by_name="", asked_until=None).update(
        wanted_at=None, wanted_by_name="", asked_until=None
    )
