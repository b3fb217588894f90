"""How precisely a viewer may know where a deployment is. Every output asks here: pages, maps, API, files, events.

    member of the organization ─▶ exact
    anybody else:  not public ─▶ nothing
                   withheld, and its date has not come ─▶ nothing
                   blurred ─▶ the middle of a grid cell, and a radius within which the place is
                   exact ─▶ exact

All places in one cell are shown as the same point, so that asking often, or saving the place again inside it, reveals
no more. A cell is a square, north up, with its corners on the circle: people who know this know that the place is in
the square. A secret shifts the grid, so that nobody knows in advance on which side of a line a place is.
"""

import hashlib
import hmac
import math
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils.translation import gettext as _

from fleet.core.spoken import day_words
from fleet.deployments.models import Deployment
from fleet.organizations.access import Role, Viewer

#: Metres per degree of latitude.
_DEGREE_M = 111_320.0
#: Beyond this latitude a degree of longitude has hardly any length.
_LATITUDE_MOST = 89.0


@dataclass(frozen=True, slots=True)
class PlaceShown:
    """Degrees WGS 84, the radius in metres within which the place is (None: exact), and a sentence with the reason."""

    latitude: float | None = None
    longitude: float | None = None
    radius_m: float | None = None
    sentence: str = ""

    @property
    def radius_km(self) -> float | None:
        """The radius in kilometres."""
        return None if self.radius_m is None else self.radius_m / 1_000


def place_shown(*, viewer: Viewer, deployment: Deployment, moment: datetime) -> PlaceShown:
    """A deployment's place as this viewer may know it. Expects a deployment with its site joined."""
    latitude, longitude = _place(deployment)
    if viewer.may(Role.VIEWER, deployment.site.organization_id):
        return PlaceShown(latitude, longitude)
    if (kept := _hidden_reason(deployment, moment)) is not None:
        return PlaceShown(sentence=kept)
    if latitude is None or longitude is None:
        return PlaceShown(sentence=_("Nobody has entered where it is."))
    radius = deployment.blur_radius_m
    if deployment.location != Deployment.Location.BLURRED or radius is None:
        return PlaceShown(latitude, longitude)
    blurred = _blur(latitude, longitude, radius, deployment.site.organization_id)
    return PlaceShown(*blurred, radius, _("It is somewhere in this circle."))


def place_is_open(*, deployment: Deployment, moment: datetime) -> bool:
    """Whether everybody may know the exact place, so that things that reveal it (photos) can be shown."""
    return deployment.location != Deployment.Location.BLURRED and _hidden_reason(deployment, moment) is None


def place_is_withheld(*, deployment: Deployment, moment: datetime) -> bool:
    """Whether non-members may learn nothing about the place, not even roughly where it is."""
    return _hidden_reason(deployment, moment) is not None


def _hidden_reason(deployment: Deployment, moment: datetime) -> str | None:
    """Why non-members see nothing of the place; None if they see it, exactly or roughly."""
    if not deployment.is_public:
        return _("This place is not public.")
    if deployment.location != Deployment.Location.WITHHELD:
        return None
    until = deployment.withheld_until
    if until is None:
        return _("Its owners keep this place to themselves.")
    return _("Its place will be public from %(day)s.") % {"day": day_words(until)} if moment < until else None


def _place(deployment: Deployment) -> tuple[float | None, float | None]:
    if deployment.latitude is not None:
        return deployment.latitude, deployment.longitude
    return deployment.site.latitude, deployment.site.longitude


def _blur(latitude: float, longitude: float, radius_m: float, organization_id: int) -> tuple[float, float]:
    """The middle of the place's cell. The cell's corners are `radius_m` from it, so the circle contains all of it."""
    # Slightly smaller cells, so that rounding puts no place outside its circle.
    side_m = 0.99 * radius_m * math.sqrt(2.0)
    shift_north, shift_east = _shifts(organization_id, radius_m)
    step = side_m / _DEGREE_M
    row = math.floor(latitude / step + shift_north)
    middle = min(max((row + 0.5 - shift_north) * step, -90.0), 90.0)
    # A degree of longitude is longest at the row's edge nearest to the equator: no cell is wider than there.
    wide = step / max(math.cos(math.radians(min(_nearest(row, shift_north, step), _LATITUDE_MOST))), 0.01)
    column = math.floor(longitude / wide + shift_east)
    east = (column + 0.5 - shift_east) * wide
    return round(middle, 5), round((east + 180.0) % 360.0 - 180.0, 5)


def _nearest(row: int, shift: float, step: float) -> float:
    """The row's latitude nearest to the equator, where a degree of longitude is longest."""
    south, north = (row - shift) * step, (row + 1 - shift) * step
    return 0.0 if south <= 0.0 <= north else min(abs(south), abs(north))


def _shifts(organization_id: int, radius_m: float) -> tuple[float, float]:
    """How far the grid is shifted, north and east, in cells."""
    name = f"place grid {organization_id} {radius_m:.1f}".encode()
    digest = hmac.new(settings.SECRET_KEY.encode(), name, hashlib.sha256).digest()
    return int.from_bytes(digest[:8], "big") / 2**64, int.from_bytes(digest[8:16], "big") / 2**64
