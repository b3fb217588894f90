"""A simulated station's battery: charged by the sun through clouds, drained by the station."""

import math

from station_agent.simulator.season import DAY, HOUR, Season

#: Share of the battery that the station drains in an hour, and that the panel adds in an hour of clear zenith sun.
_DRAIN, _CHARGE = 0.006, 0.075
#: A battery that fails takes this long from full to empty.
_FAILING = 4 * DAY
_EMPTY_V, _FULL_V, _CHARGING_V = 11.3, 12.7, 0.9


class Battery:
    """Charge and voltages over time. `fails_at`: when it is empty, because its panel no longer charges it."""

    def __init__(self, season: Season, *, at: float, fails_at: float | None = None) -> None:
        self._season = season
        self._fails_at = math.inf if fails_at is None else fails_at
        # After ten days the initial charge no longer matters.
        self._at, self._charge = at - 10 * DAY, 0.7
        self._advance(at)

    def volts(self, at: float) -> tuple[float, float]:
        """The battery's and the panel's voltage. Call it with moments in their order."""
        self._advance(at)
        light = self._light(at)
        charge = min(self._charge, max((self._fails_at - at) / _FAILING, 0.0))
        lift = _CHARGING_V * min(light * 2, 1.0) if self._charges(at) else 0.0
        return _EMPTY_V + (_FULL_V - _EMPTY_V) * charge + lift, 0.3 + 19.0 * min(light * 3, 1.0)

    def _advance(self, at: float) -> None:
        while self._at < at:
            step = min(HOUR, at - self._at)
            gain = _CHARGE * self._light(self._at) - _DRAIN
            self._charge = min(max(self._charge + gain * step / HOUR, 0.05), 1.0)
            self._at += step

    def _light(self, at: float) -> float:
        return self._season.sun(at) * self._season.clear(at)

    def _charges(self, at: float) -> bool:
        return at < self._fails_at - _FAILING
