"""Taps on a real broker: only one's own events, a login that only reads, dropped events, and a broker that forgot."""

import json
import subprocess
import sys
from datetime import timedelta

import httpx
import pytest
from people import SERVER, station_of
from pika.exceptions import AMQPConnectionError, ChannelClosedByBroker
from science import EXAMPLES
from stations.conftest import connection_open, management, works
from waiting import PATIENCE_S, until

from fleet.core import clock
from fleet.core.errors import InvalidInput, TooMany, Unavailable
from fleet.core.models import AuditEntry, OutboxMessage
from fleet.core.outbox import event_announce
from fleet.forward.models import Tap
from fleet.forward.taps.broker import secret_hash_of
from fleet.forward.taps.reconcile import taps_reconcile
from fleet.forward.taps.services import RECONCILE_JOB, TapChoice, tap_add, tap_delete, tap_secret_renew
from fleet.forward.taps.watching import taps_watch
from fleet.lifecycle.purge_organization import organization_purge
from fleet.organizations.deletion import organization_delete, organization_restore
from fleet.organizations.models import Organization
from message_queue import topology
from message_queue.events.kinds import MoveEvent
from workers.relay import Relay

__all__ = ["management", "works"]
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _agreed(db) -> None:
    """Remove what earlier tests left on the broker."""
    taps_reconcile()


def tell(organization, *serials, name="station_moved_here") -> None:
    """Announce an event of each of these stations, and publish it."""
    for serial in serials:
        event = MoveEvent(event=name, station=serial, at=clock.now(), history="goes")
        event_announce(organization=organization.slug, event=event)
    Relay().publish_round()
    assert not OutboxMessage.objects.filter(published_at=None, target="event").exists()


def is_closed(connection) -> bool:
    """Wait until the broker closes a connection."""
    with pytest.raises(AMQPConnectionError):
        connection.sleep(PATIENCE_S)
    return connection.is_closed


def read(stack, tap, secret, *, meanwhile=lambda: None) -> list[str]:
    """Read and confirm all events that wait in a tap; return their stations. `meanwhile` is called before leaving.

    RabbitMQ may forget the confirms of a reader that leaves at once.
    """
    connection = connection_open(stack, tap.queue, secret)
    channel, found = connection.channel(), []
    while (got := channel.basic_get(tap.queue))[0] is not None:
        found.append(json.loads(got[2])["station"])
        channel.basic_ack(got[0].delivery_tag)
    meanwhile()
    connection.close()
    return found


