"""A station that tries forbidden things with its real login; each attempt returns its outcome in a few words."""

import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import pika
from faults.publisher import connection_parameters
from pika.exceptions import ChannelClosedByBroker, ConnectionClosedByBroker, ProbableAccessDeniedError

Grant = dict[str, Any]


class Attacker:
    """One station's login, and the attempts that it can make."""

    def __init__(self, grant: Grant, victim: Grant) -> None:
        self.grant, self.victim = grant, victim

    @contextmanager
    def channel(self):
        """A channel with confirms, over TLS like a station's."""
        with pika.BlockingConnection(connection_parameters(self.grant)) as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            yield channel

    def outcome(self, what: Callable[[Any], object]) -> str:
        """`refused` with the broker's code, or `allowed`."""
        try:
            with self.channel() as channel:
                what(channel)
        except (ChannelClosedByBroker, ConnectionClosedByBroker) as error:
            return f"refused ({error.reply_code})"
        return "allowed"

    def publish(self, exchange: str, key: str, body: bytes = b"[]", **properties: Any) -> str:
        """Publish one message with confirms and `mandatory`."""
        how = pika.BasicProperties(delivery_mode=2, **properties)
        return self.outcome(lambda channel: channel.basic_publish(exchange, key, body, how, mandatory=True))

    def log_in(self, vhost: str) -> str:
        """Try to open a connection to a vhost."""
        try:
            pika.BlockingConnection(connection_parameters(self.grant | {"vhost": vhost})).close()
        except ConnectionClosedByBroker as error:
            return f"refused ({error.reply_code})"
        except ProbableAccessDeniedError:
            return "refused (530)"
        return "allowed"

    def connections(self, count: int) -> str:
        """Open many connections at once; say how many were accepted."""
        held = []
        try:
            for _ in range(count):
                held.append(pika.BlockingConnection(connection_parameters(self.grant)))  # noqa: PERF401 - each may fail
        except (ConnectionClosedByBroker, ProbableAccessDeniedError, pika.exceptions.AMQPConnectionError):
            return f"{len(held)} allowed, the next refused"
        finally:
            for connection in held:
                connection.close()
            # The broker counts a connection until it has noticed its end.
            time.sleep(0.5)
        return "allowed"
