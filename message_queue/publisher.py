"""Publishing with confirms and `mandatory`: unroutable or refused messages raise errors and are never lost silently."""

import contextlib
import time
from types import TracebackType
from typing import Any, Self

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, NackError, UnroutableError

from message_queue.errors import PublishFailed

#: Seconds to wait for a blocked broker before giving up the connection.
BLOCKED_TIMEOUT = 20.0


class Publisher:
    """One connection that publishes persistent messages one at a time. Not thread-safe.

    It connects on first use and reconnects after a failure. Whether to retry is up to the caller.
    """

    def __init__(self, url: str) -> None:
        self._parameters = pika.URLParameters(url)
        self._parameters.blocked_connection_timeout = BLOCKED_TIMEOUT
        self._parameters.socket_timeout = 10.0
        self._parameters.stack_timeout = 15.0
        self._connection: pika.BlockingConnection | None = None
        self._channel: BlockingChannel | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def publish(
        self,
        *,
        exchange: str,
        routing_key: str,
        body: bytes,
        kind: str,
        message_id: str = "",
        headers: dict[str, Any] | None = None,
        content_type: str = "application/json",
        content_encoding: str | None = None,
        expires_in: float | None = None,
        mandatory: bool = True,
    ) -> None:
        """Publish one message and wait for its confirm. `expires_in` is in seconds. Raises `PublishFailed`."""
        properties = pika.BasicProperties(
            content_type=content_type,
            content_encoding=content_encoding,
            delivery_mode=2,
            type=kind,
            message_id=message_id or None,
            headers=headers or {},
            timestamp=int(time.time()),
            expiration=None if expires_in is None else str(max(int(expires_in * 1000), 0)),
        )
        try:
            self._open().basic_publish(exchange, routing_key, body, properties, mandatory=mandatory)
        except UnroutableError as error:
            raise PublishFailed(f"No queue for {routing_key!r} on exchange {exchange!r}.", is_away=False) from error
        except NackError as error:
            raise PublishFailed(f"The queue for {routing_key!r} is full.", is_away=False) from error
        except (AMQPError, OSError) as error:
            self.close()
            reason = str(error) or type(error).__name__
            raise PublishFailed(f"The broker did not accept the message: {reason}.", is_away=True) from error

    def idle(self) -> None:
        """Answer heartbeats. Call it between messages."""
        if self._connection is not None:
            try:
                self._connection.process_data_events(time_limit=0)
            except (AMQPError, OSError):
                self.close()

    def close(self) -> None:
        """Close the connection. The next publish opens a new one."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            with contextlib.suppress(AMQPError, OSError):
                connection.close()

    def _open(self) -> BlockingChannel:
        if self._channel is None or not self._channel.is_open:
            self.close()
            self._connection = pika.BlockingConnection(self._parameters)
            self._channel = self._connection.channel()
            self._channel.confirm_delivery()
        return self._channel
