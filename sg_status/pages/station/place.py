"""The place of a station on its first page: a small map, and what is known about the deployment there."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fleet.deployments.models import Deployment
from fleet.deployments.places import place_shown
from fleet.organizations.access import Viewer
from fleet.stations.models import Station
from fleet.telemetry.selectors import latest_position
from sg_status.maps.drawing import SMALL, MapDrawn, map_drawn
from sg_status.maps.pins import Pin

#: Maximum kinds of antennas named; antennas of other kinds are counted.
_KINDS_MOST: Final = 3
#: The closest zoom: close enough to make out a shore, and far enough to have one in view.
_ZOOM_MOST: Final = 8.5


@dataclass(frozen=True, slots=True)
class StationPlace:
    """The place of a station. `map`: None without coordinates; `said_at`: the time of the fix if they are by GPS."""

    site: str
    address: str
    coordinates: tuple[float, float] | None
    map: MapDrawn | None
    since: datetime | None
    antennas: str
    said_at: datetime | None


def place_of(
    viewer: Viewer, station: Station, deployment: Deployment | None, state: str, moment: datetime
) -> StationPlace | None:
    """The place of its deployment, with its last GPS fix if that has no coordinates. None if there is neither."""
    coordinates, said_at = None, None
    if deployment is not None:
        shown = place_shown(viewer=viewer, deployment=deployment, moment=moment)
        if shown.latitude is not None and shown.longitude is not None:
            coordinates = (shown.latitude, shown.longitude)
    fix = latest_position(station=station) if coordinates is None else None
    if fix is not None and fix.latitude is not None and fix.longitude is not None:
        coordinates, said_at = (fix.latitude, fix.longitude), fix.occurred_at
    if deployment is None and coordinates is None:
        return None
    return StationPlace(
        site=deployment.site.name if deployment else "",
        address=reverse("site", args=[deployment.site_id]) if deployment else "",
        coordinates=coordinates,
        map=_map(station, coordinates, state) if coordinates else None,
        since=deployment.period.lower if deployment else None,
        antennas=_antennas(deployment) if deployment else "",
        said_at=said_at,
    )


def _map(station: Station, coordinates: tuple[float, float], state: str) -> MapDrawn:
    pin = Pin(*coordinates, station.name or station.serial, state, reverse("station-positions", args=[station.serial]))
    return map_drawn([pin], name="place", sizes=(SMALL,), zoom_most=_ZOOM_MOST)


def _antennas(deployment: Deployment) -> str:
    """The number of antennas of each kind, as people wrote it: `3 Yagi, 1 omni`."""
    kinds = Counter(antenna.type.strip() or _("antenna") for antenna in deployment.antennas.all())
    told = [f"{number} {kind[:40]}" for kind, number in kinds.most_common(_KINDS_MOST)]
    if (rest := sum(kinds.values()) - sum(number for _kind, number in kinds.most_common(_KINDS_MOST))) > 0:
        told.append(ngettext("%(n)d more", "%(n)d more", rest) % {"n": rest})
    return ", ".join(told)
