"""The link loses no message on any kind of bad connection, and says in words what is wrong."""

import socket
import ssl
import time

import msgspec
import pytest
from agent.bad_link import BadLink
from pika import exceptions
from pika.adapters.utils import connection_workflow as workflow
from waiting import until

from message_queue.contracts.event import Event, Happening
from station_agent.config import LinkSettings
from station_agent.errors import WrongUse
from station_agent.link.consume import CommandLink
from station_agent.link.endpoint import parameters_make
from station_agent.link.network import Network
from station_agent.link.publish import PublishLink
from station_agent.link.reasons import LASTING_SECONDS, reason_of
from station_agent.link.shared import SharedState
from station_agent.outbox import EVENT
from station_agent.station import LinkState


@pytest.fixture
def bad_link(stack):
    link = BadLink(stack.rabbitmq.ports["amqp"])
    yield link
    link.stop()


@pytest.fixture
def make_publisher(make_station):
    """Start publishing links, each with its own outbox."""
    running = []

    def make(amqp, **settings):
        outbox, view = make_station(amqp=amqp).outbox, LinkState()
        values = LinkSettings(**({"retry_first": 0.1, "retry_most": 0.5, "confirm_deadline": 1.5} | settings))
        link = PublishLink(amqp, values, outbox, view, heartbeat=30, name="test")
        outbox.on_put(link.wake)
        network = Network(link.run)
        network.start()
        running.append(network)
        return outbox, view, link

    yield make
    for network in running:
        assert network.stop(5.0)


class Nothing:
    """An empty feed."""

    def take(self, _room):
        return []

    def given_back(self, keys):
        """Do nothing: nothing was taken."""


def event(number):
    return Event(events=[Happening(t=float(number), name="test")])


def test_a_message_leaves_at_once(make_broker_station, make_publisher):
    station = make_broker_station()
    outbox, view, _ = make_publisher(station.amqp)
    until(lambda: view.connected_since is not None)
    outbox.put("event", event(1), EVENT)
    until(lambda: outbox.backlog().messages == 0)
    assert len(station.see()) == 1
    until(lambda: view.bytes_sent > 300 and view.bytes_received > 300)


def test_without_confirms_the_connection_is_dropped_and_the_messages_come_again(
    make_broker_station, make_publisher, bad_link
):
    station = make_broker_station()
    outbox, view, link = make_publisher(msgspec.structs.replace(station.amqp, port=bad_link.port))
    until(lambda: link._channel is not None)
    bad_link.silent = True
    for number in range(10):
        outbox.put("event", event(number), EVENT)
    until(lambda: view.connected_since is None)
    assert "no confirm for" in view.reason
    assert outbox.backlog().messages == 10
    bad_link.silent = False
    # A connection attempt made during the silence would wait for its handshake.
    bad_link.cut()
    until(lambda: outbox.backlog().messages == 0)
    seen = station.see()
    assert {s.key for s in seen} == {(outbox.stream, seq) for seq in range(1, 11)}
    raws = {}
    assert all(raws.setdefault(s.key, s.raw) == s.raw for s in seen)


def test_a_link_that_breaks_all_the_time_gets_everything_across(make_broker_station, make_publisher, bad_link):
    station = make_broker_station()
    outbox, view, _ = make_publisher(msgspec.structs.replace(station.amqp, port=bad_link.port), window=5)
    until(lambda: view.connected_since is not None)
    for number in range(300):
        outbox.put("event", event(number), EVENT)
        if number % 60 == 30:
            bad_link.cut()
    until(lambda: outbox.backlog().messages == 0)
    assert bad_link.connections >= 2
    assert {s.key[1] for s in station.see()} == set(range(1, 301))


def test_no_more_than_the_window_is_on_the_wire(make_broker_station, make_publisher, bad_link):
    station = make_broker_station()
    outbox, view, link = make_publisher(
        msgspec.structs.replace(station.amqp, port=bad_link.port), window=7, confirm_deadline=60.0
    )
    until(lambda: view.connected_since is not None)
    # Send one that is confirmed, so that the channel is open before the link goes silent.
    outbox.put("event", event(0), EVENT)
    until(lambda: outbox.backlog().messages == 0)
    bad_link.silent = True
    for number in range(1, 31):
        outbox.put("event", event(number), EVENT)
    until(lambda: len(link._waiting) == 7)
    # It publishes no more. Nothing shows the absence of a message, so the test only waits a while.
    time.sleep(1.5)
    assert len(link._waiting) == 7
    assert len(station.see()) == 1 + 7


