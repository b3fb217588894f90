"""The way that a station's files take to the server: HTTPS to the site, or AMQP as its data does.

    site ──no answer for AWAY_S, while the broker works──▶ broker
      ▲                                                      │ each LOOK_S, one attempt
      └───────────────────────it answers─────────────────────┘

A station without an address of the site always uses the broker.
"""

import time
from collections.abc import Callable
from enum import StrEnum

from station_agent.errors import WrongUse
from station_agent.identity.enrolment import server_check
from station_agent.station import Station

#: Seconds without an answer from the site after which files go over AMQP, and after which the site is tried again.
AWAY_S, LOOK_S = 3_600.0, 21_600.0
#: Files wait while the oldest message in the outbox is at least this many seconds old.
LAG_S = 10.0


class UploadWay(StrEnum):
    """A way to the server."""

    SITE = "site"
    BROKER = "broker"


class UploadWays:
    """Chooses the way, and says when files may use the link."""

    def __init__(self, station: Station, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._station, self._clock = station, clock
        #: Since when the site has not answered, by the given clock and by the wall clock; and when to try it again.
        self._away_since: float | None = None
        self._away_at = 0.0
        self._look_at = 0.0

    def choose(self) -> UploadWay:
        """The way for the next files."""
        if not site_is_known(self._station):
            return UploadWay.BROKER
        moment = self._clock()
        if self._away_since is None or moment - self._away_since < AWAY_S or not self._broker_works():
            return UploadWay.SITE
        if moment >= self._look_at:
            self._look_at = moment + LOOK_S
            return UploadWay.SITE
        return UploadWay.BROKER

    def site_away(self) -> None:
        """Note that the site did not answer."""
        if self._away_since is None:
            self._away_since, self._away_at = self._clock(), time.time()
            self._look_at = self._away_since + AWAY_S + LOOK_S

    def site_works(self) -> None:
        """Note that the site answered."""
        self._away_since = None

    def may_send(self) -> bool:
        """Whether files may use the link now: not while data waits for it, or while a pace slows the station."""
        if self._station.pacer.is_holding or self._station.pacer.slowdown > 1:
            return False
        oldest = self._station.outbox.backlog().oldest_at
        is_connected = self._station.vitals.publishing.connected_since is not None
        return not is_connected or oldest is None or abs(time.time() - oldest) < LAG_S

    def _broker_works(self) -> bool:
        view = self._station.vitals.publishing
        return view.connected_since is not None or (view.last_confirm_at or 0.0) > self._away_at


def site_is_known(station: Station) -> bool:
    """Whether the configuration has an address to which this station may send its login."""
    try:
        server_check(station.config.server, insecure_http=False)
    except WrongUse:
        return False
    return bool(station.config.server)
