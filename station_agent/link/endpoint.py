"""One AMQP connection that reconnects by itself and explains its failures.

It runs in an asyncio loop.

It declares nothing: the server created the station's exchange and queue, and the broker refuses everything else.
"""

import asyncio
import logging
import random
import ssl
import time
from collections.abc import Callable
from typing import Any

import pika
from pika.channel import Channel

from station_agent import __version__
from station_agent.config import AmqpSettings, LinkSettings
from station_agent.errors import WrongUse
from station_agent.link.behaviour import Behaviour
from station_agent.link.connection import GatheringConnection
from station_agent.link.meter import LinkContext, Meter
from station_agent.link.reasons import BLOCKED, is_about_time, reason_of
from station_agent.link.shared import SharedState
from station_agent.station import LinkState

log = logging.getLogger(__name__)

#: Seconds that a connection has for TCP, TLS and AMQP together; a bad cellular link needs most of them.
STACK_SECONDS = 90.0
SOCKET_SECONDS = 30.0
#: Milliseconds that sent bytes may stay unacknowledged before the kernel gives up on a connection.
UNACKED_MILLISECONDS = 90_000
#: Why there is no connection although nothing is wrong.
AWAY = "It connects with its next report, as its profile says."
#: Seconds between two checks whether a visit is due.
LOOK_SECONDS = 1.0
#: Seconds that a clean close may take.
GOODBYE_SECONDS = 2.0


def parameters_make(amqp: AmqpSettings, *, heartbeat: int, blocked: float, name: str) -> pika.ConnectionParameters:
    """Pika's parameters. With TLS the server's certificate must always match the authority and the host name."""
    options: dict[str, Any] = {}
    if amqp.tls:
        context = LinkContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            if amqp.ca_pem:
                context.load_verify_locations(cadata=amqp.ca_pem)
            else:
                context.load_default_certs()
        except (ssl.SSLError, ValueError) as error:
            raise WrongUse("`ca_pem` in the configuration is not a certificate: enrol the station again.") from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        options["ssl_options"] = pika.SSLOptions(context, amqp.host)
    return pika.ConnectionParameters(
        host=amqp.host,
        port=amqp.port,
        virtual_host=amqp.vhost,
        credentials=pika.PlainCredentials(amqp.username, amqp.password),
        heartbeat=heartbeat,
        blocked_connection_timeout=blocked,
        socket_timeout=SOCKET_SECONDS,
        stack_timeout=STACK_SECONDS,
        connection_attempts=1,
        tcp_options={"TCP_USER_TIMEOUT": UNACKED_MILLISECONDS},
        client_properties={"product": "station-agent", "version": __version__, "connection_name": name},
        **options,
    )


class LeftError(Exception):
    """The visit is over: everything was sent."""


