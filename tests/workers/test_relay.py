"""The relay on a real broker: each message is published once, kept while the broker refuses it, and in order."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import amqp
import psycopg
import pytest
from django.conf import settings
from django.db import connection
from people import station_of
from waiting import until

from fleet.commands.models import Command
from fleet.commands.services import command_cancel, command_issue
from fleet.core import clock
from fleet.core.models import OutboxMessage
from fleet.core.outbox import event_announce, job_ask, outbox_add, outbox_prune
from message_queue import topology
from message_queue.events.kinds import MoveEvent
from workers.relay import Relay

pytestmark = pytest.mark.django_db


@pytest.fixture
def channel(stack):
    connection = amqp.Connection(
        host=f"127.0.0.1:{stack.ports['amqp']}",
        userid="provisioner",
        password=stack.secrets["broker_provisioner"],
        virtual_host=settings.ROOST_FLEET_VHOST,
    )
    connection.connect()
    yield connection.channel()
    connection.close()


@pytest.fixture
def bound(channel):
    queues = []

    def bind(exchange, key, **arguments):
        queue = channel.queue_declare(exclusive=True, arguments=arguments or None).queue
        channel.queue_bind(queue, exchange, key)
        queues.append(queue)
        return queue

    yield bind
    for queue in queues:
        channel.queue_delete(queue)


def got(channel, queue):
    messages = []
    while (message := channel.basic_get(queue, no_ack=True)) is not None:
        messages.append(message)
    return messages


def test_a_command_is_published_with_its_expiry_and_marked_as_sent(operator, institute, channel, bound):
    station = station_of(institute)
    queue = bound(topology.COMMANDS, station.serial)
    command = command_issue(viewer=operator, station=station, name="ping", parameters={}, expires_in=60)
    assert Relay().publish_round() == 2, "the command, and an event that it is waiting"
    (message,) = got(channel, queue)
    assert json.loads(message.body)["id"] == str(command.id)
    assert message.properties["delivery_mode"] == 2
    assert 50_000 < int(message.properties["expiration"]) <= 60_000
    command.refresh_from_db()
    assert command.state == Command.State.SENT
    assert Relay().publish_round() == 1, "an event that it was sent"
    assert Relay().publish_round() == 0
    assert got(channel, queue) == []


def test_orders_are_the_bytes_that_stations_have_always_received(operator, institute, channel, bound):
    station = station_of(institute)
    queue = bound(topology.COMMANDS, station.serial)
    parameters = {"slowdown": 4, "hold_for": 60}
    command = command_issue(viewer=operator, station=station, name="pace", parameters=parameters)
    Relay().publish_round()
    command_cancel(viewer=operator, command=command)
    Relay().publish_round()
    issued, expires = command.issued_at.timestamp(), command.expires_at.timestamp()
    # PostgreSQL keeps the shortest names first.
    ends = f'"expires_at":{expires!r}'
    sent = f'"id":"{command.id}","name":"pace","station":"{station.serial}","issued_at":{issued!r},{ends}'
    assert [message.body.decode() for message in got(channel, queue)] == [
        f'{{{sent},"parameters":{{"hold_for":60,"slowdown":4}}}}',
        f'{{"station":"{station.serial}","withdraw":"{command.id}",{ends}}}',
    ]


def test_a_row_that_holds_no_command_is_kept_with_the_reason_and_stops_nobody_else(operator, institute, channel, bound):
    broken, whole = station_of(institute), station_of(institute)
    queue = bound(topology.COMMANDS, whole.serial)
    for station in (broken, whole):
        command_issue(viewer=operator, station=station, name="ping", parameters={})
    OutboxMessage.objects.filter(target="command", routing_key=broken.serial).update(body={"name": "ping"})
    Relay().publish_round()
    assert len(got(channel, queue)) == 1
    kept = OutboxMessage.objects.get(published_at=None, target="command")
    assert (kept.routing_key, kept.attempts) == (broken.serial, 1)
    assert "missing required field `id`" in kept.last_error


@pytest.mark.django_db(transaction=True)
def test_a_round_marks_its_commands_in_the_order_in_which_reports_lock_them(operator, institute, channel, bound):
    station = station_of(institute)
    bound(topology.COMMANDS, station.serial)
    commands = sorted(command_issue(viewer=operator, station=station, name="ping", parameters={}).id for _ in range(12))
    first, others = commands[0], commands[1:]
    with psycopg.connect(**connection.get_connection_params()) as reports, ThreadPoolExecutor() as pool:
        reports.execute("SELECT 1 FROM commands_command WHERE id = %s FOR UPDATE", (first,))
        a_round = pool.submit(_round_of_its_own)
        until(_waiting_for_a_lock, "the relay to wait for the first command")
        reports.execute("SELECT 1 FROM commands_command WHERE id = ANY(%s) FOR UPDATE NOWAIT", (others,))
        reports.rollback()
        a_round.result()
    assert set(Command.objects.values_list("state", flat=True)) == {"sent"}


def _round_of_its_own() -> int:
    try:
        return Relay().publish_round()
    finally:
        connection.close()


def _waiting_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)"
            " WHERE NOT granted AND datname = current_database())"
        )
        return cursor.fetchone()[0]


def test_a_command_without_a_queue_is_kept_and_stops_nobody_else(operator, institute, channel, bound):
    lost, found = station_of(institute), station_of(institute)
    queue = bound(topology.COMMANDS, found.serial)
    for station in (lost, found):
        command_issue(viewer=operator, station=station, name="ping", parameters={})
    Relay().publish_round()
    assert len(got(channel, queue)) == 1
    kept = OutboxMessage.objects.get(published_at=None, target="command")
    assert (kept.routing_key, kept.attempts) == (lost.serial, 1)
    assert "No queue for" in kept.last_error
    assert kept.due_at > clock.now()


def test_a_full_command_queue_refuses_and_the_row_waits(operator, institute, channel, bound):
    station = station_of(institute)
    queue = bound(topology.COMMANDS, station.serial, **{"x-max-length": 1, "x-overflow": "reject-publish"})
    for _ in range(2):
        command_issue(viewer=operator, station=station, name="ping", parameters={})
    Relay().publish_round()
    assert len(got(channel, queue)) == 1
    assert "full" in OutboxMessage.objects.get(published_at=None, target="command").last_error


def test_an_event_goes_out_under_its_key_and_nobody_listening_is_no_error(channel, bound):
    queue = bound(topology.FLEET_EVENTS, "old-cut.#")
    for organization in ("old-cut", "nobody"):
        event = MoveEvent(event="station_moved_here", station="SG-1", at=clock.now(), history="goes")
        event_announce(organization=organization, event=event)
    Relay().publish_round()
    (message,) = got(channel, queue)
    assert message.delivery_info["routing_key"] == "old-cut.SG-1.station_moved_here"
    assert not OutboxMessage.objects.filter(published_at=None).exists()


def test_an_expired_row_is_not_published(channel, bound):
    queue = bound(topology.COMMANDS, "SG-LATE")
    outbox_add(
        target=OutboxMessage.Target.COMMAND,
        routing_key="SG-LATE",
        body={},
        message_id="7d9a7e3c-6c1a-4a55-8f5e-9d0f7d0a2b11",
        expires_at=clock.now() - timedelta(seconds=1),
    )
    Relay().publish_round()
    assert got(channel, queue) == []
    assert not OutboxMessage.objects.filter(published_at=None).exists()


def test_a_job_reaches_its_queue_by_name(stack):
    connection = amqp.Connection(
        host=f"127.0.0.1:{stack.ports['amqp']}",
        userid="jobs",
        password=stack.secrets["broker_jobs"],
        virtual_host=settings.ROOST_JOBS_BROKER_URL.rpartition("/")[2],
    )
    connection.connect()
    channel = connection.channel()
    channel.queue_purge(topology.TASK_QUEUE)
    job_ask("core.touch_canary", name="canary.test")
    Relay().publish_round()
    message = channel.basic_get(topology.TASK_QUEUE, no_ack=True)
    assert message.headers["task"] == "core.touch_canary"
    assert json.loads(message.body)[1] == {"name": "canary.test"}
    connection.close()


def test_what_was_published_long_ago_is_pruned():
    job_ask("core.touch_canary")
    OutboxMessage.objects.update(published_at=clock.now() - timedelta(days=2))
    job_ask("core.touch_canary")
    assert outbox_prune() == 1
    assert OutboxMessage.objects.count() == 1
