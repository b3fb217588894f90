"""Counting the events that taps dropped, by emptying the queue in which they collect.

    get up to `BATCH` ─▶ the caller stores the counts ─▶ acknowledge them together

If the process dies in between, the events come again and are counted twice. The broker writes into each event's headers
which tap dropped it, and why.
"""

import contextlib
from collections import Counter
from collections.abc import Callable
from typing import Final

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError

from message_queue.errors import BrokerAway
from message_queue.topology import TAPS_DROPPED, TAPS_DROPPED_MOST

BATCH: Final = 1_000
#: Maximum batches in one call; the next call continues.
_BATCHES: Final = 20
_TIMEOUT_S: Final = 10.0

#: (tap, the broker's reason, such as `maxlen` or `expired`) -> events.
DropCounts = Counter[tuple[str, str]]


def dropped_take(url: str, record: Callable[[DropCounts], None]) -> bool:
    """Count and remove the dropped events. Returns whether the queue was full, so that some were not counted.

    Raises `BrokerAway`.
    """
    parameters = pika.URLParameters(url)
    parameters.socket_timeout = parameters.blocked_connection_timeout = _TIMEOUT_S
    parameters.stack_timeout = 1.5 * _TIMEOUT_S
    try:
        connection = pika.BlockingConnection(parameters)
        try:
            return _take(connection.channel(), record)
        finally:
            with contextlib.suppress(AMQPError, OSError):
                connection.close()
    except (AMQPError, OSError) as error:
        raise BrokerAway(f"The connection to the broker failed: {str(error) or type(error).__name__}.") from error


def _take(channel: BlockingChannel, record: Callable[[DropCounts], None]) -> bool:
    was_full = False
    for _ in range(_BATCHES):
        counts: DropCounts = Counter()
        last = left = 0
        while counts.total() < BATCH:
            method, properties, _body = channel.basic_get(TAPS_DROPPED)
            if method is None or properties is None:
                break
            last, left = method.delivery_tag, method.message_count
            headers = properties.headers or {}
            counts[str(headers.get("x-first-death-queue", "")), str(headers.get("x-first-death-reason", ""))] += 1
            was_full = was_full or left + counts.total() >= TAPS_DROPPED_MOST
        if not counts:
            break
        record(counts)
        channel.basic_ack(last, multiple=True)
        if not left:
            break
    return was_full