def test_the_example_prints_what_happens_at_the_own_stations_and_no_others(owner, institute, elsewhere, tmp_path):
    _tap, grant = tap_add(actor=owner, organization=institute, name="Screen", choice=TapChoice())
    (tmp_path / "roost-ca.pem").write_text(grant.ca_pem)
    tell(elsewhere, "SG-THEIRS")
    tell(institute, "SG-OURS1")
    command = [sys.executable, str(EXAMPLES / "listen.py"), grant.url, str(tmp_path / "roost-ca.pem")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        printed = [program.stdout.readline()]
        tell(elsewhere, "SG-THEIRS")
        tell(institute, "SG-OURS2")
        printed.append(program.stdout.readline())
        program.terminate()
    assert [line.split()[1:] for line in printed] == [[name, "station_moved_here"] for name in ("SG-OURS1", "SG-OURS2")]
    how_to = (EXAMPLES.parent / "how-to" / "listen-to-what-happens.md").read_text()
    assert f"```python\n{(EXAMPLES / 'listen.py').read_text()}```" in how_to


def test_a_tap_gets_the_chosen_events_of_the_chosen_stations(stack, owner, institute):
    one, other = station_of(institute), station_of(institute)
    choice = TapChoice(events=["station_moved_away"], serials=[one.serial.lower()])
    tap, grant = tap_add(actor=owner, organization=institute, name="One", choice=choice)
    tell(institute, one.serial, other.serial)
    tell(institute, one.serial, other.serial, name="station_moved_away")
    assert read(stack, tap, grant.secret) == [one.serial]


def test_the_login_reads_its_queue_and_can_do_nothing_else(stack, owner, institute, stranger, elsewhere):
    station = station_of(institute)
    tap, grant = tap_add(actor=owner, organization=institute, name="Ours", choice=TapChoice())
    theirs, _ = tap_add(actor=stranger, organization=elsewhere, name="Theirs", choice=TapChoice())
    connection = connection_open(stack, tap.queue, grant.secret)

    def publish(channel, exchange, key="institute.x.y"):
        channel.confirm_delivery()
        channel.basic_publish(exchange, key, b"{}")

    attempts = {
        "publish an event": lambda c: publish(c, topology.FLEET_EVENTS),
        "publish into its own queue": lambda c: publish(c, "", tap.queue),
        "send a command": lambda c: publish(c, topology.COMMANDS, station.serial),
        "declare a queue": lambda c: c.queue_declare("mine"),
        "declare a queue without a name": lambda c: c.queue_declare(""),
        "declare an exchange": lambda c: c.exchange_declare("mine"),
        "bind its queue to all events": lambda c: c.queue_bind(tap.queue, topology.FLEET_EVENTS, "#"),
        "unbind its queue": lambda c: c.queue_unbind(tap.queue, topology.FLEET_EVENTS, "institute.#"),
        "delete its queue": lambda c: c.queue_delete(tap.queue),
        "read another tap": lambda c: c.basic_get(theirs.queue),
        "consume another tap": lambda c: c.basic_consume(theirs.queue, print),
        "empty another tap": lambda c: c.queue_purge(theirs.queue),
        "read what stations send": lambda c: c.basic_get(topology.INBOUND_QUEUES[0]),
        "read what taps dropped": lambda c: c.basic_get(topology.TAPS_DROPPED),
    }
    answers = {}
    for name, attempt in attempts.items():
        with pytest.raises(ChannelClosedByBroker) as caught:
            attempt(connection.channel())
        answers[name] = caught.value.reply_code
    assert answers == dict.fromkeys(attempts, 403)
    more = [connection_open(stack, tap.queue, grant.secret) for _ in range(topology.TAP_LIMITS["max-connections"] - 1)]
    with pytest.raises(AMQPConnectionError):
        connection_open(stack, tap.queue, grant.secret)
    for each in (connection, *more):
        each.close()
    answer = httpx.get(f"{stack.rabbitmq.management_url}/api/whoami", auth=(tap.queue, grant.secret), trust_env=False)
    assert answer.status_code == 401


def test_a_full_tap_drops_the_oldest_and_says_how_many(stack, owner, institute):
    tap, grant = tap_add(actor=owner, organization=institute, name="Small", choice=TapChoice(messages=3))
    # It keeps events for less time than a person may choose, so it is made from a row, as after a loss on the broker.
    brief = Tap.objects.create(
        organization=institute, name="Brief", queue="tap.0123456789abcdef", secret_hash=secret_hash_of("secret"),
        messages_most=10, bytes_most=10_000, seconds_most=1, added_at=clock.now(),
    )  # fmt: skip
    assert taps_reconcile().made == [brief.queue]
    tell(institute, *(f"SG-{number}" for number in range(5)))

    def counted():
        taps_watch()
        tap.refresh_from_db()
        brief.refresh_from_db()
        return (tap.dropped, tap.expired, tap.waiting, brief.dropped, brief.expired) == (2, 0, 3, 0, 5)

    until(counted)
    assert tap.last_dropped_at is not None
    assert (tap.taken, tap.last_taken_at, tap.is_at_least) == (0, None, False)

    def is_read():
        taps_watch()
        tap.refresh_from_db()
        return (tap.waiting, tap.taken) == (0, 3)

    assert read(stack, tap, grant.secret, meanwhile=lambda: until(is_read)) == ["SG-2", "SG-3", "SG-4"]
    assert tap.last_taken_at is not None
    assert (tap.dropped, tap.expired) == (2, 0)


def test_a_reader_that_confirms_nothing_is_disconnected(stack, owner, institute):
    tap, grant = tap_add(actor=owner, organization=institute, name="Small", choice=TapChoice(messages=2))
    connection = connection_open(stack, tap.queue, grant.secret)
    connection.channel().basic_consume(tap.queue, lambda *_: None)
    for number in range(3):
        tell(institute, f"SG-{number}")
        connection.process_data_events(time_limit=0.1)

    def is_bounded():
        taps_watch()
        tap.refresh_from_db()
        return tap.dropped == 1

    until(is_bounded)
    assert is_closed(connection)
    assert read(stack, tap, grant.secret) == ["SG-1", "SG-2"]


def test_a_login_ends_with_its_secret_its_tap_and_its_organization(
    stack, owner, institute, management, works, settings
):
    vhost = settings.ROOST_FLEET_VHOST
    tap, grant = tap_add(actor=owner, organization=institute, name="Screen", choice=TapChoice())
    connection = connection_open(stack, tap.queue, grant.secret)
    tell(institute, "SG-1")
    renewed = tap_secret_renew(actor=owner, tap=tap)
    assert not works(tap.queue, grant.secret)
    assert is_closed(connection)
    assert read(stack, tap, renewed.secret) == ["SG-1"]
    # The broker loses everything: the next run makes it again, and the secret still works.
    management.delete(f"/api/users/{tap.queue}").raise_for_status()
    management.delete(f"/api/queues/{vhost}/{tap.queue}").raise_for_status()
    taps_watch()
    tell(institute, "SG-2")
    assert read(stack, tap, renewed.secret) == ["SG-2"]
    # A binding that somebody else made is removed, along with the events that came through it.
    path = f"/api/bindings/{vhost}/e/{topology.FLEET_EVENTS}/q/{tap.queue}"
    management.post(path, json={"routing_key": "#"}).raise_for_status()
    assert taps_reconcile().made == [tap.queue]
    assert (taps_reconcile().made, taps_reconcile().removed) == ([], [])
    organization_delete(organization=institute, typed="Institute", actor=owner)
    taps_watch()
    assert not works(tap.queue, renewed.secret)
    organization_restore(slug=institute.slug, actor=SERVER)
    taps_watch()
    assert works(tap.queue, renewed.secret)
    tap_delete(actor=owner, tap=tap)
    assert not works(tap.queue, renewed.secret)
    assert management.get(f"/api/queues/{vhost}/{tap.queue}").status_code == 404
    assert [entry.action for entry in AuditEntry.objects.filter(action__startswith="tap.").order_by("id")] == [
        "tap.add", "tap.renew", "tap.delete",
    ]  # fmt: skip


def test_a_purge_removes_taps_first_and_waits_for_the_broker(owner, institute, works, settings):
    tap, grant = tap_add(actor=owner, organization=institute, name="Screen", choice=TapChoice())
    Organization.objects.filter(pk=institute.pk).update(deleted_at=clock.now() - timedelta(days=31))
    there, settings.ROOST_MANAGEMENT_URL = settings.ROOST_MANAGEMENT_URL, "http://127.0.0.1:1"
    assert not organization_purge(organization=institute)
    assert Organization.objects.filter(pk=institute.pk).exists()
    settings.ROOST_MANAGEMENT_URL = there
    assert organization_purge(organization=institute)
    assert not works(tap.queue, grant.secret)


def test_an_invalid_tap_is_refused_and_a_broker_that_is_away_leaves_none_behind(
    owner, institute, elsewhere, settings, management
):
    def refused(error, **choice):
        with pytest.raises(error) as caught:
            tap_add(actor=owner, organization=institute, name=choice.pop("name", "New"), choice=TapChoice(**choice))
        return getattr(caught.value, "field", "")

    settings.ROOST_TAP_BYTES = 1_000_000
    assert refused(InvalidInput, name=" ") == "name"
    assert refused(InvalidInput, events=["nothing"]) == "events"
    assert refused(InvalidInput, serials=[station_of(elsewhere).serial]) == "stations"
    assert refused(InvalidInput, messages=0) == "messages"
    assert refused(InvalidInput, octets=1_000_001) == "bytes"
    assert refused(InvalidInput, hours=721) == "hours"
    there, settings.ROOST_MANAGEMENT_URL = settings.ROOST_MANAGEMENT_URL, "http://127.0.0.1:1"
    # While nobody has a tap, the broker is not asked at all.
    assert taps_watch() == 0
    refused(Unavailable)
    assert not Tap.objects.exists()
    assert OutboxMessage.objects.filter(routing_key=RECONCILE_JOB).exists()
    settings.ROOST_MANAGEMENT_URL = there
    settings.ROOST_TAPS_MOST = 1
    tap, _ = tap_add(actor=owner, organization=institute, name="New", choice=TapChoice())
    assert tap.bytes_most == 1_000_000
    refused(TooMany)
    listed = management.get(f"/api/exchanges/{settings.ROOST_FLEET_VHOST}/{topology.FLEET_EVENTS}/bindings/source")
    assert [(row["destination"], row["routing_key"]) for row in listed.json()] == [(tap.queue, "institute.#")]
