"""Map data: points with their names, as JSON in the page; a table beside the map shows the same."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypedDict

from fleet.deployments.places import PlaceShown


class PointDrawn(TypedDict):
    """One point: degrees, metres of its circle or null, and the link of its name."""

    lat: float
    lon: float
    radius: float | None
    name: str
    address: str


@dataclass(frozen=True, slots=True)
class MapPoint:
    """A place with its name and page."""

    place: PlaceShown
    name: str
    address: str


def points_drawn(points: Iterable[MapPoint]) -> list[PointDrawn]:
    """The points whose position the viewer can see."""
    return [
        PointDrawn(
            lat=point.place.latitude,
            lon=point.place.longitude,
            radius=point.place.radius_m,
            name=point.name,
            address=point.address,
        )
        for point in points
        if point.place.latitude is not None and point.place.longitude is not None
    ]
