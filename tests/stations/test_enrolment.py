"""Enrolment on a real broker: once per token, nothing usable after a failure, and no return after a revocation."""

import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pika
import pytest
from django.db import connection
from people import SERVER, station_of
from pika.exceptions import AMQPError, ChannelClosedByBroker, ConnectionClosedByBroker
from waiting import PATIENCE_S

from fleet.core import clock
from fleet.core.errors import Conflict, Forbidden
from fleet.core.models import AuditEntry, OutboxMessage
from fleet.stations.errors import BrokerUnreachable, EnrolmentRefused
from fleet.stations.logins.enrolment import (
    RECONCILE_JOB,
    enrolment_token_create,
    station_enrol,
    station_revoke,
    token_hash,
)
from fleet.stations.models import Credential, EnrolmentToken, Station
from fleet.stations.services import station_retire
from message_queue import topology
from message_queue.topology import INBOUND_QUEUES

# Enrolment commits in steps on purpose, so these tests need real commits.
pytestmark = pytest.mark.django_db(transaction=True)


def enrolled(station: Station):
    token = enrolment_token_create(station=station, actor=SERVER)
    return station_enrol(serial=station.serial, token=token, hardware={"model": "test"})


def closed_within(open_connection: pika.BlockingConnection, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            open_connection.process_data_events(0.1)
        except AMQPError:
            return True
    return False


def test_a_grant_opens_the_tls_port_and_reaches_the_inbound_queue(institute, settings, inbound_empty):
    station = station_of(institute)
    grant = enrolled(station)
    trust = ssl.create_default_context(cadata=grant.ca_pem)
    parameters = pika.ConnectionParameters(
        grant.host,
        grant.port,
        grant.vhost,
        pika.PlainCredentials(grant.username, grant.password),
        ssl_options=pika.SSLOptions(trust, grant.host),
    )
    with pika.BlockingConnection(parameters) as open_connection:
        channel = open_connection.channel()
        channel.confirm_delivery()
        channel.basic_publish(grant.exchange, "health", b"{}", pika.BasicProperties(delivery_mode=2), mandatory=True)
    with pika.BlockingConnection(pika.URLParameters(settings.ROOST_FLEET_BROKER_URL)) as reader:
        method, _, body = reader.channel().basic_get(INBOUND_QUEUES[0], auto_ack=True)
    assert (method.exchange, body) == (f"in.{station.serial}", b"{}")


def test_a_station_takes_its_own_commands_and_no_other_station_s(institute, settings, connect):
    mine, other = station_of(institute), station_of(institute)
    grant, foreign = enrolled(mine), enrolled(other)
    with pika.BlockingConnection(pika.URLParameters(settings.ROOST_COMMAND_BROKER_URL)) as server:
        channel = server.channel()
        channel.confirm_delivery()
        for serial in (mine.serial, other.serial):
            channel.basic_publish(topology.COMMANDS, serial, serial.encode(), mandatory=True)
    live = connect(grant)
    assert live.channel().basic_get(grant.command_queue)[2] == mine.serial.encode()
    for forbidden in (
        lambda channel: channel.basic_get(foreign.command_queue),
        lambda channel: channel.basic_get(INBOUND_QUEUES[0]),
        lambda channel: (
            channel.basic_publish(foreign.exchange, "health", b"{}") or channel.queue_declare("", passive=False)
        ),
        lambda channel: channel.basic_publish("commands", other.serial, b"{}") or channel.basic_qos(),
        lambda channel: channel.queue_declare("mine"),
        lambda channel: channel.queue_bind(grant.command_queue, "inbound"),
    ):
        with pytest.raises(ChannelClosedByBroker) as refused:
            forbidden(live.channel())
        assert refused.value.reply_code == 403


def test_a_station_has_no_more_connections_than_its_limit(institute, connect):
    grant = enrolled(station_of(institute))
    for _ in range(topology.STATION_LIMITS["max-connections"]):
        connect(grant)
    with pytest.raises(AMQPError):
        connect(grant)


def test_of_ten_enrolments_at_once_one_wins(institute, works):
    station = station_of(institute)
    token = enrolment_token_create(station=station, actor=SERVER)
    together = threading.Barrier(10)

    def attempt(_: int):
        together.wait(PATIENCE_S)
        try:
            return station_enrol(serial=station.serial, token=token, hardware={})
        except EnrolmentRefused:
            return None
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        grants = [grant for grant in pool.map(attempt, range(10)) if grant]
    assert len(grants) == 1
    assert works(grants[0].username, grants[0].password)
    assert list(Credential.objects.values_list("generation", "revoked_at")) == [(1, None)]


def test_a_wrong_used_expired_or_foreign_token_is_refused_in_the_same_words(institute):
    station, other, gone = station_of(institute), station_of(institute), station_of(institute)
    used = enrolment_token_create(station=station, actor=SERVER)
    station_enrol(serial=station.serial, token=used, hardware={})
    expired = enrolment_token_create(station=other, actor=SERVER)
    EnrolmentToken.objects.filter(station=other).update(expires_at=clock.now() - timedelta(seconds=1))
    foreign = enrolment_token_create(station=station, actor=SERVER)
    retired = enrolment_token_create(station=gone, actor=SERVER)
    Station.objects.filter(pk=gone.pk).update(retired_at=clock.now())
    told = set()
    for serial, token in (
        (station.serial, "wrong"),
        (station.serial, used),
        (other.serial, expired),
        (other.serial, foreign),
        ("SG-NOBODY", foreign),
        (gone.serial, retired),
    ):
        with pytest.raises(EnrolmentRefused) as refused:
            station_enrol(serial=serial, token=token, hardware={})
        told.add(str(refused.value))
    assert len(told) == 1
    assert EnrolmentToken.objects.get(token_hash=token_hash(foreign)).used_at is None


def test_a_token_is_stored_as_a_hash_and_a_new_one_ends_the_earlier(institute):
    station = station_of(institute)
    first = enrolment_token_create(station=station, actor=SERVER)
    second = enrolment_token_create(station=station, actor=SERVER)
    assert first not in str(list(EnrolmentToken.objects.values()))
    with pytest.raises(EnrolmentRefused):
        station_enrol(serial=station.serial, token=first, hardware={})
    assert station_enrol(serial=station.serial, token=second, hardware={}).username.endswith(".1")


def test_revoking_closes_the_live_connection_and_the_login_never_works_again(institute, connect, works):
    station = station_of(institute)
    grant = enrolled(station)
    live = connect(grant)
    assert not closed_within(live, 0.3)
    assert station_revoke(station=station, actor=SERVER) == 1
    assert closed_within(live, PATIENCE_S)
    assert not works(grant.username, grant.password)
    assert station_revoke(station=station, actor=SERVER) == 0
    again = enrolled(station)
    assert again.username != grant.username
    assert works(again.username, again.password)
    assert not works(grant.username, grant.password)


def test_revoking_ends_a_token_that_was_not_used_yet(institute):
    station = station_of(institute)
    token = enrolment_token_create(station=station, actor=SERVER)
    station_revoke(station=station, actor=SERVER)
    with pytest.raises(EnrolmentRefused):
        station_enrol(serial=station.serial, token=token, hardware={})


def test_a_new_enrolment_is_a_new_generation_and_ends_the_old_login(institute, connect, works):
    station = station_of(institute)
    first = enrolled(station)
    live = connect(first)
    second = enrolled(station)
    assert [first.username[-2:], second.username[-2:]] == [".1", ".2"]
    assert closed_within(live, PATIENCE_S)
    assert works(second.username, second.password)
    assert not works(first.username, first.password)
    assert list(Credential.objects.filter(revoked_at=None).values_list("username", flat=True)) == [second.username]


def test_commands_that_wait_survive_a_new_enrolment(institute, settings, connect):
    station = station_of(institute)
    enrolled(station)
    with pika.BlockingConnection(pika.URLParameters(settings.ROOST_COMMAND_BROKER_URL)) as server:
        channel = server.channel()
        channel.confirm_delivery()
        channel.basic_publish(
            topology.COMMANDS, station.serial, b"wait", pika.BasicProperties(delivery_mode=2), mandatory=True
        )
    grant = enrolled(station)
    assert connect(grant).channel().basic_get(grant.command_queue)[2] == b"wait"


def test_a_failure_at_any_step_leaves_nothing_usable_and_the_token_usable(institute, gate, works, management):
    station = station_of(institute)
    first = enrolled(station)
    steps = len(gate.calls)
    assert steps == 10
    token = enrolment_token_create(station=station, actor=SERVER)
    passwords: list[str] = []

    for broken in range(1, steps + 1):
        gate.calls.clear()

        def decide(number: int, method: str, path: str, body: str, broken: int = broken) -> bool:
            if '"password"' in body:
                passwords.append(body)
            # From this call on, requests fail; requests that clean up get through.
            return number < broken or method == "DELETE"

        gate.decide = decide
        with pytest.raises(BrokerUnreachable):
            station_enrol(serial=station.serial, token=token, hardware={})
        assert works(first.username, first.password)
        made = Credential.objects.filter(station=station).order_by("-generation").first()
        assert made.revoked_at is not None
        assert management.get(f"/api/users/{made.username}").status_code == 404
    assert len(passwords) == 1
    gate.decide = lambda *_: True
    grant = station_enrol(serial=station.serial, token=token, hardware={})
    assert works(grant.username, grant.password)
    assert not works(first.username, first.password)


def test_the_password_is_the_last_thing_a_login_gets(institute, gate):
    bodies: list[tuple[str, str]] = []

    def decide(number: int, method: str, path: str, body: str) -> bool:
        bodies.append((f"{method} {path.split('/')[2]}", body))
        return True

    gate.decide = decide
    enrolled(station_of(institute))
    assert [call for call, _ in bodies] == [
        "PUT exchanges",
        "PUT queues",
        "POST bindings",
        "POST bindings",
        "PUT users",
        "PUT permissions",
        "PUT permissions",
        "PUT user-limits",
        "PUT user-limits",
        "PUT users",
    ]
    assert ['"password"' in body for _, body in bodies] == [False] * 9 + [True]


def test_a_broker_that_is_away_does_not_spend_the_token(institute, settings, works):
    station = station_of(institute)
    token = enrolment_token_create(station=station, actor=SERVER)
    there, settings.ROOST_MANAGEMENT_URL = settings.ROOST_MANAGEMENT_URL, "http://127.0.0.1:1"
    with pytest.raises(BrokerUnreachable, match="Try again"):
        station_enrol(serial=station.serial, token=token, hardware={})
    settings.ROOST_MANAGEMENT_URL = there
    grant = station_enrol(serial=station.serial, token=token, hardware={})
    assert works(grant.username, grant.password)


def test_a_revocation_in_the_middle_of_an_enrolment_wins(institute, gate, works, management):
    station = station_of(institute)
    token = enrolment_token_create(station=station, actor=SERVER)
    revoked: list[int] = []

    def decide(number: int, method: str, path: str, body: str) -> bool:
        if '"password"' in body:
            try:
                revoked.append(station_revoke(station=station, actor=SERVER))
            finally:
                connection.close()
        return True

    gate.decide = decide
    with pytest.raises(EnrolmentRefused):
        station_enrol(serial=station.serial, token=token, hardware={})
    assert revoked == [1]
    assert management.get(f"/api/users/st.{station.serial}.1").status_code == 404
    with pytest.raises(EnrolmentRefused):
        station_enrol(serial=station.serial, token=token, hardware={})


def test_a_revocation_while_the_broker_is_away_is_kept_and_asked_for(institute, settings, works):
    station = station_of(institute)
    grant = enrolled(station)
    there, settings.ROOST_MANAGEMENT_URL = settings.ROOST_MANAGEMENT_URL, "http://127.0.0.1:1"
    with pytest.raises(BrokerUnreachable, match="is revoked here"):
        station_revoke(station=station, actor=SERVER)
    assert OutboxMessage.objects.filter(target="job", routing_key=RECONCILE_JOB).exists()
    assert Credential.objects.get().revoked_at is not None
    settings.ROOST_MANAGEMENT_URL = there
    assert station_revoke(station=station, actor=SERVER) == 0
    assert not works(grant.username, grant.password)


def test_viewers_and_strangers_neither_enrol_nor_revoke(institute, operator, viewer, stranger):
    station = station_of(institute)
    for who in (viewer, stranger):
        with pytest.raises(Forbidden):
            enrolment_token_create(station=station, actor=who)
        with pytest.raises(Forbidden):
            station_revoke(station=station, actor=who)
        with pytest.raises(Forbidden):
            station_retire(station=station, actor=who)
    assert enrolment_token_create(station=station, actor=operator)


def test_a_retired_station_is_shut_out_permanently(institute, connect, works):
    station = station_of(institute)
    grant = enrolled(station)
    live = connect(grant)
    station_retire(station=station, actor=SERVER)
    assert closed_within(live, PATIENCE_S)
    assert not works(grant.username, grant.password)
    with pytest.raises(Conflict, match="retired"):
        enrolment_token_create(station=station, actor=SERVER)


def test_what_was_done_to_a_station_is_written_down_without_secrets(institute, operator):
    station = station_of(institute)
    token = enrolment_token_create(station=station, actor=operator)
    grant = station_enrol(serial=station.serial, token=token, hardware={})
    station_revoke(station=station, actor=operator)
    entries = list(AuditEntry.objects.filter(subject=station.serial).order_by("id"))
    assert [(entry.action, entry.actor_name) for entry in entries] == [
        ("station.register", ""),
        ("station.enrolment_token", "operator"),
        ("station.enrol", ""),
        ("station.revoke", "operator"),
    ]
    kept = str([entry.detail for entry in entries]) + str(list(Credential.objects.values()))
    assert token not in kept
    assert grant.password not in kept


def test_a_closed_connection_says_why(institute, connect):
    station = station_of(institute)
    live = connect(enrolled(station))
    station_revoke(station=station, actor=SERVER)
    with pytest.raises(ConnectionClosedByBroker) as closed:
        live.process_data_events(5)
    assert closed.value.reply_code == 320
