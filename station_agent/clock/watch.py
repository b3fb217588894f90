"""Detecting that the wall clock was set, by comparing it with the monotonic clock."""

import time
from collections.abc import Callable

from station_agent.station import Station

#: Seconds by which the two must diverge between two checks; slewing moves them apart by a thousandth of that.
STEP_LEAST = 1.0


class ClockWatch:
    """Checked by the main loop; a step becomes the event `clock_step`."""

    def __init__(
        self,
        station: Station,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
    ) -> None:
        self._station = station
        self._wall, self._steady = wall, steady
        self._offset = wall() - steady()

    def look(self) -> None:
        """Report a step, with the time the clock showed and the time it shows."""
        now, steady = self._wall(), self._steady()
        before = steady + self._offset
        self._offset = now - steady
        if abs(now - before) >= STEP_LEAST:
            self._station.event(
                "clock_step", {"before": round(before, 3), "after": round(now, 3), "step_s": round(now - before, 3)}
            )
            self._station.report_now()
