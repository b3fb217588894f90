"""A message without a dead-letter queue stays in its queue, however often its reader dies, on RabbitMQ 3.10 and on 4.x."""

import pika
import pytest
from django.conf import settings
from waiting import PATIENCE_S, until

from message_queue import topology

#: On 4.x, a queue without its own limit loses a message at the 21st delivery.
DEATHS = 25


def delivered_in_vain(url, queue):
    """Have the queue's one message delivered, and disconnect without an answer; return how often it was delivered
    before.
    """
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    for _method, properties, _body in channel.consume(queue, inactivity_timeout=PATIENCE_S):
        assert properties is not None, f"{queue} delivers nothing"
        connection.close()
        return int((properties.headers or {}).get("x-delivery-count", 0))
    raise AssertionError


def messages(stack, vhost, queue):
    with stack.rabbitmq.management() as client:
        return client.get(f"/api/queues/{vhost}/{queue}").json().get("messages")


@pytest.mark.parametrize(
    ("policy", "queue"),
    [("dead", "inbound.dead"), ("commands", "cmd.SG-DEADLETTER"), ("dead-jobs", "tasks.dead")],
    ids=["dead letters", "commands", "dead jobs"],
)
def test_a_message_whose_reader_dies_twenty_five_times_is_still_there(stack, policy, queue):
    jobs = settings.ROOST_JOBS_BROKER_URL.rpartition("/")[2]
    vhost = jobs if policy == "dead-jobs" else settings.ROOST_FLEET_VHOST
    url = stack.rabbitmq.broker_url("provisioner", vhost)
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
        channel.queue_purge(queue)
        channel.confirm_delivery()
        channel.basic_publish("", queue, b"poison", pika.BasicProperties(delivery_mode=2), mandatory=True)
    try:
        for death in range(DEATHS):
            assert delivered_in_vain(url, queue) == death
        until(lambda: messages(stack, vhost, queue) == 1, "the message, which is gone", every=0.2)
    finally:
        with pika.BlockingConnection(pika.URLParameters(url)) as connection:
            connection.channel().queue_purge(queue)
            if policy == "commands":
                connection.channel().queue_delete(queue)


def test_every_queue_that_we_declare_names_its_limit_of_deliveries():
    """On 4.x, a policy without a limit means 20 deliveries, and then the message is gone if there is no dead-letter
    queue.
    """
    policies = [*topology.POLICIES.values(), *topology.JOB_POLICIES.values()]
    assert all("delivery-limit" in policy["definition"] for policy in policies)
    for policy in policies:
        definition = policy["definition"]
        if "dead-letter-exchange" not in definition:
            assert definition["delivery-limit"] == topology.NO_DELIVERY_LIMIT
