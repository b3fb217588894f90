"""Places of stations, as people entered them: the deployment's own position, or else its site's."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from django.db.models.functions import Coalesce

from fleet.deployments.models import Deployment


class Whereabouts(NamedTuple):
    """A station's place now: degrees (both None if nobody entered it) and the site's name."""

    latitude: float | None
    longitude: float | None
    site: str


def whereabouts_of(*, stations: Collection[int], moment: datetime) -> dict[int, Whereabouts]:
    """The places of these stations at a moment, by station id; one query. It checks no rights."""
    found = Deployment.objects.filter(station__in=stations, period__contains=moment).values_list(
        "station_id",
        # A deployment has both coordinates or neither.
        Coalesce("latitude", "site__latitude"),
        Coalesce("longitude", "site__longitude"),
        "site__name",
    )
    return {number: Whereabouts(*place) for number, *place in found}
