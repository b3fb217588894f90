"""Taking messages back out of a station's command queue, and leaving the others where they lie.

    get all that is ready, oldest first ─▶ acknowledge the wanted ─▶ give the others back, oldest first

A classic queue, which ours are, puts each message that is given back into its old place. A quorum queue puts them before all
others in the order in which its log takes them, which on RabbitMQ 3.10 is not always ours. Nothing is published, so nothing can
be there twice. What a consumer has in hand cannot be had; its connection's end brings it back into the queue.
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

#: Messages that one look holds: what a command queue can hold.
LOOK_MOST = 2 * COMMANDS_WAITING_MOST
_NOT_FOUND = 404


class TakeBack:
    """One connection that looks through queues, one after the other."""

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
        """Remove messages of this kind whose ids are wanted; how many copies of each were there.

        A queue that does not exist holds nothing. Raises `BrokerAway`; what was held is in the queue again then.
        """
        try:
            return self._take(queue, wanted, kind)
        except ChannelClosedByBroker as error:
            if error.reply_code == _NOT_FOUND:
                return Counter()
            raise BrokerAway(f"The broker does not let us look through {queue}: {error.reply_text}.") from error
        except (AMQPError, OSError) as error:
            raise BrokerAway(f"The broker went away: {str(error) or type(error).__name__}.") from error

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
        # Its answer says that the broker has read all of the above.
        channel.close()
        return taken
