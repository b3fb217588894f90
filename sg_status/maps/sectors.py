"""Antennas on a map: each a sector as wide as its beam in the direction of its bearing, or a circle if it hears all."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from fleet.deployments.antennas import BEAM_USUAL_DEG
from fleet.deployments.models import Antenna

#: How the elements of antennas stand, in words.
POLARIZATIONS: Final[tuple[tuple[str, Promise], ...]] = (
    (Antenna.Polarization.HORIZONTAL, gettext_lazy("horizontal")),
    (Antenna.Polarization.VERTICAL, gettext_lazy("vertical")),
    (Antenna.Polarization.CIRCULAR, gettext_lazy("circular")),
)


@dataclass(frozen=True, slots=True)
class Beam:
    """An antenna's place, bearing and width; without a bearing it hears all around."""

    longitude: float
    latitude: float
    port: int
    bearing_deg: float | None
    width_deg: float


def beams_of(antennas: Iterable[Antenna], latitude: float | None, longitude: float | None) -> list[Beam]:
    """The beams of a deployment's antennas with a bearing, or that hear all around, if the place is known."""
    if latitude is None or longitude is None:
        return []
    return [
        Beam(longitude, latitude, one.port, one.bearing_deg, one.beam_width_deg or BEAM_USUAL_DEG)
        for one in antennas
        if one.bearing_deg is not None or (one.beam_width_deg or 0) >= 360
    ]


def beam_path(beam: Beam, x: float, y: float, reach: float) -> str:
    """The outline of a beam around a point, `reach` pixels long."""
    if beam.bearing_deg is None or beam.width_deg >= 360:
        return f"M{x - reach:.1f} {y:.1f}a{reach} {reach} 0 1 0 {2 * reach} 0a{reach} {reach} 0 1 0 {-2 * reach} 0z"
    half = beam.width_deg / 2
    (x1, y1), (x2, y2) = (_toward(beam.bearing_deg + turn, reach) for turn in (-half, half))
    is_large = 1 if beam.width_deg > 180 else 0
    return f"M{x:.1f} {y:.1f}l{x1:.1f} {y1:.1f}A{reach} {reach} 0 {is_large} 1 {x + x2:.1f} {y + y2:.1f}z"


def _toward(bearing_deg: float, reach: float) -> tuple[float, float]:
    turn = math.radians(bearing_deg)
    return math.sin(turn) * reach, -math.cos(turn) * reach
