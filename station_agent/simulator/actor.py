"""One simulated station: its traffic, its contact with the server, its answers to commands."""

import asyncio
import logging
import random
import time
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta
from pika.channel import Channel

from message_queue.contracts.command_status import CommandState, CommandStatus
from message_queue.contracts.commands import command_contracts
from message_queue.contracts.commands.base import WITHDRAW, CommandMessage, Withdrawal, order_decode
from message_queue.contracts.commands.set_reporting_interval import SetReportingInterval
from message_queue.contracts.health import Backlog
from message_queue.contracts.hello import Hello
from message_queue.errors import CommandRefused
from station_agent import __version__
from station_agent.config import AmqpSettings, LinkSettings
from station_agent.link.publish import PublishLink
from station_agent.simulator.feed import MemoryFeed
from station_agent.simulator.season import Place, Season
from station_agent.simulator.traffic import Traffic
from station_agent.station import LinkState

log = logging.getLogger(__name__)

Behaviour = Literal["normal", "late", "silent", "wrong_clock", "noisy"]

#: Seconds of traffic in a batch, before the speed.
BATCH_SECONDS = 10.0
#: A silent station reports this often while it still does, and falls silent after this many reports.
SILENT_INTERVAL = 60.0
SILENT_AFTER_REPORTS = 2
#: A late station reports after this many of its announced intervals.
LATE_FACTOR = 2.2
REBOOT_SECONDS = 20.0
#: Seconds of the past per step.
HISTORY_STEP = 600.0


class StationEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the fleet's file. `interval` is the reporting interval in seconds; `stopped` keeps the station off.

    Stations with a position share one season: the same birds pass them, one after the other.
    """

    serial: str
    amqp: AmqpSettings
    behaviour: Behaviour = "normal"
    interval: Annotated[float, Meta(ge=5, le=86_400)] = 300.0
    stopped: bool = False
    latitude: float | None = None
    longitude: float | None = None
    boot_count: Annotated[int, Meta(ge=0)] | None = None

    @property
    def place(self) -> Place | None:
        """Its place, if that is known."""
        if self.latitude is None or self.longitude is None:
            return None
        return Place(self.serial, self.latitude, self.longitude)


class SimulatedStation:
    """A station that runs until it is stopped."""

    def __init__(
        self, entry: StationEntry, *, seed: int, speed: float, history: float = 0.0, season: Season | None = None
    ) -> None:
        self.entry = entry
        self._season = season if entry.place else None
        self._speed = speed
        self._random = random.Random(f"{seed}/{entry.serial}/contact")
        self._seed = seed
        drawn = 1 + self._random.randrange(40)
        self._boot_count = drawn if entry.boot_count is None else entry.boot_count
        self._interval = SILENT_INTERVAL if entry.behaviour == "silent" else entry.interval
        self._feed = MemoryFeed()
        self.view = LinkState()
        self._link = PublishLink(
            entry.amqp,
            LinkSettings(),
            self._feed,
            self.view,
            heartbeat=60,
            name=f"{entry.serial} simulated",
            opened=self._on_open,
        )
        self._answers: dict[UUID, list[CommandStatus]] = {}
        self._history = history
        self._traffic = self._boot(time.time() - history)
        self._next_report = 0.0
        self._next_contact = 0.0
        self._reports = 0
        self._away_until = 0.0

    def _boot(self, now: float) -> Traffic:
        return Traffic(
            self.entry.serial,
            seed=self._seed,
            started_at=now,
            boot_count=self._boot_count,
            behaviour=self.entry.behaviour,
            season=self._season,
        )

    @property
    def next_in(self) -> float:
        """Seconds to the next report, as announced."""
        return max(self._interval / self._speed, 1.0)

    async def run(self, stop: asyncio.Event) -> None:
        """Produce traffic and keep the connection until stopped."""
        own_stop = asyncio.Event()
        link = asyncio.ensure_future(self._link.run(own_stop))
        try:
            await self._live(stop, own_stop)
        finally:
            own_stop.set()
            await link

    async def _live(self, stop: asyncio.Event, own_stop: asyncio.Event) -> None:
        step = max(BATCH_SECONDS / self._speed, 0.2)
        begin = time.time()
        await self._past(begin)
        self._hello(begin)
        await _sleep(stop, self._random.uniform(0, step))
        while not stop.is_set():
            now = time.time()
            if self.entry.behaviour == "silent" and self._reports >= SILENT_AFTER_REPORTS:
                await _sleep(stop, 2.0)
                own_stop.set()
                await stop.wait()
                return
            if now >= self._away_until:
                self._tick(begin, now)
            begin = now
            await _sleep(stop, step)

    async def _past(self, now: float) -> None:
        """Produce the data from before the first contact, as after days without a link."""
        begin = now - self._history
        while begin < now:
            end = min(begin + HISTORY_STEP, now)
            for message in self._traffic.messages(begin, end):
                self._feed.put(message.kind, message.body)
            self._feed.put("health", self._traffic.health(end, next_in=self.next_in))
            begin = end
            await asyncio.sleep(0)

    def _tick(self, begin: float, now: float) -> None:
        """Produce one batch of the station's traffic."""
        for message in self._traffic.messages(begin, now):
            self._feed.put(message.kind, message.body)
        if now >= self._next_report:
            self._report(now)
        if self.entry.behaviour == "late":
            self._feed.is_open = now >= self._next_contact
            if self._feed.is_open:
                self._next_contact = now + LATE_FACTOR * self.next_in * self._random.uniform(0.8, 1.2)
        self._link.pump()

    def _report(self, now: float) -> None:
        health = self._traffic.health(now, next_in=self.next_in)
        backlog = Backlog(messages=self._feed.waiting, bytes=self._feed.waiting_bytes)
        self._feed.put("health", msgspec.structs.replace(health, backlog=backlog), urgent=True)
        self._next_report = now + self.next_in
        self._reports += 1

    def _hello(self, now: float) -> None:
        self._feed.put(
            "hello",
            Hello(
                at=self._traffic.clock(now),
                agent_version=__version__,
                boot_count=self._boot_count,
                started_at=self._traffic.clock(now),
                profile="normal",
                next_in=self.next_in,
                sources=["host_health", "sensorgnome"],
                commands=sorted([*command_contracts(), WITHDRAW]),
                hardware={"model": "Simulated station", "simulated": True},
            ),
            urgent=True,
        )

    def _on_open(self, channel: Channel) -> None:
        # One connection for both directions: a real agent has two, but a simulated fleet must spare the broker.
        connection: Any = channel.connection
        connection.channel(on_open_callback=self._consume)

    def _consume(self, channel: Channel) -> None:
        channel.basic_qos(prefetch_count=1)
        channel.basic_consume(self.entry.amqp.command_queue, self._on_command)

    def _on_command(self, channel: Channel, method: Any, _properties: Any, body: bytes) -> None:
        try:
            message = order_decode(body)
        except CommandRefused as error:
            log.warning("%s: %s", self.entry.serial, error)
        else:
            if isinstance(message, Withdrawal):
                self._withdraw(message)
            else:
                self._obey(message)
        channel.basic_ack(method.delivery_tag)
        self._link.pump()

    def _withdraw(self, message: Withdrawal) -> None:
        """Refuse the command if it has not arrived yet; one that ran has already been reported."""
        if message.withdraw not in self._answers:
            at = self._traffic.clock(time.time())
            note = "It was cancelled before it ran here."
            status = CommandStatus(command=message.withdraw, state="refused", at=at, note=note)
            self._answers[message.withdraw] = [status]
            self._feed.put("command_status", status, urgent=False)

    def _obey(self, message: CommandMessage) -> None:
        """Answer as an agent does; a repeated command gets the same answer again."""
        answers = self._answers.get(message.id)
        if answers is None:
            answers = self._answers[message.id] = self._answer(message)
        for status in answers:
            self._feed.put("command_status", status, urgent=False)

    def _answer(self, message: CommandMessage) -> list[CommandStatus]:
        now = time.time()

        def say(state: CommandState, note: str = "", **more: Any) -> CommandStatus:
            return CommandStatus(command=message.id, state=state, at=self._traffic.clock(now), note=note, **more)

        contract = command_contracts().get(message.name)
        if message.station != self.entry.serial:
            return [say("refused", f"The command is for station {message.station}.")]
        if self.entry.behaviour == "wrong_clock":
            return [say("refused", "The station's clock is not set, so it cannot tell whether the command is wanted.")]
        if message.expires_at < now:
            return [say("expired", "The command arrived too late.")]
        if contract is None:
            return [say("refused", f"This station knows no command {message.name!r}.")]
        try:
            parameters = contract.parameters_check(message.parameters)
        except CommandRefused as error:
            return [say("refused", str(error)[:250])]
        note, more = self._act(message.name, parameters, now)
        return [say("received"), say("running"), say("succeeded", note, **more)]

    def _act(self, name: str, parameters: Any, now: float) -> tuple[str, dict[str, Any]]:
        if isinstance(parameters, SetReportingInterval):
            self._interval = parameters.seconds * self._speed
            self._report(now)
            return f"The station now reports every {parameters.seconds} s.", {"result": {"seconds": parameters.seconds}}
        if name == "reboot":
            self._boot_count += 1
            self._away_until = now + REBOOT_SECONDS / self._speed
            self._traffic = self._boot(self._away_until)
            self._hello(now)
            return "The station is rebooting.", {}
        if name == "run_diagnostics":
            health = self._traffic.health(now, next_in=self.next_in)
            figures = {
                "battery_v": health.battery_v,
                "disk_percent": health.disk_percent,
                "backlog": self._feed.waiting,
            }
            text = "\n".join(f"{key}: {value}" for key, value in figures.items())
            return "The station found nothing wrong with itself.", {"result": figures, "output": text}
        return "The station answers.", {}


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    """Sleep, but wake up early when stopped."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
