"""The daemon: polls the sources, runs the two connections, answers commands, shows its state, and stops cleanly."""

import fcntl
import logging
import os
import signal
import sqlite3
import time
from pathlib import Path
from types import FrameType
from typing import IO

from pika.channel import Channel

from message_queue.contracts.base import Scalar
from station_agent import __version__, outbox, sources, status, systemd
from station_agent.clock.correction import ClockBound
from station_agent.clock.watch import ClockWatch
from station_agent.config import AmqpSettings, Config
from station_agent.database import Database
from station_agent.errors import AgentError
from station_agent.greeting import address_is_news, hello_put
from station_agent.identity.rotation import Rotation
from station_agent.link.consume import CommandLink
from station_agent.link.data_use import data_use_store
from station_agent.link.network import Network
from station_agent.link.publish import PublishLink
from station_agent.link.shared import SharedState
from station_agent.link.station_behaviour import StationBehaviour
from station_agent.outbox import Outbox
from station_agent.pace import PacedFeed
from station_agent.running import journal
from station_agent.running.executor import Executor
from station_agent.running.journal import Journal
from station_agent.sources.base import Source
from station_agent.station import Station

log = logging.getLogger(__name__)

#: Seconds that each part of a clean stop may take; their sum is less than systemd and people wait.
STOP_NETWORK_SECONDS = 3.0
STOP_COMMANDS_SECONDS = 1.0
#: Longest sleep of the main loop.
LOOP_SECONDS = 2.0
#: Seconds until a failed source is polled again.
FAILED_SOURCE_WAIT = 30.0
#: Seconds without a sign of life from the network thread after which systemd is to restart the agent.
NETWORK_SILENT = 120.0
VACUUM_SECONDS = 600.0


def station_open(config: Config) -> tuple[Station, Journal]:
    """Open the outbox and everything in it; report in an event if a damaged one had to be replaced."""
    schemas = [outbox.SCHEMA, journal.SCHEMA, *sources.source_schemas()]
    database = Database(config.database_path, schemas)
    station = Station(config, Outbox(database, cap_bytes=config.outbox.cap_bytes))
    book = Journal(database)
    if database.damaged is not None:
        saved = book.salvage(database.damaged)
        log.error("The outbox was damaged; it was moved to %s, and a new one was created.", database.damaged)
        lost = outbox.waiting_in(database.damaged)
        words = ", ".join(f"{kind} {count}" for kind, count in sorted(lost.items()))
        told: dict[str, Scalar] = {"commands_saved": saved, "set_aside": database.damaged.name}
        if lost:
            told |= {"messages_lost": sum(lost.values()), "lost": words}
        station.event("outbox_rebuilt", told)
    return station, book


