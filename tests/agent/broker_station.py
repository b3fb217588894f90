"""A station's login and queue on a real broker, set up as the server does it, and a queue that shows a test every
message it sent.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pika
from waiting import PATIENCE_S

from message_queue import codec, topology
from message_queue.contracts.command_status import CommandStatus
from message_queue.contracts.commands.base import CommandMessage, command_encode
from message_queue.routing import command_queue, station_exchange, station_permissions, station_user
from operations.services.rabbitmq import RabbitMQ
from station_agent.config import AmqpSettings


@dataclass(frozen=True)
class Seen:
    """One message as found in the queue."""

    properties: pika.BasicProperties
    decoded: codec.Decoded
    raw: bytes

    @property
    def key(self) -> tuple[str, int]:
        return self.properties.headers["stream"], self.properties.headers["seq"]


class BrokerStation:
    """One station on the broker. `see` takes the messages that it sent; `command` queues a command for it."""

    def __init__(self, broker: RabbitMQ, vhost: str, *, tls: Path | None = None) -> None:
        self.broker = broker
        self.vhost = vhost
        self.serial = f"SG-{uuid.uuid4().hex[:12].upper()}"
        self.user = station_user(self.serial, 1)
        self.password = uuid.uuid4().hex
        self.seen_queue = f"seen.{self.serial}"
        self.tls = tls
        self._url = broker.broker_url("provisioner", vhost)

    @property
    def amqp(self) -> AmqpSettings:
        return AmqpSettings(
            host="127.0.0.1",
            port=self.broker.ports["amqps" if self.tls else "amqp"],
            tls=self.tls is not None,
            vhost=self.vhost,
            username=self.user,
            password=self.password,
            exchange=station_exchange(self.serial),
            command_queue=command_queue(self.serial),
            ca_pem=(self.tls / "ca.pem").read_text() if self.tls else "",
        )

    def provision(self) -> None:
        with self.channel() as channel:
            exchange, commands = station_exchange(self.serial), command_queue(self.serial)
            channel.exchange_declare(exchange, "fanout", durable=True)
            channel.queue_declare(commands, durable=True)
            channel.queue_bind(commands, topology.COMMANDS, self.serial)
            channel.queue_declare(self.seen_queue, durable=True, arguments={"x-queue-type": "quorum"})
            channel.queue_bind(self.seen_queue, exchange)
        self.user_create()

    def user_create(self) -> None:
        with self.broker.management() as client:
            self._put(client, f"/api/users/{self.user}", {"password": self.password, "tags": ""})
            self._put(client, f"/api/permissions/{self.vhost}/{self.user}", station_permissions(self.serial))
            for limit, value in topology.STATION_LIMITS.items():
                self._put(client, f"/api/user-limits/{self.user}/{limit}", {"value": value})

    def user_delete(self) -> None:
        with self.broker.management() as client:
            client.delete(f"/api/users/{self.user}").raise_for_status()

    def remove(self) -> None:
        with self.broker.management() as client:
            client.delete(f"/api/users/{self.user}")
        with self.channel() as channel:
            channel.queue_delete(self.seen_queue)
            channel.queue_delete(command_queue(self.serial))
            channel.exchange_delete(station_exchange(self.serial))

    @contextmanager
    def channel(self) -> Iterator[Any]:
        with pika.BlockingConnection(pika.URLParameters(self._url)) as connection:
            yield connection.channel()

    def see(self) -> list[Seen]:
        """Take every message from the queue."""
        found = []
        with self.channel() as channel:
            while True:
                method, properties, body = channel.basic_get(self.seen_queue, auto_ack=True)
                if method is None:
                    return found
                fields = {
                    "type": properties.type,
                    "user_id": properties.user_id,
                    "content_type": properties.content_type,
                    "content_encoding": properties.content_encoding,
                    "app_id": properties.app_id,
                    "headers": properties.headers,
                }
                decoded = codec.decode(fields, method.routing_key, self.serial, body)
                found.append(Seen(properties, decoded, body))

    def see_until(self, enough: Callable[[list[Seen]], bool], *, seconds: float = PATIENCE_S) -> list[Seen]:
        """Take messages until `enough` is true of them."""
        found: list[Seen] = []
        deadline = time.monotonic() + seconds
        while True:
            found += self.see()
            if enough(found):
                return found
            assert time.monotonic() < deadline, f"after {seconds} s, only these: {[s.decoded.envelope for s in found]}"
            time.sleep(0.1)

    def command(
        self, name: str, parameters: dict[str, Any] | None = None, *, expires_in: float = 60.0, **changes: Any
    ) -> uuid.UUID:
        """Publish a command as the server does; return its id."""
        message = CommandMessage(
            id=uuid.uuid4(),
            station=self.serial,
            name=name,
            issued_at=time.time(),
            expires_at=time.time() + expires_in,
            parameters=parameters or {},
        )
        message = msgspec.structs.replace(message, **changes)
        self.command_raw(command_encode(message))
        return message.id

    def command_raw(self, body: bytes) -> None:
        with self.channel() as channel:
            channel.confirm_delivery()
            channel.basic_publish(
                topology.COMMANDS, self.serial, body, pika.BasicProperties(delivery_mode=2), mandatory=True
            )

    def statuses(self, command: uuid.UUID, *, last: str, seconds: float = PATIENCE_S) -> list[CommandStatus]:
        """The statuses of one command, until one has the state `last`."""

        def of_command(found: list[Seen]) -> list[CommandStatus]:
            bodies = [s.decoded.body for s in found if s.decoded.envelope.kind == "command_status"]
            return [body for body in bodies if body.command == command]

        found = self.see_until(lambda seen: any(s.state == last for s in of_command(seen)), seconds=seconds)
        return of_command(found)

    @staticmethod
    def _put(client: httpx.Client, path: str, body: dict[str, Any]) -> None:
        client.put(path, json=body).raise_for_status()
