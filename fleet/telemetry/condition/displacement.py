"""Whether stations are where people say: the newest GPS position of each against its deployment."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection
from django.utils.translation import gettext as _

from fleet.core.earth import distance_m, distance_words
from fleet.deployments.whereabouts import Whereabouts, whereabouts_of
from fleet.stations.contact.health_marks import Mark
from fleet.telemetry.models import Suspicion
from fleet.telemetry.positions import TrackPoint

#: Nearer than this is no contradiction: sites are as large as lakes, and receivers are off by tens of metres.
DISPLACED_FROM_M: Final = 5_000.0
_TIMELESS = int(Suspicion.EPOCH | Suspicion.FUTURE)

# One probe of the primary key per station. A station whose clock was wrong for years costs a walk past those rows.
_NEWEST = """
SELECT one.id, found.occurred_at, found.latitude, found.longitude
FROM unnest(%(stations)s::bigint[]) AS one(id), LATERAL (
    SELECT occurred_at, latitude, longitude FROM telemetry_position p
    WHERE p.station_id = one.id AND p.occurred_at <= %(until)s
      AND p.latitude IS NOT NULL AND p.longitude IS NOT NULL AND (p.flags & %(timeless)s) = 0
    ORDER BY p.occurred_at DESC LIMIT 1
) AS found
"""


@dataclass(frozen=True, slots=True)
class Displacement:
    """A station that is far from where it is deployed."""

    metres: float
    fix: TrackPoint
    place: Whereabouts

    @property
    def mark(self) -> Mark:
        """The contradiction in a few words, for lists."""
        return Mark(_("GPS %(distance)s from its site") % {"distance": distance_words(self.metres)}, is_bad=True)

    @property
    def sentence(self) -> str:
        """Sentence saying which positions contradict each other, and what to do."""
        return _(
            "Its GPS puts it %(distance)s from %(site)s, at %(latitude).4f, %(longitude).4f. Correct the position of "
            "the site, or move the station to the site where it is."
        ) % {
            "distance": distance_words(self.metres),
            "site": self.place.site,
            "latitude": self.fix.latitude,
            "longitude": self.fix.longitude,
        }


def positions_newest(*, stations: Collection[int], until: datetime) -> dict[int, TrackPoint]:
    """The newest believable GPS position of each of these stations, by id; one query."""
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, {"stations": list(stations), "until": until, "timeless": _TIMELESS})
        return {number: TrackPoint(*fix) for number, *fix in cursor.fetchall()}


def displacement_of(*, station_id: int, moment: datetime) -> Displacement | None:
    """The distance of a station from its deployment; None if it is near enough. Two queries."""
    places = whereabouts_of(stations=[station_id], moment=moment)
    return displacements(places=places, fixes=positions_newest(stations=places, until=moment)).get(station_id)


def displacements(*, places: dict[int, Whereabouts], fixes: dict[int, TrackPoint]) -> dict[int, Displacement]:
    """The stations whose GPS contradicts their place."""
    found = {}
    for number, place in places.items():
        fix = fixes.get(number)
        if fix is None or place.latitude is None or place.longitude is None:
            continue
        metres = distance_m((place.latitude, place.longitude), (fix.latitude, fix.longitude))
        if metres >= DISPLACED_FROM_M:
            found[number] = Displacement(metres, fix, place)
    return found
