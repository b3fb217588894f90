"""Comparing a station's deployment here with the one at Motus: place, ports and antennas. Pure functions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fleet.core.earth import distance_m
from fleet.deployments.models import Antenna, Deployment
from fleet.sync.models import MotusDeployment, MotusDifference

Kind = MotusDifference.Kind
#: Places closer than this count as the same: people read them off phones and maps.
PLACE_TOLERANCE_M: Final = 200.0
#: Megahertz, degrees and metres by which antennas may differ without being reported.
FREQUENCY_TOLERANCE: Final = 0.005
BEARING_TOLERANCE: Final = 10.0
HEIGHT_TOLERANCE: Final = 1.0


@dataclass(frozen=True, slots=True)
class Difference:
    """One point, with both values as text."""

    kind: Kind
    port: int | None
    ours: str
    theirs: str


def deployment_now(deployments: Iterable[MotusDeployment], moment: datetime) -> MotusDeployment | None:
    """The deployment in force at a moment: begun, not ended and not pending; of several, the one that began last."""
    holding = [
        one
        for one in deployments
        if one.starts_at is not None
        and one.starts_at <= moment
        and (one.ends_at is None or one.ends_at > moment)
        and one.status != "pending"
    ]
    return max(holding, key=lambda one: (one.starts_at or moment, one.number), default=None)


def compared(
    ours: Deployment | None, antennas: Sequence[Antenna], theirs: MotusDeployment | None, heard: Iterable[int]
) -> list[Difference]:
    """The differences of one station. `heard`: ports that heard something lately, so Motus should know it."""
    ports = sorted(set(heard))
    if theirs is None:
        return [Difference(Kind.UNKNOWN_THERE, None, place_text(ours), "")] if ports else []
    if ours is None:
        return [Difference(Kind.UNKNOWN_HERE, None, "", theirs.name), *_ports([], theirs, ports)]
    return [*_place(ours, theirs), *_ports(antennas, theirs, ports), *_antennas(antennas, theirs)]


def place_of(deployment: Deployment) -> tuple[float, float] | None:
    """The deployment's own coordinates, else its site's."""
    own, site = (deployment.latitude, deployment.longitude), deployment.site
    latitude, longitude = own if own[0] is not None and own[1] is not None else (site.latitude, site.longitude)
    return None if latitude is None or longitude is None else (latitude, longitude)


def place_text(deployment: Deployment | None) -> str:
    """The name of the deployment's site; empty without a deployment."""
    return "" if deployment is None else deployment.site.name[:200]


def figure_text(figure: float | None) -> str:
    """A figure without needless digits; empty for none."""
    return "" if figure is None else f"{figure:.6f}".rstrip("0").rstrip(".")


def _place(ours: Deployment, theirs: MotusDeployment) -> list[Difference]:
    here = place_of(ours)
    if here is None or theirs.latitude is None or theirs.longitude is None:
        return []
    there = (theirs.latitude, theirs.longitude)
    if distance_m(here, there) <= PLACE_TOLERANCE_M:
        return []
    return [Difference(Kind.PLACE, None, _coordinates(here), _coordinates(there))]


def _coordinates(place: tuple[float, float]) -> str:
    return f"{place[0]:.5f}, {place[1]:.5f}"


def _ports(antennas: Sequence[Antenna], theirs: MotusDeployment, heard: Sequence[int]) -> list[Difference]:
    """Ports that only one side has. A port that heard something is ours, also without an antenna on record."""
    ours = {antenna.port: antenna.type or "?" for antenna in antennas}
    named = {port: ours.get(port, "?") for port in {*ours, *heard}}
    there = {antenna["port"]: antenna["type"] or "?" for antenna in theirs.antennas}
    # A side without any ports says nothing about them.
    if not there or not named:
        return []
    return [
        Difference(Kind.PORT, port, named.get(port, ""), there.get(port, ""))
        for port in sorted({*named, *there})
        if port not in there or (ours and port not in named)
    ]


def _antennas(antennas: Sequence[Antenna], theirs: MotusDeployment) -> list[Difference]:
    there = {antenna["port"]: antenna for antenna in theirs.antennas}
    found = []
    for ours in antennas:
        other = there.get(ours.port)
        if other is None:
            continue
        for kind, figure, name, tolerance in (
            (Kind.FREQUENCY, ours.frequency_mhz, "frequency_mhz", FREQUENCY_TOLERANCE),
            (Kind.BEARING, ours.bearing_deg, "bearing_deg", BEARING_TOLERANCE),
            (Kind.HEIGHT, ours.height_m, "height_m", HEIGHT_TOLERANCE),
        ):
            value = other[name]
            if figure is None or value is None:
                continue
            apart = abs(figure - value)
            if kind == Kind.BEARING:
                apart = min(apart % 360, 360 - apart % 360)
            if apart > tolerance:
                found.append(Difference(kind, ours.port, figure_text(figure), figure_text(value)))
    return found
