"""Where a deployment is, as a certain viewer may know it. Every output asks here: pages, maps, API, files, events.

    member of the organization ─▶ exact
    anybody else:  not public ─▶ nothing
                   withheld, and its date has not come ─▶ nothing
                   blurred ─▶ the middle of a cell of a grid, and a radius within which the place lies
                   exact ─▶ exact

All places in one cell are told as the same point, so that asking often, or saving the place anew inside it, tells no more.
A cell is a square, north up, whose corners lie on the circle: whoever knows that knows that the place is in the square. The
grid is shifted by a secret, so that nobody knows beforehand on which side of a line a place lies.
"""

import hashlib
import hmac
import math
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils.translation import gettext as _

from fleet.deployments.models import Deployment
from fleet.organizations.access import Role, Viewer

#: Metres of one degree of latitude.
_DEGREE_M = 111_320.0
#: Beyond this latitude a degree of longitude is hardly a length.
_LATITUDE_MOST = 89.0


@dataclass(frozen=True, slots=True)
class PlaceShown:
    """Degrees WGS 84, and metres around them in which the place lies (None: it is exact); `sentence` says why so."""

    latitude: float | None = None
    longitude: float | None = None
    radius_m: float | None = None
    sentence: str = ""

    @property
    def radius_km(self) -> float | None:
        """The radius in kilometres."""
        return None if self.radius_m is None else self.radius_m / 1_000


def place_shown(*, viewer: Viewer, deployment: Deployment, moment: datetime) -> PlaceShown:
    """The place of a deployment of `deployment_list` as this viewer may know it."""
    latitude, longitude = _place(deployment)
    if viewer.may(Role.VIEWER, deployment.site.organization_id):
        return PlaceShown(latitude, longitude)
    if (kept := _kept(deployment, moment)) is not None:
        return PlaceShown(sentence=kept)
    if latitude is None or longitude is None:
        return PlaceShown(sentence=_("Nobody has said where it is."))
    radius = deployment.blur_radius_m
    if deployment.location != Deployment.Location.BLURRED or radius is None:
        return PlaceShown(latitude, longitude)
    blurred = _blurred(latitude, longitude, radius, deployment.site.organization_id)
    return PlaceShown(*blurred, radius, _("It is somewhere in this circle."))


def place_is_open(*, deployment: Deployment, moment: datetime) -> bool:
    """Whether everybody is told exactly where it is, so that what shows the place may be shown."""
    return deployment.location != Deployment.Location.BLURRED and _kept(deployment, moment) is None


def _kept(deployment: Deployment, moment: datetime) -> str | None:
    """Why nothing at all is told; None when something is."""
    if not deployment.is_public:
        return _("This place is not public.")
    if deployment.location != Deployment.Location.WITHHELD:
        return None
    until = deployment.withheld_until
    if until is None:
        return _("Its people keep the place to themselves.")
    return _("Its place is told from %(day)s on.") % {"day": f"{until:%Y-%m-%d}"} if moment < until else None


def _place(deployment: Deployment) -> tuple[float | None, float | None]:
    if deployment.latitude is not None:
        return deployment.latitude, deployment.longitude
    return deployment.site.latitude, deployment.site.longitude


def _blurred(latitude: float, longitude: float, radius_m: float, organization_id: int) -> tuple[float, float]:
    """The middle of the place's cell. A cell's corners are `radius_m` from its middle, so the circle holds all of it."""
    # A little less, so that rounding puts no place outside its circle.
    side_m = 0.99 * radius_m * math.sqrt(2.0)
    shift_north, shift_east = _shifts(organization_id, radius_m)
    step = side_m / _DEGREE_M
    row = math.floor(latitude / step + shift_north)
    middle = min(max((row + 0.5 - shift_north) * step, -90.0), 90.0)
    # Degrees of longitude are longest at the row's edge that is nearest to the equator: no cell is wider than there.
    wide = step / max(math.cos(math.radians(min(_nearest(row, shift_north, step), _LATITUDE_MOST))), 0.01)
    column = math.floor(longitude / wide + shift_east)
    east = (column + 0.5 - shift_east) * wide
    return round(middle, 5), round((east + 180.0) % 360.0 - 180.0, 5)


def _nearest(row: int, shift: float, step: float) -> float:
    """The latitude of the row that lies nearest to the equator, where a degree of longitude is longest."""
    south, north = (row - shift) * step, (row + 1 - shift) * step
    return 0.0 if south <= 0.0 <= north else min(abs(south), abs(north))


def _shifts(organization_id: int, radius_m: float) -> tuple[float, float]:
    """How far the grid is shifted, north and east, in cells."""
    name = f"place grid {organization_id} {radius_m:.1f}".encode()
    digest = hmac.new(settings.SECRET_KEY.encode(), name, hashlib.sha256).digest()
    return int.from_bytes(digest[:8], "big") / 2**64, int.from_bytes(digest[8:16], "big") / 2**64