class Daemon:
    """One run of the agent."""

    def __init__(self, config: Config, *, config_path: Path | None = None) -> None:
        self._config = config
        self._lock = lock_take(config)
        self.station, book = station_open(config)
        self.station.config_path = config_path
        vitals, amqp = self.station.vitals, config.amqp
        serial = config.serial
        behaviour = StationBehaviour(self.station)
        self._bound = ClockBound(self.station, self._on_clock_found)
        self._shared = SharedState(clock=self._bound.say, now=self._time_over_clock, doubted=self._bound.doubt)
        self._executor = Executor(self.station, book, Path(config.commands.consent_file))
        self._consume = CommandLink(
            amqp,
            config.link,
            vitals.commands,
            self._executor.deliver,
            heartbeat=config.heartbeat,
            name=f"{serial} commands",
            behaviour=behaviour,
            shared=self._shared,
        )
        self._publish = PublishLink(
            amqp,
            config.link,
            PacedFeed(self.station.outbox, self.station.pacer),
            vitals.publishing,
            heartbeat=config.heartbeat,
            name=f"{serial} publish",
            opened=self._on_opened,
            behaviour=behaviour,
            is_busy=lambda: self._consume.is_busy,
            shared=self._shared,
        )
        self._network = Network(self._publish.run, self._consume.run)
        self._sources = sources.sources_make(self.station)
        self._due = dict.fromkeys(self._sources, 0.0)
        self._failures: dict[str, str] = {}
        self._shown = status.Writer(config.status_path)
        self._watchdog = systemd.watchdog_seconds()
        self._watchdog_at = 0.0
        self._vacuum_at = time.monotonic() + VACUUM_SECONDS
        self._stopping = False
        self._clock = ClockWatch(self.station)
        self._rotation = Rotation(self.station, self._login_change)

    def _on_clock_found(self) -> None:
        """Retry connections that failed because of certificate dates, now that the server's time is used."""
        self._shared.wake(self._network.loop)

    def _time_over_clock(self) -> float | None:
        return None if self.station.clock_base is None else self.station.now()

    def _on_opened(self, channel: Channel) -> None:
        """On a new connection, send current data first, and take commands over it if it is the only one."""
        try:
            self.station.outbox.past_demote(time.time())
        except sqlite3.Error as error:
            # A failure here affects only the order.
            log.warning("The outbox could not be repaired: %s.", error)
        if address_is_news(self.station):
            self.station.hello_wanted.set()
        self._consume.guest_open(channel)

    def _login_change(self, amqp: AmqpSettings) -> None:
        """Switch both connections to another login."""
        self.station.login = amqp.username, amqp.password
        self._consume.login_change(amqp)
        self._publish.login_change(amqp)

    def stop(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """Stop the main loop; also a signal handler."""
        self._stopping = True
        self.station.attention.set()

    def run(self) -> int:
        """Run until stopped; return the exit code."""
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        self.station.outbox.on_put(self._publish.wake)
        hello_put(self.station)
        self._executor.start()
        self._network.start()
        systemd.notify("READY=1")
        log.info("Station agent %s for %s, profile %s.", __version__, self._config.serial, self.station.profile)
        try:
            return self._loop()
        finally:
            self._close()

    def _loop(self) -> int:
        while not self._stopping:
            now = time.monotonic()
            if self.station.attention.is_set():
                self.station.attention.clear()
                self._due = dict.fromkeys(self._due, 0.0)
            for name, source in self._sources.items():
                if now >= self._due[name] and not self._stopping:
                    self._due[name] = time.monotonic() + self._poll(name, source)
            if not self._network.is_running or self.station.outbox.database.broken:
                log.error("The agent cannot continue and exits, to be restarted.")
                return 1
            if self.station.hello_wanted.is_set():
                # Only after polling the sources, which record what the new profile keeps back.
                self.station.hello_wanted.clear()
                hello_put(self.station)
            self._keep_alive()
            self._clock.look()
            self._bound.look()
            self._rotation.look()
            self._shown.write(self.station)
            pause = min([LOOP_SECONDS, *(due - time.monotonic() for due in self._due.values())])
            self.station.attention.wait(max(pause, 0.0))
        return 0

    def _poll(self, name: str, source: Source) -> float:
        """Poll one source; report a failure once, without affecting the others."""
        try:
            wait = source.poll()
        except Exception as error:
            sentence = f"The source {name} failed: {error}."
            if self._failures.get(name) != sentence:
                self._failures[name] = sentence
                log.warning("%s", sentence, exc_info=not isinstance(error, OSError | sqlite3.OperationalError))
                self.station.warn(name, sentence)
            return FAILED_SOURCE_WAIT
        if self._failures.pop(name, None):
            log.info("The source %s works again.", name)
            self.station.warn(name, "")
        return wait

    def _keep_alive(self) -> None:
        now = time.monotonic()
        if self._watchdog is not None and now >= self._watchdog_at and now - self._network.alive_at < NETWORK_SILENT:
            systemd.notify(f"WATCHDOG=1\nSTATUS={status.line(self.station)}")
            self._watchdog_at = now + self._watchdog
        if now >= self._vacuum_at:
            self._vacuum_at = now + VACUUM_SECONDS
            try:
                self.station.outbox.database.shrink()
            except sqlite3.OperationalError as error:
                log.warning("The outbox could not be shrunk: %s.", error)

    def _close(self) -> None:
        """Stop everything, keeping unsent messages."""
        systemd.notify("STOPPING=1")
        self.station.stopping.set()
        ended = self._network.stop(STOP_NETWORK_SECONDS)
        self._executor.stop(STOP_COMMANDS_SECONDS)
        self._shown.remove()
        data_use_store(self.station.outbox, self.station.vitals)
        waiting = self.station.outbox.backlog().messages
        self.station.outbox.database.close()
        self._lock.close()
        log.info("Stopped; %d messages are waiting for the next start.", waiting)
        if not ended:
            # A name look-up on a dead link would block the process for half a minute; everything is on disk.
            logging.shutdown()
            os._exit(0 if self._stopping else 1)


def lock_take(config: Config) -> IO[str]:
    """Lock the state folder for this process alone. Raises `AgentError` if another agent runs on it."""
    try:
        config.state_path.mkdir(mode=0o700, parents=True, exist_ok=True)
        config.runtime_path.mkdir(mode=0o755, parents=True, exist_ok=True)
        file = lock_path(config).open("a+", encoding="ascii")
    except OSError as error:
        raise AgentError(f"The folder {config.state_path} cannot be written: {error.strerror}.") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise AgentError(f"Another station agent already runs on {config.state_path}: stop it first.") from error
    return file


def lock_path(config: Config) -> Path:
    """The file whose lock shows that an agent runs."""
    return config.state_path / "agent.lock"