class Endpoint:
    """Keeps one connection with one channel open. `opened` and `lost` notify its owner; `view` informs people.

    It connects while `wanted` returns true.
    """

    def __init__(
        self,
        parameters: pika.ConnectionParameters,
        settings: LinkSettings,
        view: LinkState,
        *,
        opened: Callable[[Channel], None],
        lost: Callable[[], None],
        behaviour: Behaviour | None = None,
        wanted: Callable[[], bool] = lambda: True,
        shared: SharedState | None = None,
    ) -> None:
        self._parameters = parameters
        self._settings = settings
        self._view = view
        self._opened = opened
        self._lost = lost
        self._failures = 0
        self._shared = shared or SharedState()
        self._waker = self._shared.join()
        #: Monotonic time since which nothing has worked.
        self._failing_since: float | None = None
        self._connection: GatheringConnection | None = None
        self._closed: asyncio.Future[BaseException] | None = None
        self._counted = (0, 0)
        self._behaviour = behaviour or Behaviour()
        self._wanted = wanted
        self._leave: asyncio.Event | None = None
        self._meter = Meter()
        self._context = parameters.ssl_options.context if parameters.ssl_options else None
        if isinstance(self._context, LinkContext):
            self._context.watch = self._meter.watch

    async def run(self, stop: asyncio.Event) -> None:
        """Reconnect until `stop` is set."""
        while not stop.is_set():
            if not self._wanted():
                self._view.reason, self._view.next_try_at = AWAY, None
                await _first(stop.wait(), timeout=LOOK_SECONDS)
                continue
            self._waker.clear()
            error = await self._once(stop)
            if stop.is_set() or isinstance(error, LeftError):
                self._failures = 0
                self._view.reason = AWAY
                self._view.connected_since = None
                continue
            self._failures += 1
            pause = self._pause() + self._behaviour.spread()
            if self._failing_since is None:
                self._failing_since = time.monotonic()
            if is_about_time(error):
                self._shared.doubted()
            reason = reason_of(
                error,
                self._parameters.host,
                self._parameters.port,
                lasted=time.monotonic() - self._failing_since,
                clock=self._shared.clock(),
            )
            if reason != self._view.reason:
                log.warning("Not connected: %s", reason)
            # The reason first: anyone who sees that there is no connection may ask for it at once.
            self._view.reason = reason
            if self._view.connected_since is not None:
                # The waker was set while this link was connected: that says nothing about the server now, and a fleet
                # must not come back all at once.
                self._waker.clear()
            self._view.connected_since = None
            self._view.next_try_at = time.time() + pause
            await _first(stop.wait(), self._waker.wait(), timeout=pause)
            if self._waker.is_set():
                self._failures = 0

    def _pause(self) -> float:
        """Seconds to wait, at random: a fleet that lost its server must not come back all at once."""
        most = min(self._settings.retry_most, self._settings.retry_first * 2 ** min(self._failures, 20))
        return random.uniform(
            self._settings.retry_first / 2, max(most, self._settings.retry_first) * self._behaviour.patience
        )

    def login_change(self, amqp: AmqpSettings, loop: asyncio.AbstractEventLoop | None) -> None:
        """Use another login for future connections; close the present one cleanly. Callable from any thread."""
        self._parameters.credentials = pika.PlainCredentials(amqp.username, amqp.password)
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self.leave)

    def worked(self) -> None:
        """Note that the connection worked: the next failure begins with the short pause again."""
        self._failures = 0
        self._failing_since = None

    def leave(self) -> None:
        """Close this connection cleanly; the next one comes when it is wanted."""
        if self._leave is not None:
            self._leave.set()

    async def _once(self, stop: asyncio.Event) -> BaseException:
        """Run one connection from start to end; return why it ended."""
        loop = asyncio.get_running_loop()
        closed: asyncio.Future[BaseException] = loop.create_future()
        self._closed = closed
        leave = self._leave = asyncio.Event()
        self._counted = (0, 0)
        self._parameters.heartbeat = self._behaviour.heartbeat or self._parameters.heartbeat
        if isinstance(self._context, LinkContext):
            self._context.time_by(self._shared.now())
        self._connection = GatheringConnection(
            self._parameters,
            on_open_callback=self._on_open,
            on_open_error_callback=lambda _c, error: self._end(closed, error),
            on_close_callback=lambda _c, error: self._end(closed, error),
            custom_ioloop=loop,
        )
        try:
            await _first(closed, stop.wait(), leave.wait(), timeout=None)
            left = not closed.done()
            if left:
                await self._goodbye(closed)
        finally:
            self.count()
            self._meter.end()
            self._lost()
            self._abort()
        if left:
            return LeftError()
        if isinstance(self._context, LinkContext):
            self._context.session_forget()
        return closed.result()

    @staticmethod
    def _end(closed: "asyncio.Future[BaseException]", error: BaseException) -> None:
        if not closed.done():
            closed.set_result(error)

    def _on_open(self, connection: GatheringConnection) -> None:
        if isinstance(self._context, LinkContext):
            self._context.session_keep()
        else:
            self._meter.watch(connection._transport._sock)  # noqa: SLF001 - pika has no public way
        connection.add_on_connection_blocked_callback(lambda *_: self._on_blocked(BLOCKED))
        connection.add_on_connection_unblocked_callback(lambda *_: self._on_blocked(""))
        connection.channel(on_open_callback=self._on_channel)

    def _on_blocked(self, trouble: str) -> None:
        if trouble or self._view.trouble == BLOCKED:
            self._view.trouble = trouble

    def _on_channel(self, channel: Channel) -> None:
        closed = self._closed
        channel.add_on_close_callback(lambda _ch, error: closed and self._end(closed, error))
        self._view.connected_since = time.time()
        self._view.next_try_at = None
        self._view.reason = ""
        self._on_blocked("")
        log.info("Connected to %s:%s.", self._parameters.host, self._parameters.port)
        self._shared.arrived(self._waker)
        self._opened(channel)

    async def _goodbye(self, closed: "asyncio.Future[BaseException]") -> None:
        connection = self._connection
        if connection is not None and connection.is_open:
            connection.close()
            await _first(closed, timeout=GOODBYE_SECONDS)

    def drop(self, error: Exception) -> None:
        """Drop this connection at once, although it looks healthy: it no longer works."""
        if self._closed is not None:
            self._end(self._closed, error)

    def _abort(self) -> None:
        """Close the socket whatever the connection's state; a clean close may wait forever on a bad link."""
        connection, self._connection = self._connection, None
        if connection is None or connection.is_closed:
            return
        if connection.is_open or connection.is_closing:
            connection._terminate_stream(ConnectionAbortedError("given up"))  # noqa: SLF001 - pika has no public way
        else:
            connection.close()

    def count(self) -> None:
        """Add the bytes of the running connection to the view."""
        out, back = self._meter.fresh()
        self._view.link_sent += out
        self._view.link_received += back
        if self._connection is None:
            return
        sent, received = self._connection.bytes_sent, self._connection.bytes_received
        self._view.bytes_sent += sent - self._counted[0]
        self._view.bytes_received += received - self._counted[1]
        self._counted = (sent, received)


async def _first(*awaitables: Any, timeout: float | None) -> None:  # noqa: ASYNC109 - it ends the waiting, not the work
    """Wait until one of them is done or the timeout is over. Futures then continue; the others are cancelled."""
    tasks = [item if isinstance(item, asyncio.Future) else asyncio.ensure_future(item) for item in awaitables]
    await asyncio.wait(tasks, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    for item, task in zip(awaitables, tasks, strict=True):
        if task is not item:
            task.cancel()
