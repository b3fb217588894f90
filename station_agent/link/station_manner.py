"""How this station's links behave: by its profile and by the pace that the server asked for."""

from station_agent.link.manner import Manner
from station_agent.station import Station


class StationManner(Manner):
    """The link's questions, answered from the station."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._answered = 0

    @property
    def heartbeat(self) -> int:  # type: ignore[override]
        """The configuration's, else the profile's."""
        return self._station.config.link.heartbeat or self._station.tuning.heartbeat

    @property
    def patience(self) -> float:  # type: ignore[override]
        """The profile's."""
        return self._station.tuning.patience

    @property
    def is_terse(self) -> bool:
        """The profile's."""
        return self._station.tuning.is_terse

    @property
    def stays(self) -> bool:
        """The profile's."""
        return self._station.tuning.stays

    @property
    def is_due(self) -> bool:
        """Whether something called since the last visit."""
        return self._station.calls != self._answered

    def calls(self) -> int:
        """The station's calls up to now."""
        return self._station.calls

    def answered(self, calls: int) -> None:
        """A visit is over."""
        self._answered = calls

    def spread(self) -> float:
        """The pace's."""
        return self._station.pacer.spread()