def test_the_link_never_goes_without_tls(make_broker_station, make_publisher, stack):
    station = make_broker_station(tls=True)
    outbox, view, _ = make_publisher(msgspec.structs.replace(station.amqp, port=stack.rabbitmq.ports["amqp"]))
    outbox.put("event", event(1), EVENT)
    until(lambda: "encrypted" in view.reason or "broke" in view.reason)
    assert outbox.backlog().messages == 1
    other, other_view, _ = make_publisher(msgspec.structs.replace(station.amqp, ca_pem=""))
    other.put("event", event(1), EVENT)
    until(lambda: "not trusted" in other_view.reason)
    assert station.see() == []


def test_a_name_that_the_certificate_does_not_bear_is_not_trusted(make_broker_station, make_publisher):
    station = make_broker_station(tls=True)
    _, view, _ = make_publisher(msgspec.structs.replace(station.amqp, host="127.1"))
    until(lambda: "not trusted" in view.reason)


def test_all_commands_that_wait_come_at_once_and_again_until_acknowledged(make_broker_station, bad_link):
    station = make_broker_station()
    amqp = msgspec.structs.replace(station.amqp, port=bad_link.port)
    got, view = [], LinkState()
    link = CommandLink(
        amqp,
        LinkSettings(retry_first=0.1, retry_most=0.3),
        view,
        lambda body, acknowledge: got.append((body, acknowledge)),
        heartbeat=30,
        name="test",
    )
    network = Network(link.run)
    network.start()
    try:
        for body in (b"one", b"two"):
            station.command_raw(body)
        until(lambda: len(got) == 2)
        bad_link.cut()
        until(lambda: len(got) == 4)
        assert [body for body, _ in got] == [b"one", b"two"] * 2
        # An acknowledgement for the dead connection must not reach the new one.
        got[1][1]()
        got[2][1]()
        assert got[2][0] == b"one"
    finally:
        assert network.stop(5.0)
    with station.channel() as channel:
        until(lambda: channel.queue_declare(amqp.command_queue, passive=True).method.message_count)
        assert channel.basic_get(amqp.command_queue)[2] == b"two"
        assert channel.basic_get(amqp.command_queue)[0] is None


def test_the_first_connection_that_gets_through_wakes_the_other(make_broker_station, bad_link):
    station = make_broker_station()
    amqp = msgspec.structs.replace(station.amqp, port=bad_link.port)
    shared, data, commands = SharedState(), LinkState(), LinkState()
    # A pause of two minutes, as in the incident that led to this test.
    patient = LinkSettings(retry_first=120.0, retry_most=240.0)
    bad_link.closed = True
    feed = Nothing()
    publish = PublishLink(
        amqp, LinkSettings(retry_first=0.2, retry_most=0.4), feed, data, heartbeat=30, name="data", shared=shared
    )
    consume = CommandLink(amqp, patient, commands, lambda *_: None, heartbeat=30, name="commands", shared=shared)
    network = Network(publish.run, consume.run)
    network.start()
    try:
        until(lambda: commands.next_try_at is not None and commands.next_try_at - time.time() > 30)
        bad_link.closed = False
        until(lambda: commands.connected_since is not None)
        assert data.connected_since is not None
    finally:
        assert network.stop(5.0)


def test_a_wake_from_an_earlier_connection_does_not_shorten_the_next_pause(make_broker_station, bad_link):
    station = make_broker_station()
    amqp = msgspec.structs.replace(station.amqp, port=bad_link.port)
    shared, view = SharedState(), LinkState()
    patient = LinkSettings(retry_first=120.0, retry_most=240.0)
    link = CommandLink(amqp, patient, view, lambda *_: None, heartbeat=30, name="commands", shared=shared)
    network = Network(link.run)
    network.start()
    try:
        until(lambda: view.connected_since is not None)
        shared.wake(network.loop)
        until(link.endpoint._waker.is_set)
        bad_link.cut()
        until(lambda: view.next_try_at is not None)
        assert view.next_try_at - time.time() > 30
        assert view.connected_since is None
    finally:
        assert network.stop(5.0)


