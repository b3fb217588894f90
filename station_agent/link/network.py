"""The network thread: one event loop that runs the two connections."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

log = logging.getLogger(__name__)

#: A job gets the event that ends it.
Job = Callable[[asyncio.Event], Coroutine[Any, Any, None]]


class Network:
    """Runs jobs in a separate event loop until it is stopped."""

    def __init__(self, *jobs: Job) -> None:
        self._jobs = jobs
        self._thread = threading.Thread(target=self._main, name="network", daemon=True)
        self.loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._stopping = threading.Event()
        #: Monotonic time of the loop's last sign of life.
        self.alive_at = time.monotonic()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """False once the thread has ended, by itself or because it was stopped."""
        return self._thread.is_alive()

    def stop(self, seconds: float) -> bool:
        """Stop the jobs cleanly; False if they did not end in time."""
        self._stopping.set()
        loop, stop = self.loop, self._stop
        if loop is not None and stop is not None:
            try:
                loop.call_soon_threadsafe(stop.set)
            except RuntimeError:
                return True
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _main(self) -> None:
        try:
            asyncio.run(self._run())
        except Exception:
            log.exception("The network thread ended.")

    async def _run(self) -> None:
        self.loop = asyncio.get_running_loop()
        stop = self._stop = asyncio.Event()
        if self._stopping.is_set():
            return
        pulse = asyncio.ensure_future(self._pulse())
        try:
            await asyncio.gather(*(job(stop) for job in self._jobs))
        finally:
            pulse.cancel()

    async def _pulse(self) -> None:
        while True:
            self.alive_at = time.monotonic()
            await asyncio.sleep(1.0)
