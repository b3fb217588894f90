"""Fetch policy and choices of files that a station leaves behind when it moves to another organization."""

from fleet.holdings.models import FetchPolicy, HeldFile
from fleet.stations.models import Station


def holdings_hand_over(*, station: Station) -> None:
    """Delete the station's own policy, people's choices of its files, and the requests for them that are still open.

    Its new organization decides what is fetched. Call it in the move's transaction.
    """
    FetchPolicy.objects.filter(station=station).delete()
    rows = HeldFile.objects.filter(station=station)
    rows.exclude(wanted_at=None, wanted_by_name="", asked_until=None).update(
        wanted_at=None, wanted_by_name="", asked_until=None
    )
