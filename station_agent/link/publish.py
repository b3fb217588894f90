"""Publishing with a window of confirms: unconfirmed messages are given back, never lost.

Messages leave in the feed's order. A message that no queue accepted, or that the broker refused because its queue is
full, stays with the feed.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol

import pika
from pika.channel import Channel
from pika.exceptions import AMQPError
from pika.spec import Basic

from message_queue.contracts import contracts
from message_queue.routing import message_key
from station_agent import __version__
from station_agent.config import AmqpSettings, LinkSettings
from station_agent.link.behaviour import Behaviour
from station_agent.link.endpoint import Endpoint, parameters_make
from station_agent.link.reasons import advice_of
from station_agent.link.shared import SharedState
from station_agent.outbox import Outgoing
from station_agent.station import LinkState

log = logging.getLogger(__name__)

#: Seconds for which confirms are collected before the feed is told: one commit for many rows.
GATHER_SECONDS = 0.05
#: Seconds that a visit waits for more, because commands arrive on the same connection.
LINGER_SECONDS = 3.0
_APP_ID = f"station-agent {__version__}"


class Feed(Protocol):
    """The source of messages. All calls come from the link's loop."""

    def take(self, room: int) -> list[Outgoing]:
        """Up to `room` messages, now in flight."""

    def confirmed(self, keys: Sequence[int]) -> None:
        """The broker has confirmed these."""

    def given_back(self, keys: Collection[int]) -> None:
        """These must be published again."""

    def returned(self, keys: Collection[int]) -> None:
        """No queue accepted these."""


class NoConfirmError(Exception):
    """The deadline for a confirm passed."""


