"""Pins of stations and places on a map, combined into clusters where they would cover each other."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from fleet.alerts.attention import STATES, fleet_state_word
from sg_status.maps.view import View

#: Pins closer to each other than this, in pixels, form one cluster, so that a thumb can hit each.
_NEAR: Final = 44.0
#: States named on a cluster, worst first; the others are counted together.
_GROUPS: Final = 2


def urgency_of(state: str) -> int:
    """The rank of a state by urgency; plain places come last."""
    return STATES.index(state) if state in STATES else len(STATES)


def word_of(state: str) -> str:
    """A pin's state in words; nothing for a plain place."""
    return fleet_state_word(state) if state else ""


@dataclass(frozen=True, slots=True)
class Pin:
    """A place on a map: degrees, name and page. `state` is a station's (`fleet.alerts.attention`) or empty.

    `radius_m`: the true place is somewhere within this radius. `note` stands beside the name in lists.
    """

    latitude: float
    longitude: float
    name: str
    state: str = ""
    address: str = ""
    radius_m: float | None = None
    note: str = ""

    @property
    def urgency(self) -> int:
        """0 is the worst."""
        return urgency_of(self.state)

    @property
    def words(self) -> str:
        """Its name and state."""
        return f"{self.name}: {word_of(self.state)}" if self.state else self.name


@dataclass(slots=True)
class Cluster:
    """Pins that are drawn as one, at the position of the most urgent."""

    pins: list[Pin]
    x: float
    y: float

    @property
    def groups(self) -> list[tuple[str, int]]:
        """The worst states with their numbers, worst first."""
        return self._counted()[:_GROUPS]

    @property
    def more(self) -> int:
        """Pins in states that have no group of their own."""
        return sum(number for _state, number in self._counted()[_GROUPS:])

    @property
    def words(self) -> str:
        """Everything inside, in words, worst first."""
        return ", ".join(f"{number} {word_of(state)}".strip() for state, number in self._counted())

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """South, west, north and east of its pins."""
        lats, lons = [pin.latitude for pin in self.pins], [pin.longitude for pin in self.pins]
        return min(lats), min(lons), max(lats), max(lons)

    def _counted(self) -> list[tuple[str, int]]:
        counted = Counter(pin.state for pin in self.pins)
        return sorted(counted.items(), key=lambda one: urgency_of(one[0]))


@dataclass(slots=True)
class _Squares:
    """Clusters by map square, so that each pin is compared only with its neighbours."""

    found: dict[tuple[int, int], list[Cluster]] = field(default_factory=dict)

    def near(self, x: float, y: float) -> Cluster | None:
        column, row = int(x // _NEAR), int(y // _NEAR)
        for across in (column - 1, column, column + 1):
            for down in (row - 1, row, row + 1):
                for cluster in self.found.get((across, down), ()):
                    if (cluster.x - x) ** 2 + (cluster.y - y) ** 2 < _NEAR**2:
                        return cluster
        return None

    def add(self, cluster: Cluster) -> None:
        self.found.setdefault((int(cluster.x // _NEAR), int(cluster.y // _NEAR)), []).append(cluster)


def clusters_of(pins: Iterable[Pin], view: View, *, margin: float = 0.0) -> list[Cluster]:
    """The pins in view, worst first, combined into clusters where they would cover each other."""
    squares, found = _Squares(), []
    for pin in sorted(pins, key=lambda one: (one.urgency, one.name, one.address)):
        x, y = view.pixels(pin.longitude, pin.latitude)
        if not (-margin <= x <= view.width + margin and -margin <= y <= view.height + margin):
            continue
        cluster = squares.near(x, y)
        if cluster is None:
            cluster = Cluster([pin], x, y)
            squares.add(cluster)
            found.append(cluster)
        else:
            cluster.pins.append(pin)
    return found


def pins_fit(pins: Sequence[Pin]) -> list[tuple[float, float]]:
    """The corners that a view of these pins must show: longitude and latitude."""
    corners = []
    for pin in pins:
        reach = (pin.radius_m or 0.0) / 111_320.0
        corners += [(pin.longitude - reach, pin.latitude - reach), (pin.longitude + reach, pin.latitude + reach)]
    return corners
