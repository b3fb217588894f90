"""The map beside the list of stations."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import F, QuerySet
from django.urls import reverse

from fleet.alerts.attention import STATES
from fleet.deployments.places import place_shown
from fleet.deployments.selectors import deployments_visible
from fleet.organizations.access import Viewer
from fleet.stations.models import Station
from sg_status.maps.drawing import MapDrawn, map_drawn
from sg_status.maps.pins import Pin

#: Maximum stations on the map, the most urgent first.
MAP_MOST: Final = 1_000
#: The map beside the list, and on a phone above it, in pixels.
_BESIDE, _ABOVE = (660, 540), (358, 300)


@dataclass(frozen=True, slots=True)
class FleetMap:
    """The map, or None if none of the stations has coordinates. `is_cut`: there are more stations than it shows."""

    drawn: MapDrawn | None
    shown: int
    is_cut: bool


def fleet_map(*, viewer: Viewer, stations: QuerySet[Station], moment: datetime) -> FleetMap:
    """The map of the stations of `fleet_list`, whatever page of the list is shown. Two queries."""
    ranks = dict(stations.order_by(F("fleet_rank"), "pk").values_list("pk", F("fleet_rank"))[: MAP_MOST + 1])
    pins = []
    for deployment in deployments_visible(viewer=viewer, moment=moment).filter(station__in=list(ranks)[:MAP_MOST]):
        place = place_shown(viewer=viewer, deployment=deployment, moment=moment)
        if place.latitude is None or place.longitude is None:
            continue
        station = deployment.station
        pins.append(
            Pin(
                latitude=place.latitude,
                longitude=place.longitude,
                name=station.name or station.serial,
                state=STATES[ranks[station.pk]],
                address=reverse("station", args=[station.serial]),
                radius_m=place.radius_m,
            )
        )
    drawn = map_drawn(pins, name="fleet-map", sizes=(_BESIDE, _ABOVE)) if pins else None
    return FleetMap(drawn, len(pins), len(ranks) > MAP_MOST)