def test_a_queue_that_is_gone_for_a_moment_asks_nobody_to_enrol_again(make_broker_station):
    station = make_broker_station()
    view = LinkState()
    settings = LinkSettings(retry_first=0.1, retry_most=0.2)
    link = CommandLink(station.amqp, settings, view, lambda *_: None, heartbeat=30, name="commands")
    network = Network(link.run)
    network.start()
    try:
        until(lambda: view.connected_since is not None)
        with station.channel() as channel:
            channel.queue_delete(station.amqp.command_queue)
        until(lambda: "at the moment" in view.reason)
        assert "restores it by itself" in view.reason
        assert "nrol" not in view.reason
        with station.channel() as channel:
            channel.queue_declare(station.amqp.command_queue, durable=True)
        since = time.time()
        until(lambda: (view.connected_since or 0) > since)
    finally:
        assert network.stop(5.0)


def test_trouble_that_lasts_is_referred_to_the_people_who_run_the_server():
    gone = exceptions.ChannelClosedByBroker(404, "NOT_FOUND")
    assert "restores it by itself" in reason_of(gone, "roost.example.org", 5671, lasted=LASTING_SECONDS - 1)
    assert "ask the people who run the server" in reason_of(gone, "roost.example.org", 5671, lasted=LASTING_SECONDS)


def test_an_invalid_certificate_is_refused_with_the_reason(make_broker_station):
    amqp = msgspec.structs.replace(make_broker_station(tls=True).amqp, ca_pem="nonsense")
    with pytest.raises(WrongUse, match="is not a certificate"):
        parameters_make(amqp, heartbeat=30, blocked=30.0, name="test")


def expired():
    error = ssl.SSLCertVerificationError()
    error.verify_message = "certificate is not yet valid"
    return error


def wrapped(error):
    """Wrap an error as pika wraps network errors."""
    failed = workflow.AMQPConnectionWorkflowFailed([workflow.AMQPConnectorSocketConnectError(error)])
    return exceptions.AMQPConnectionError(failed)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (wrapped(ConnectionRefusedError(111, "refused")), "refuses connections"),
        (wrapped(socket.gaierror(-2, "Name or service not known")), "cannot be resolved"),
        (wrapped(TimeoutError()), "does not answer"),
        (wrapped(OSError(101, "Network is unreachable")), "cannot be reached: Network is unreachable"),
        (workflow.AMQPConnectionWorkflowFailed([workflow.AMQPConnectorStackTimeout("x")]), "does not answer"),
        (workflow.AMQPConnectorTransportSetupError(expired()), "Check the clock first"),
        (ssl.SSLError("wrong version number"), "No encrypted connection"),
        (exceptions.ProbableAuthenticationError("x"), "revoked or replaced"),
        (exceptions.ProbableAccessDeniedError("x"), "denies this station access"),
        (exceptions.ChannelClosedByBroker(403, "ACCESS_REFUSED"), "refuses what this station does"),
        (exceptions.ChannelClosedByBroker(404, "NOT_FOUND"), "restores it by itself"),
        (exceptions.ConnectionClosedByBroker(320, "CONNECTION_FORCED"), "closed the connection: CONNECTION_FORCED"),
        (exceptions.ConnectionBlockedTimeout("x"), "accepts no messages at the moment"),
        (exceptions.AMQPHeartbeatTimeout("x"), "missed two heartbeats"),
        (exceptions.StreamLostError("x"), "broke"),
        (exceptions.ConsumerCancelled("x"), "command queue is missing on the server at the moment"),
        (ValueError("something else"), "ended: something else"),
    ],
)
def test_every_reason_is_a_sentence_for_a_person(error, words):
    sentence = reason_of(error, "roost.example.org", 5671)
    assert words in sentence
    assert sentence.endswith(".")
    assert "Error(" not in sentence
