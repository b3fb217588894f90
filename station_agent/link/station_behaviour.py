"""The behaviour of this station's links, by its profile and by the pace requested by the server."""

from station_agent.link.behaviour import Behaviour
from station_agent.station import Station


class StationBehaviour(Behaviour):
    """Answers the link's questions from the station."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._answered = 0

    @property
    def heartbeat(self) -> int:  # type: ignore[override]
        """The configuration's heartbeat, else the profile's."""
        return self._station.config.link.heartbeat or self._station.tuning.heartbeat

    @property
    def patience(self) -> float:  # type: ignore[override]
        """The profile's patience."""
        return self._station.tuning.patience

    @property
    def is_terse(self) -> bool:
        """Whether the profile is terse."""
        return self._station.tuning.is_terse

    @property
    def stays(self) -> bool:
        """Whether the profile stays connected."""
        return self._station.tuning.stays

    @property
    def is_due(self) -> bool:
        """Whether a visit was requested since the last one."""
        return self._station.calls != self._answered

    def calls(self) -> int:
        """The station's requests so far."""
        return self._station.calls

    def answered(self, calls: int) -> None:
        """Record that a visit is over."""
        self._answered = calls

    def spread(self) -> float:
        """The pace's spread."""
        return self._station.pacer.spread()
