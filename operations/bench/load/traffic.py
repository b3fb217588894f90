"""Station messages for benchmarks: prepared before the clock starts, published as fast as the broker accepts them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import amqp
import msgspec

from message_queue import codec
from message_queue.contracts.base import Lane
from message_queue.contracts.readings import SenmlRecord
from message_queue.routing import station_exchange
from message_queue.topology import INBOUND_QUEUES
from operations.instance import Instance
from operations.services.postgres import DATABASE

#: Unconfirmed messages before the publisher waits for the broker.
WINDOW = 2_000


class BenchMessage(msgspec.Struct, gc=False):
    """One message ready to be published."""

    seq: int
    body: bytes


def messages_make(count: int, readings: int, first_seq: int) -> Iterator[BenchMessage]:
    """`count` SenML messages of `readings` values each, all at different times, as a station sends them."""
    began = 1_700_000_000.0 + first_seq * readings
    for number in range(count):
        at = began + number * readings
        pack = [SenmlRecord(n="battery_voltage", v=12.5, t=0.0, u="V", bt=at)]
        pack += [SenmlRecord(n="battery_voltage", v=12.5 + i / 100, t=float(i)) for i in range(1, readings)]
        # Uncompressed: the bare loop does not decompress, and both must do the same work.
        body, _ = codec.encode(pack, compress=False)
        yield BenchMessage(first_seq + number, body)


def connect(instance: Instance, *, user: str = "provisioner", vhost: str = "fleet") -> amqp.Connection:
    """A py-amqp connection of one of the server's users."""
    connection = amqp.Connection(
        host=f"127.0.0.1:{instance.ports['amqp']}",
        userid=user,
        password=instance.secrets[f"broker_{user}"],
        virtual_host=vhost,
        connect_timeout=10,
    )
    connection.connect()
    return connection


def queue_fill(instance: Instance, exchanges: Sequence[str], stream: str, messages: list[BenchMessage]) -> None:
    """Publish all messages persistently, to each exchange in turn, and return when they are in the durable queue."""
    connection = connect(instance)
    channel = connection.channel()
    confirmed = 0

    def confirm(tag: int, multiple: bool) -> None:  # noqa: ARG001, FBT001 - py-amqp's signature
        nonlocal confirmed
        confirmed = max(confirmed, tag)

    channel.confirm_select()
    events: dict[str, set[object]] = vars(channel)["events"]
    events["basic_ack"].add(confirm)
    last = messages[-1].seq + 1
    for published, message in enumerate(messages):
        while published - confirmed > WINDOW:
            connection.drain_events()
        properties = {
            "type": "readings",
            "delivery_mode": 2,
            "content_type": "application/senml+json",
            "message_id": f"{stream}/{message.seq}",
            "application_headers": codec.headers(
                version=1, stream=stream, seq=message.seq, oldest=message.seq, next_seq=last
            ),
        }
        exchange = exchanges[published % len(exchanges)]
        channel.basic_publish(amqp.Message(message.body, **properties), exchange=exchange, routing_key="readings")
    while confirmed < len(messages):
        connection.drain_events()
    connection.close()
    depth_await(instance, len(messages))


def depth_await(instance: Instance, wanted: int, *, seconds: float = 60.0) -> None:
    """Wait until the inbound queues have this many messages ready."""
    connection = connect(instance)
    channel = connection.channel()
    deadline = time.monotonic() + seconds
    while (depth := sum(_depth(channel, queue) for queue in INBOUND_QUEUES)) != wanted:
        if time.monotonic() > deadline:
            raise RuntimeError(f"The inbound queues hold {depth} messages, not {wanted}.")
        time.sleep(0.05)
    connection.close()


def depth_of(instance: Instance) -> int:
    """Messages ready in the inbound queues."""
    connection = connect(instance)
    channel = connection.channel()
    depth = sum(_depth(channel, queue) for queue in INBOUND_QUEUES)
    connection.close()
    return depth


def _depth(channel: amqp.Channel, queue: str) -> int:
    declared: Any = channel.queue_declare(queue, passive=True)
    return int(declared.message_count)


def stations_make(instance: Instance, serials: Sequence[str]) -> None:
    """Create stations and their exchanges; the bench needs no credentials of its own."""
    with instance.postgres.connect(DATABASE) as connection:
        connection.execute("SET ROLE roost")
        connection.execute(
            "INSERT INTO organizations_organization (name, slug, timezone, language, created_at) "
            "VALUES ('Bench', 'bench', 'UTC', 'en', now()) ON CONFLICT DO NOTHING"
        )
        connection.execute(
            "INSERT INTO stations_station (organization_id, serial, name, notes, generation, is_in_maintenance, "
            "registered_at) SELECT id, unnest(%s::text[]), '', '', 0, false, now() FROM organizations_organization "
            "WHERE slug = 'bench' ON CONFLICT DO NOTHING",
            (list(serials),),
        )
    broker = connect(instance)
    channel = broker.channel()
    for serial in serials:
        channel.exchange_declare(station_exchange(serial), "fanout", durable=True, auto_delete=False, nowait=True)
        channel.exchange_bind("inbound", station_exchange(serial), "", nowait=True)
    # The broker processes calls in order: when this one is answered, all are done.
    channel.queue_declare(Lane.TELEMETRY.value, passive=True)
    broker.close()
