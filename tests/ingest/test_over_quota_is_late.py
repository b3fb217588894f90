"""Messages from a station over quota are processed after the others, in separate batches, and are all accounted for."""

import json
import time

import pika
import pytest
from django.conf import settings as django_settings
from people import person, serial_new
from waiting import PATIENCE_S, until

from fleet.ingest.limits.quota import OVER_QUOTA
from fleet.ingest.models import QuarantinedMessage
from fleet.organizations.access import Role, viewer_of_user
from fleet.organizations.services import organization_create
from fleet.stations.logins.enrolment import enrolment_token_create, station_enrol
from fleet.stations.services import station_register
from fleet.telemetry.models import Reading, StreamLedger
from message_queue import topology
from message_queue.contracts.base import Lane
from message_queue.routing import serial_of_exchange
from workers.consumers.inbound import InboundConsumer

BURST, FLOOD, CALM = 10, 900, 300


@pytest.fixture
def grants(db):
    institute = organization_create(name="Institute", owner=None)
    actor = viewer_of_user(person("operator", (institute, Role.OPERATOR)))

    def enrol():
        station = station_register(actor=actor, organization=institute, serial=serial_new(), name="A place")
        token = enrolment_token_create(station=station, actor=actor)
        return station_enrol(serial=station.serial, token=token, hardware={"model": "test"})

    return enrol(), enrol()


@pytest.fixture
def purged(stack):
    def purge() -> None:
        with stack.rabbitmq.management() as client:
            for queue in topology.INBOUND_QUEUES:
                client.delete(f"/api/queues/{django_settings.ROOST_FLEET_VHOST}/{queue}/contents").raise_for_status()

    purge()
    yield
    purge()


class Publishes:
    """A station's connection, which sends numbered readings."""

    def __init__(self, grant, port: int) -> None:
        self.grant, self.seq = grant, 0
        login = pika.PlainCredentials(grant.username, grant.password)
        self.connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port, grant.vhost, login))
        self.channel = self.connection.channel()
        self.channel.confirm_delivery()

    def send(self) -> None:
        self.seq += 1
        headers = {"v": 1, "stream": "a", "seq": self.seq, "oldest": 1, "next": self.seq + 1}
        properties = pika.BasicProperties(type="readings", headers=headers, delivery_mode=2)
        body = json.dumps([{"n": "temp", "v": float(self.seq), "t": time.time()}])
        self.channel.basic_publish(self.grant.exchange, "readings", body.encode(), properties, mandatory=True)


@pytest.mark.django_db(transaction=True)
def test_a_station_over_its_quota_waits_behind_its_neighbours(stack, purged, grants, settings):
    flooder, calm = (Publishes(grant, stack.ports["amqp"]) for grant in grants)
    settings.ROOST_QUOTA_MESSAGES_PER_S, settings.ROOST_QUOTA_BURST = 0.001, float(CALM)
    consumer = InboundConsumer(django_settings.ROOST_FLEET_BROKER_URL)
    batches: list[set[str]] = []
    pipeline = consumer._pipeline

    def recorded(take):
        def record(deliveries):
            batches.append({serial_of_exchange(delivery.exchange) or "" for delivery in deliveries})
            return take(deliveries)

        return record

    pipeline.take, pipeline.take_late = recorded(pipeline.take), recorded(pipeline.take_late)
    pipeline.take_unread = recorded(pipeline.take_unread)
    consumer.start()
    try:
        for _ in range(CALM + BURST):
            flooder.send()
        until(lambda: QuarantinedMessage.objects.filter(reason=OVER_QUOTA).exists())
        until(lambda: ledger(flooder) == [(1, CALM + BURST + 1)])
        settled = len(batches)
        for number in range(FLOOD):
            flooder.send()
            if number % (FLOOD // CALM) == 0:
                calm.send()
        until(lambda: ledger(flooder) == [(1, CALM + BURST + FLOOD + 1)] and ledger(calm) == [(1, CALM + 1)])
        until(lambda: depth(stack) == 0)
    finally:
        consumer.stop()
        consumer.join(PATIENCE_S)
    both = {serial_of_exchange(grant.exchange) for grant in grants}
    assert set().union(*batches[settled:]) == both
    assert [batch for batch in batches[settled:] if batch == both] == [], "a neighbour is in a batch of the flood"
    assert Reading.objects.filter(series__station__serial=serial_of_exchange(grants[1].exchange)).count() == CALM
    stored = Reading.objects.filter(series__station__serial=serial_of_exchange(grants[0].exchange)).count()
    assert stored == CALM, "as many as its quota allows"
    assert stored + QuarantinedMessage.objects.filter(reason=OVER_QUOTA).count() == CALM + BURST + FLOOD


def ledger(sender: Publishes) -> list[tuple[int, int]]:
    row = StreamLedger.objects.filter(station__serial=serial_of_exchange(sender.grant.exchange)).first()
    return [(span.lower, span.upper) for span in row.received] if row else []


def depth(stack) -> int:
    """Messages of the telemetry lane that are not acknowledged yet."""
    with stack.rabbitmq.management() as client:
        found = client.get(f"/api/queues/{django_settings.ROOST_FLEET_VHOST}/{Lane.TELEMETRY.value}")
        return int(found.raise_for_status().json().get("messages", 0))