class PublishLink:
    """One connection that empties a feed. `opened` is called with each new channel; a visit lasts while `is_busy`."""

    def __init__(
        self,
        amqp: AmqpSettings,
        settings: LinkSettings,
        feed: Feed,
        view: LinkState,
        *,
        heartbeat: int,
        name: str,
        gather: float = GATHER_SECONDS,
        opened: Callable[[Channel], None] | None = None,
        behaviour: Behaviour | None = None,
        is_busy: Callable[[], bool] = lambda: False,
        shared: SharedState | None = None,
    ) -> None:
        self._opened = opened
        self._behaviour = behaviour or Behaviour()
        self._is_busy = is_busy
        self._is_drained = False
        self._moved_at = 0.0
        self._gather = gather
        self._amqp = self._next_amqp = amqp
        self._settings = settings
        self._feed = feed
        self._view = view
        parameters = parameters_make(amqp, heartbeat=heartbeat, blocked=settings.confirm_deadline, name=name)
        self.endpoint = Endpoint(
            parameters,
            settings,
            view,
            opened=self._on_open,
            lost=self._on_lost,
            behaviour=self._behaviour,
            wanted=lambda: self._behaviour.stays or self._behaviour.is_due,
            shared=shared,
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._channel: Channel | None = None
        self._tag = 0
        self._waiting: dict[int, int] = {}
        self._confirmed: list[int] = []
        self._returned: set[str] = set()
        self._names: dict[int, str] = {}
        self._progress_at = 0.0
        self._quiet_until = 0.0
        self._nacks = 0
        self._stranded_since = 0.0
        self._flush_handle: asyncio.TimerHandle | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop` is set."""
        self._loop = asyncio.get_running_loop()
        watch = asyncio.ensure_future(self._watch())
        try:
            await self.endpoint.run(stop)
        finally:
            watch.cancel()
            self._flush()

    def login_change(self, amqp: AmqpSettings) -> None:
        """Connect with another login from now on. Callable from any thread."""
        self._next_amqp = amqp
        self.endpoint.login_change(amqp, self._loop)

    def wake(self) -> None:
        """Announce new messages. Callable from any thread."""
        if self._loop is not None:
            try:
                self._loop.call_soon_threadsafe(self.pump)
            except RuntimeError:
                return

    async def _watch(self) -> None:
        """Once a second, check for messages that may be sent again, and for a broker that does not confirm."""
        while True:
            await asyncio.sleep(1.0)
            self.endpoint.count()
            self._flush()
            if self._waiting and time.monotonic() - self._progress_at > self._settings.confirm_deadline:
                self.endpoint.drop(NoConfirmError(f"no confirm for {self._settings.confirm_deadline:.0f} s"))
            else:
                self._visit_look()

    def _visit_look(self) -> None:
        """Publish waiting messages; end a visit that has nothing left to do."""
        calls = self._behaviour.calls()
        self.pump()
        if self._waiting or not self._is_drained or self._is_busy():
            self._moved_at = time.monotonic()
        elif not self._behaviour.stays and self._channel and time.monotonic() - self._moved_at >= LINGER_SECONDS:
            self._behaviour.answered(calls)
            self.endpoint.leave()

    def _on_open(self, channel: Channel) -> None:
        channel.add_on_return_callback(self._on_return)
        channel.confirm_delivery(self._on_confirm, callback=lambda _frame: self._start(channel))
        if self._opened is not None:
            self._opened(channel)

    def _start(self, channel: Channel) -> None:
        # The sender's name in a message comes from the login of its connection.
        self._amqp = self._next_amqp
        self._channel = channel
        self._tag = 0
        self._progress_at = self._moved_at = time.monotonic()
        self.pump()

    def _on_lost(self) -> None:
        self._channel = None
        self._flush()
        waiting, self._waiting = self._waiting, {}
        self._names.clear()
        self._returned.clear()
        self._feed.given_back(list(waiting.values()))

    def pump(self, least: int = 1) -> None:
        """Publish until the window is full or the feed is empty; skip if the window has fewer than `least` free places."""
        channel = self._channel
        if channel is None or not channel.is_open or time.monotonic() < self._quiet_until:
            return
        room = self._settings.window - len(self._waiting)
        if room < least:
            return
        try:
            messages = self._feed.take(room)
        except Exception as error:  # noqa: BLE001 - whatever ails the feed, the connection stays and tries again
            self._trouble(f"The outbox cannot be read: {error}.")
            return
        self._is_drained = not messages
        for index, message in enumerate(messages):
            if not self._waiting:
                self._progress_at = time.monotonic()
            try:
                self._publish(channel, message)
            except AMQPError as error:
                self._feed.given_back([other.key for other in messages[index + 1 :]])
                self.endpoint.drop(error)
                return

    def _publish(self, channel: Channel, message: Outgoing) -> None:
        self._tag += 1
        self._waiting[self._tag] = message.key
        name = str(message.key) if self._behaviour.is_terse else message.message_id
        self._names[self._tag] = name
        channel.basic_publish(
            self._amqp.exchange,
            message_key(message.kind, is_late=message.is_late),
            message.body,
            self._properties(message, name),
            mandatory=True,
        )

    def _properties(self, message: Outgoing, name: str) -> pika.BasicProperties:
        """Message properties; terse ones omit what the routing key and the server's defaults imply."""
        if self._behaviour.is_terse:
            fields = {key: value for key, value in message.headers.items() if key != "v" or value != 1}
            return pika.BasicProperties(
                content_encoding=message.encoding, headers=fields, delivery_mode=2, message_id=name
            )
        return pika.BasicProperties(
            content_type=contracts()[message.kind].content_type,
            content_encoding=message.encoding,
            headers=message.headers,
            delivery_mode=2,
            message_id=name,
            timestamp=int(time.time()),
            type=message.kind,
            user_id=self._amqp.username,
            app_id=_APP_ID,
        )

    def _on_return(
        self, _channel: Channel, _method: Basic.Return, properties: pika.BasicProperties, _body: bytes
    ) -> None:
        # The broker sends the return before the confirm of the same message.
        self._returned.add(str(properties.message_id))

    def _on_confirm(self, frame: Any) -> None:
        method = frame.method
        last = method.delivery_tag
        # Confirms come in the order of the tags, so those up to the last are at the front.
        tags = [last] if not method.multiple else [tag for tag in self._waiting if tag <= last]
        self._progress_at = time.monotonic()
        if isinstance(method, Basic.Ack):
            self._acknowledged(tags)
        else:
            self._on_refused(tags)

    def _acknowledged(self, tags: list[int]) -> None:
        stranded: list[int] = []
        for tag in tags:
            key = self._waiting.pop(tag, None)
            name = self._names.pop(tag, "")
            if key is None:
                continue
            if name in self._returned:
                self._returned.discard(name)
                stranded.append(key)
            else:
                self._confirmed.append(key)
        if stranded:
            self._feed.returned(stranded)
            self._stranded_since = self._stranded_since or time.monotonic()
            advice = advice_of(time.monotonic() - self._stranded_since)
            self._trouble(f"No queue on the server accepts this station's messages at the moment. {advice}")
        if self._confirmed:
            self._nacks = 0
            self._view.last_confirm_at = time.time()
            self.endpoint.worked()
            if not stranded:
                self._stranded_since = 0.0
                self._view.trouble = ""
        if len(self._confirmed) >= max(self._settings.window // 2, 1) or not self._gather:
            self._flush()
        elif self._confirmed and self._flush_handle is None and self._loop is not None:
            self._flush_handle = self._loop.call_later(self._gather, self._flush)
        # One call to the feed for several messages, because it queries a database.
        self.pump(least=max(self._settings.window // 4, 1))

    def _on_refused(self, tags: list[int]) -> None:
        """The broker refused because its queue is full: keep everything and pause for a while."""
        keys = [key for tag in tags if (key := self._waiting.pop(tag, None)) is not None]
        for tag in tags:
            self._names.pop(tag, None)
        self._feed.given_back(keys)
        if time.monotonic() >= self._quiet_until:
            self._nacks += 1
            most = min(self._settings.retry_most, self._settings.retry_first * 2 ** min(self._nacks, 20))
            self._quiet_until = time.monotonic() + random.uniform(self._settings.retry_first / 2, most)
        self._trouble("The server's queue is full: everything is kept here until it has room again.")

    def _trouble(self, sentence: str) -> None:
        if sentence != self._view.trouble:
            log.warning("%s", sentence)
            self._view.trouble = sentence

    def _flush(self) -> None:
        """Tell the feed which messages were confirmed."""
        if self._flush_handle is not None:
            self._flush_handle.cancel()
            self._flush_handle = None
        confirmed, self._confirmed = self._confirmed, []
        if not confirmed:
            return
        try:
            self._feed.confirmed(confirmed)
        except Exception as error:  # noqa: BLE001 - a full disk passes; the confirms are told again then
            self._trouble(f"The outbox cannot be written: {error}.")
            self._confirmed = confirmed + self._confirmed
