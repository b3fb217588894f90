"""Taking commands from the station's own queue, each acknowledged when its result is in the outbox.

All waiting messages are fetched at once, so that a command's withdrawal arrives before the command runs.

It uses a separate connection, so that commands still arrive while the server accepts no messages. A station that only
visits takes commands over a second channel of the publishing connection, because a connection costs more than
everything it carries.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pika
from pika import exceptions
from pika.channel import Channel
from pika.spec import Basic

from message_queue.topology import COMMANDS_WAITING_MOST
from station_agent.config import AmqpSettings, LinkSettings
from station_agent.link.behaviour import Behaviour
from station_agent.link.endpoint import Endpoint, parameters_make
from station_agent.link.shared import SharedState
from station_agent.station import LinkState

#: Takes a command's body and a callable that acknowledges it, which may be called from any thread.
Deliver = Callable[[bytes, Callable[[], None]], None]


class CommandLink:
    """One connection that consumes, or a channel on another connection."""

    def __init__(
        self,
        amqp: AmqpSettings,
        settings: LinkSettings,
        view: LinkState,
        deliver: Deliver,
        *,
        heartbeat: int,
        name: str,
        behaviour: Behaviour | None = None,
        shared: SharedState | None = None,
    ) -> None:
        self._behaviour = behaviour or Behaviour()
        self._open_commands = 0
        self._queue = amqp.command_queue
        self._view = view
        self._deliver = deliver
        parameters = parameters_make(amqp, heartbeat=heartbeat, blocked=settings.confirm_deadline, name=name)
        self.endpoint = Endpoint(
            parameters,
            settings,
            view,
            opened=self._on_open,
            lost=self._on_lost,
            behaviour=self._behaviour,
            wanted=lambda: self._behaviour.stays,
            shared=shared,
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._channel: Any = None

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set."""
        self._loop = asyncio.get_running_loop()
        count = asyncio.ensure_future(self._count())
        try:
            await self.endpoint.run(stop)
        finally:
            count.cancel()

    async def _count(self) -> None:
        while True:
            await asyncio.sleep(5.0)
            self.endpoint.count()
            if not self._behaviour.stays:
                self.endpoint.leave()

    def login_change(self, amqp: AmqpSettings) -> None:
        """Connect with another login from now on. Callable from any thread."""
        self.endpoint.login_change(amqp, self._loop)

    @property
    def is_busy(self) -> bool:
        """Whether a received command has not been answered yet."""
        return self._open_commands > 0

    def guest_open(self, channel: Channel) -> None:
        """Take commands over this channel's connection, if the link only visits."""
        if not self._behaviour.stays:
            channel.connection.channel(on_open_callback=self._guest_opened)

    def _guest_opened(self, channel: Channel) -> None:
        channel.add_on_close_callback(lambda _channel, _error: self._on_lost())
        self._channel = channel
        channel.basic_qos(prefetch_count=2 * COMMANDS_WAITING_MOST)
        channel.basic_consume(self._queue, self._on_message)

    def _on_open(self, channel: Channel) -> None:
        self._channel = channel
        channel.add_on_cancel_callback(lambda _frame: self.endpoint.drop(exceptions.ConsumerCancelled("cancelled")))
        channel.basic_qos(prefetch_count=2 * COMMANDS_WAITING_MOST)
        channel.basic_consume(self._queue, self._on_message, callback=lambda _frame: self.endpoint.worked())

    def _on_lost(self) -> None:
        self._channel = None
        self._open_commands = 0

    def _on_message(
        self, channel: Channel, method: Basic.Deliver, _properties: pika.BasicProperties, body: bytes
    ) -> None:
        self._open_commands += 1
        loop = asyncio.get_running_loop()
        tag: int = method.delivery_tag

        def acknowledge() -> None:
            # The tag died with its channel; the broker then delivers again and the journal answers.
            if self._channel is channel and channel.is_open:
                channel.basic_ack(tag)
                self._open_commands -= 1

        def from_any_thread() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(acknowledge)

        self._deliver(body, from_any_thread)
