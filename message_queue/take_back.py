"""Withdrawing messages from a station's command queue without disturbing the others.

    get all ready messages, oldest first ─▶ acknowledge the wanted ones ─▶ return the others, oldest first

Command queues are classic queues, which put a returned message back in its old place. A quorum queue would put them in
front of all others, and on RabbitMQ 3.10 not always in the order we return them. Nothing is published, so nothing is
duplicated. Messages held by a consumer are out of reach; they return to the queue when its connection ends.
"""

import contextlib
from collections import Counter
from collections.abc import Collection
from types import TracebackType
from typing import Self

import pika
from pika.exceptions import AMQPError, ChannelClosedByBroker

from message_queue.errors import BrokerAway
from message_queue.topology import COMMANDS_WAITING_MOST

#: Maximum messages fetched at once: as many as a command queue can hold.
LOOK_MOST = 2 * COMMANDS_WAITING_MOST
_NOT_FOUND = 404


class TakeBack:
    """One connection that searches queues one after the other."""

    def __init__(self, url: str) -> None:
        self._parameters = pika.URLParameters(url)
        self._parameters.socket_timeout = self._parameters.blocked_connection_timeout = 10.0
        self._parameters.stack_timeout = 15.0
        self._connection: pika.BlockingConnection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(AMQPError, OSError):
                connection.close()

    def take(self, queue: str, wanted: Collection[str], *, kind: str = "command") -> Counter[str]:
        """Remove messages of this kind with the wanted ids; return how many copies of each there were.

        A missing queue counts as empty. Raises `BrokerAway`; the fetched messages are then back in the queue.
        """
        try:
            return self._take(queue, wanted, kind)
        except ChannelClosedByBroker as error:
            if error.reply_code == _NOT_FOUND:
                return Counter()
            raise BrokerAway(f"The broker refused access to queue {queue}: {error.reply_text}.") from error
        except (AMQPError, OSError) as error:
            raise BrokerAway(f"The connection to the broker failed: {str(error) or type(error).__name__}.") from error

    def _take(self, queue: str, wanted: Collection[str], kind: str) -> Counter[str]:
        if self._connection is None:
            self._connection = pika.BlockingConnection(self._parameters)
        channel = self._connection.channel()
        taken: Counter[str] = Counter()
        others: list[int] = []
        for _ in range(LOOK_MOST):
            method, properties, _body = channel.basic_get(queue)
            if method is None or properties is None:
                break
            if properties.type == kind and properties.message_id in wanted:
                channel.basic_ack(method.delivery_tag)
                taken[properties.message_id] += 1
            else:
                others.append(method.delivery_tag)
        for tag in others:
            channel.basic_nack(tag, requeue=True)
        # Closing waits for the broker's answer, which comes after it has processed everything above.
        channel.close()
        return taken
