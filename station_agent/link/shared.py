"""The connections of one station to its server: the first that gets through wakes the others from their pauses.

Each pauses separately, for up to several minutes. Before they shared this, commands came two minutes after data.
"""

import asyncio
from collections.abc import Callable


class SharedState:
    """State shared by the connections. `clock` says how wrong the station's clock is, if known.

    `now` gives the time for checking the dates of certificates in place of the clock; None to use the clock.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], str] = str,
        now: Callable[[], float | None] = lambda: None,
        doubted: Callable[[], None] = lambda: None,
    ) -> None:
        self._wakers: list[asyncio.Event] = []
        self.clock, self.now = clock, now
        #: Called when a certificate seems out of date, which makes the clock a suspect.
        self.doubted = doubted

    def join(self) -> asyncio.Event:
        """An event for one more connection; all run in one loop."""
        waker = asyncio.Event()
        self._wakers.append(waker)
        return waker

    def arrived(self, own: asyncio.Event) -> None:
        """The connection with this event got through: wake the others."""
        for waker in self._wakers:
            if waker is not own:
                waker.set()

    def wake(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """End all pauses, because the obstacle is gone. Callable from any thread."""
        if loop is not None and not loop.is_closed():
            for waker in self._wakers:
                loop.call_soon_threadsafe(waker.set)
