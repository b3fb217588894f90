"""The connections of one station to its server: the first that gets through wakes the others from their pauses.

Each has pauses of its own, up to minutes long. Without a word between them, commands came two minutes after data.
"""

import asyncio
from collections.abc import Callable


class Company:
    """What the connections share. `clock` says how wrong the station's clock is, where that is known.

    `now` gives the time that goes over the clock's, by which the dates of certificates are checked; None where none does.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], str] = str,
        now: Callable[[], float | None] = lambda: None,
        doubted: Callable[[], None] = lambda: None,
    ) -> None:
        self._bells: list[asyncio.Event] = []
        self.clock, self.now = clock, now
        #: Called when a certificate seems out of date, which makes the clock a suspect.
        self.doubted = doubted

    def join(self) -> asyncio.Event:
        """A bell for one more connection; all live in one loop."""
        bell = asyncio.Event()
        self._bells.append(bell)
        return bell

    def arrived(self, own: asyncio.Event) -> None:
        """The connection with this bell got through: the server is back."""
        for bell in self._bells:
            if bell is not own:
                bell.set()

    def wake(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """Nobody has to wait any more: what was in the way is gone. From any thread."""
        if loop is not None and not loop.is_closed():
            for bell in self._bells:
                loop.call_soon_threadsafe(bell.set)
