"""Replacing a clock that is far off with the server's time, in everything the agent itself writes.

    trusted ──a certificate seems out of date, or nothing keeps the clock──▶ asking
    asking ──the server's time is near─▶ trusted
    asking ──it is far off─────────────▶ corrected: own timestamps use the server's time, the data are marked
    corrected ──the clock was set──────▶ trusted

The system's clock is never set: it belongs to the station's owner, and the recorder runs by it.
"""

import http.client
import logging
import threading
import time
from collections.abc import Callable

from station_agent.clock.quality import clock_read
from station_agent.clock.server_time import ServerTime, server_time_ask
from station_agent.station import Station
from station_agent.words import moment_say, seconds_say

log = logging.getLogger(__name__)

#: Seconds by which a clock must be off before the server's time overrides it.
FAR_OFF = 120.0
#: Seconds to the next query: first and maximum while the server does not answer; after an answer, or with a kept clock.
RETRY_FIRST, RETRY_MOST, AGAIN = 30.0, 3_600.0, 86_400.0


class ClockBound:
    """Checked by the main loop; calls `found` when the server's time takes over."""

    def __init__(
        self,
        station: Station,
        found: Callable[[], None],
        ask: Callable[[str, str], ServerTime] = server_time_ask,
        kept: Callable[[], bool] | None = None,
    ) -> None:
        self._station = station
        self._found = found
        self._ask = ask
        self._kept = kept or self._is_kept
        self._is_doubted = False
        self._next_at = 0.0
        self._pause = RETRY_FIRST
        self._thread: threading.Thread | None = None

    def doubt(self) -> None:
        """Mark the clock as suspect because a certificate seems out of date. Callable from any thread."""
        if not self._is_doubted and self._station.clock_base is None:
            self._is_doubted = True
            self._next_at = 0.0
            self._station.attention.set()

    def say(self) -> str:
        """How wrong the clock is, as a sentence; empty if it is not known to be wrong."""
        offset = self._station.clock_offset
        if self._station.clock_base is None:
            return ""
        side = "behind" if offset > 0 else "ahead"
        return f"The station's clock is wrong by {seconds_say(abs(offset))} ({side} of the server's time)."

    def look(self) -> None:
        """Called by the main loop: query in the background when it is time."""
        if self._station.clock_base is not None and abs(self._station.clock_offset) < FAR_OFF:
            self._trust()
        now = time.monotonic()
        if not self._station.config.server or now < self._next_at or (self._thread and self._thread.is_alive()):
            return
        self._next_at = now + self._pause
        self._pause = min(self._pause * 2, RETRY_MOST)
        # On a dead link this takes half a minute, and the sources must not wait for it.
        self._thread = threading.Thread(target=self.step, name="clock", daemon=True)
        self._thread.start()

    def step(self) -> None:
        """Query the time once, if needed."""
        if not self._is_doubted and self._kept():
            self._rest()
            return
        try:
            told = self._ask(self._station.config.server, self._station.config.amqp.ca_pem)
        except (OSError, http.client.HTTPException, ValueError) as error:
            log.info("The server could not be asked for the time: %s.", error)
            return
        at = told.at + time.monotonic() - told.read_at
        self._rest()
        if abs(at - time.time()) >= FAR_OFF:
            self._correct(at, told)
        elif self._station.clock_base is not None:
            self._trust()

    def _rest(self) -> None:
        self._is_doubted = False
        self._pause, self._next_at = RETRY_FIRST, time.monotonic() + AGAIN

    def _is_kept(self) -> bool:
        """Whether NTP keeps the clock, or the recorder says that its GPS does."""
        clock = clock_read()
        codes = {self._station.vitals.clock_code, clock.code if clock else ""}
        return bool(codes - {"", "P"})

    def _correct(self, at: float, told: ServerTime) -> None:
        station, shows = self._station, time.time()
        is_news = station.clock_base is None
        station.clock_base = at - time.clock_gettime(time.CLOCK_BOOTTIME)
        station.warn(
            "clock_bound", f"{self.say()} It showed {moment_say(shows)} at {moment_say(at)}; new data are marked."
        )
        if not is_news:
            return
        log.warning("%s The agent's own timestamps use the server's time from now on.", self.say())
        station.event(
            "clock_wrong",
            {
                "offset_s": round(at - shows, 1),
                "shows": round(shows, 1),
                "since": round(station.started_at, 1),
                "is_checked": told.is_checked,
                # Everything this run of the agent wrote before has timestamps of the wrong clock.
                "first_seq": station.outbox.since,
                "last_seq": station.outbox.last_seq(),
            },
        )
        station.hello_wanted.set()
        station.report_now()
        self._found()

    def _trust(self) -> None:
        """Trust the clock again after it has been set from outside."""
        self._station.clock_base = None
        self._station.warn("clock_bound", "")
        self._station.event("clock_right", {"shows": round(time.time(), 1)})
        self._station.report_now()
