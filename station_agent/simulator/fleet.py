"""The simulated fleet: its file, and the stations that start and stop with it."""

import asyncio
import logging
import signal
from pathlib import Path

import msgspec

from station_agent.errors import WrongUse
from station_agent.simulator.actor import SimulatedStation, StationEntry
from station_agent.simulator.season import Season

log = logging.getLogger(__name__)

#: Seconds between two checks of the file.
LOOK_SECONDS = 1.0
#: Stations that begin to connect each second: a thousand TLS handshakes at once help nobody.
STARTS_A_SECOND = 100


def stations_read(path: Path) -> list[StationEntry]:
    """The entries of the fleet's file. Raises `WrongUse`."""
    try:
        entries = msgspec.json.decode(path.read_bytes(), type=list[StationEntry])
    except OSError as error:
        raise WrongUse(f"The stations' file {path} cannot be read: {error.strerror}.") from error
    except msgspec.DecodeError as error:
        raise WrongUse(f"The stations' file {path} is not valid: {error}.") from error
    serials = [entry.serial for entry in entries]
    twice = sorted({serial for serial in serials if serials.count(serial) > 1})
    if twice:
        raise WrongUse(f"The stations' file {path} names {twice[0]} twice.")
    return entries


def fleet_run(path: Path, *, seed: int, speed: float, history: float) -> None:
    """Run the file's stations until SIGTERM or Ctrl-C; reload the file whenever it changes."""
    asyncio.run(Fleet(path, seed=seed, speed=speed, history=history).run())


class Fleet:
    """The currently running stations, by serial."""

    def __init__(self, path: Path, *, seed: int, speed: float, history: float) -> None:
        self._path = path
        self._seed = seed
        self._speed = speed
        self._history = history
        self._running: dict[str, tuple[StationEntry, asyncio.Event, asyncio.Task[None]]] = {}
        self._read_at = 0
        self._known: set[str] = set()

    async def run(self) -> None:
        """Follow the file."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        while not stop.is_set():
            await self._follow()
            try:
                await asyncio.wait_for(stop.wait(), LOOK_SECONDS)
            except TimeoutError:
                continue
        for _, own_stop, _ in self._running.values():
            own_stop.set()
        await asyncio.gather(*(task for _, _, task in self._running.values()), return_exceptions=True)

    async def _follow(self) -> None:
        """Start new stations, stop removed or stopped ones, restart changed ones."""
        try:
            changed_at = self._path.stat().st_mtime_ns
        except OSError:
            return
        if changed_at == self._read_at:
            return
        self._read_at = changed_at
        try:
            entries = stations_read(self._path)
        except WrongUse as error:
            log.warning("%s The stations continue unchanged.", error)
            return
        wanted = {entry.serial: entry for entry in entries if not entry.stopped}
        for serial in [s for s, (entry, _, _) in self._running.items() if wanted.get(s) != entry]:
            _, own_stop, task = self._running.pop(serial)
            own_stop.set()
            await asyncio.wait([task])
        places = [place for entry in entries if (place := entry.place)]
        season = Season(places, seed=self._seed) if places else None
        for count, entry in enumerate(e for s, e in wanted.items() if s not in self._running):
            own_stop = asyncio.Event()
            # Only the first start has a past: a restarted station has already sent it.
            history = 0.0 if entry.serial in self._known else self._history
            self._known.add(entry.serial)
            actor = SimulatedStation(entry, seed=self._seed, speed=self._speed, history=history, season=season)
            task = asyncio.ensure_future(actor.run(own_stop))
            task.add_done_callback(_report_end)
            self._running[entry.serial] = (entry, own_stop, task)
            if count % STARTS_A_SECOND == STARTS_A_SECOND - 1:
                await asyncio.sleep(1.0)


def _report_end(task: "asyncio.Task[None]") -> None:
    """Log a station that ended because of a bug, so that it does not go unnoticed."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("A simulated station ended: %r", error, exc_info=error)
