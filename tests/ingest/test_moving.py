"""A station is moved to another organization: nothing is lost or stored twice, and nothing reaches the wrong side."""

import json
import threading
import time
from datetime import timedelta

import pika
import pytest
import redis
from django.conf import settings as django_settings
from django.db import connection as database
from one_each import incident_open
from people import person, serial_new
from waiting import PATIENCE_S, until

from fleet.alerts.models import Incident, Notification
from fleet.commands.models import Command
from fleet.commands.services import command_issue
from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from fleet.core.live import channel_of
from fleet.core.models import AuditEntry, OutboxMessage
from fleet.core.requests.origin import origin_begin
from fleet.core.spoken import day_words
from fleet.deployments.models import Deployment
from fleet.deployments.services import deployment_begin
from fleet.deployments.sites import site_create
from fleet.ingest.delivery import Delivery
from fleet.ingest.models import QuarantinedMessage
from fleet.ingest.pipeline import Pipeline
from fleet.ingest.replay import messages_retake, quota_release
from fleet.lifecycle.move_station import station_move, station_take
from fleet.organizations.access import Role, Viewer, viewer_of_user
from fleet.organizations.services import organization_create
from fleet.stations.life.transfers import transfer_offer, transfer_withdraw
from fleet.stations.logins.enrolment import enrolment_token_create, station_enrol
from fleet.stations.models import Credential, History, Station, StationContact, StationTransfer
from fleet.stations.selectors import station_get
from fleet.stations.services import station_register, station_retire
from fleet.telemetry.models import Reading, Series, StationEvent, StreamLedger
from message_queue import topology
from workers.consumers.inbound import InboundConsumer

STAYS, GOES = History.STAYS, History.GOES


@pytest.fixture
def giving(db):
    return organization_create(name="Giving", owner=None)


@pytest.fixture
def taking(db):
    return organization_create(name="Taking", owner=None)


@pytest.fixture
def giver(giving) -> Viewer:
    return viewer_of_user(person("giver", (giving, Role.OPERATOR)))


@pytest.fixture
def taker(taking) -> Viewer:
    return viewer_of_user(person("taker", (taking, Role.OPERATOR)))


@pytest.fixture
def both(giving, taking) -> Viewer:
    return viewer_of_user(person("both", (giving, Role.OPERATOR), (taking, Role.OPERATOR)))


@pytest.fixture
def station(giving, giver) -> Station:
    return station_register(actor=giver, organization=giving, serial=serial_new(), name="Old Cut")


def message(serial: str, seq: int, at: float | None = None, *, name: str = "temp", value: float | None = None):
    body = [{"n": name, "v": float(seq) if value is None else value, "t": time.time() if at is None else at}]
    headers = {"v": 1, "stream": "a", "seq": seq, "oldest": 1, "next": seq + 1}
    return Delivery(
        f"in.{serial}", "readings", {"type": "readings", "application_headers": headers}, json.dumps(body).encode()
    )


def values(station_id: int) -> list[float]:
    return sorted(Reading.objects.filter(series__station=station_id).values_list("value", flat=True))


class Publisher(threading.Thread):
    """A device that keeps publishing whatever happens, every tenth message twice, and remembers what it sent."""

    def __init__(self, grant, port: int, count: int) -> None:
        super().__init__(daemon=True)
        self.grant, self.port, self.count = grant, port, count
        self.made_at: dict[int, float] = {}
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self._run()
        except Exception as error:  # noqa: BLE001 - the test checks it
            self.error = error

    def _run(self) -> None:
        grant = self.grant
        login = pika.PlainCredentials(grant.username, grant.password)
        parameters = pika.ConnectionParameters("127.0.0.1", self.port, grant.vhost, login)
        with pika.BlockingConnection(parameters) as open_connection:
            channel = open_connection.channel()
            channel.confirm_delivery()
            for seq in range(1, self.count + 1):
                self.made_at[seq] = at = time.time()
                made = message(grant.exchange.removeprefix("in."), seq, at)
                properties = pika.BasicProperties(
                    type="readings", headers=made.properties["application_headers"], delivery_mode=2
                )
                for _ in range(1 + (seq % 10 == 0)):
                    channel.basic_publish(grant.exchange, "readings", made.body, properties, mandatory=True)


@pytest.fixture
def consumers(management_purge):
    """Two ingest workers, each with its own memory of stations."""
    made = [InboundConsumer(django_settings.ROOST_FLEET_BROKER_URL) for _ in range(2)]
    for each in made:
        each.start()
    yield made
    for each in made:
        each.stop()
    for each in made:
        each.join(PATIENCE_S)


@pytest.fixture
def management_purge(stack):
    def purge() -> None:
        with stack.rabbitmq.management() as client:
            for queue in topology.INBOUND_QUEUES:
                client.delete(f"/api/queues/{django_settings.ROOST_FLEET_VHOST}/{queue}/contents").raise_for_status()

    purge()
    yield
    purge()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("history", [STAYS, GOES])
def test_a_station_is_moved_while_it_publishes(stack, station, giving, taking, giver, both, consumers, history):
    serial, count = station.serial, 1_200
    grant = station_enrol(
        serial=serial, token=enrolment_token_create(station=station, actor=giver), hardware={"model": "test"}
    )
    listener = redis.Redis.from_url(django_settings.ROOST_REDIS_URL).pubsub()
    listener.subscribe(channel_of(giving.pk), channel_of(taking.pk))
    publisher = Publisher(grant, stack.ports["amqp"], count)
    publisher.start()
    until(lambda: Reading.objects.count() > count // 4)
    moved = station_move(actor=both, station=station, organization=taking, history=history)
    committed_at = time.time()
    publisher.join(PATIENCE_S)
    assert publisher.error is None, "the device was disturbed"
    until(lambda: Reading.objects.count() >= count)
    # Anything that came twice would come now. Nothing signals that nothing did, so the test waits.
    time.sleep(0.5)

    rows = list(Reading.objects.values_list("series__station", "value"))
    assert len(rows) == count, "lost or doubled"
    assert sorted(value for _, value in rows) == [float(seq) for seq in range(1, count + 1)]
    ledger = StreamLedger.objects.get(station=moved)
    assert [(span.lower, span.upper) for span in ledger.received] == [(1, count + 1)]
    told = live_told(listener, giving.pk, taking.pk)
    assert serial in {name for names, _ in told[taking.pk] for name in names}
    assert not list(QuarantinedMessage.objects.values_list("reason", "sentence", "exchange"))
    # Each worker may announce messages that it took before the move once more; later messages are not announced there.
    told_late = [names for names, at in told[giving.pk] if at > committed_at and serial in names]
    assert len(told_late) <= len(consumers)
    if history == GOES:
        assert {station_id for station_id, _ in rows} == {station.pk} == {moved.pk}
        return
    moved_at = Station.objects.get(pk=moved.pk).moved_at.timestamp()
    sides = {value: station_id for station_id, value in rows}
    for seq, made_at in publisher.made_at.items():
        assert sides[float(seq)] == (station.pk if made_at < moved_at else moved.pk), (seq, made_at - moved_at)
    assert len(set(sides.values())) == 2, "the move happened before or after all messages"
    archived = Station.objects.get(pk=station.pk).serial
    assert archived == f"{serial}~1"
    assert {name for names, _ in told[giving.pk] for name in names} <= {serial, archived}
    assert {name for names, _ in told[taking.pk] for name in names} == {serial}


def live_told(listener, *organization_ids: int) -> dict[int, list[tuple[list[str], float]]]:
    found: dict[int, list[tuple[list[str], float]]] = {number: [] for number in organization_ids}
    by_channel = {channel_of(number).encode(): number for number in organization_ids}
    while (got := listener.get_message(timeout=0.2)) is not None:
        if got["type"] == "message":
            told = json.loads(got["data"])
            found[by_channel[got["channel"]]].append((told["stations"], told["committed_at"]))
    return found


@pytest.mark.django_db
class TestWhoseItIs:
    """Messages that arrive after the move."""

    def test_a_worker_that_remembers_the_old_side_finds_out(self, station, taking, both):
        pipeline = Pipeline()
        pipeline.take([message(station.serial, 1)])
        moved = station_move(actor=both, station=station, organization=taking, history=STAYS)
        outcome = pipeline.take([message(moved.serial, 2)])
        assert (values(station.pk), values(moved.pk)) == ([1.0], [2.0])
        assert outcome.changed == {taking.pk: {moved.serial}}

    def test_late_ones_go_to_the_old_side_by_number_and_by_time(self, station, giving, taking, both):
        pipeline, serial = Pipeline(), station.serial
        fifth = message(serial, 5)
        pipeline.take([message(serial, 1), fifth])
        moved = station_move(actor=both, station=station, organization=taking, history=STAYS)
        hour_ago = time.time() - 3_600
        outcome = pipeline.take(
            [
                message(serial, 3),  # its number was assigned before the move, whatever its clock says
                fifth,  # already stored
                message(serial, 6, hour_ago),  # its number was not known yet, but its time is from before the move
                message(serial, 7),
                message(serial, 8, 86_400.0),  # an unset clock says nothing
            ]
        )
        assert (outcome.stored, outcome.repeats) == (4, 1)
        assert values(station.pk) == [1.0, 3.0, 5.0, 6.0]
        assert values(moved.pk) == [7.0, 8.0]
        assert outcome.changed == {giving.pk: {f"{serial}~1"}, taking.pk: {serial}}

    def test_a_station_s_clock_is_put_right(self, station, taking, both):
        StationContact.objects.filter(station=station).update(clock_offset_s=-7_200.0)
        moved = station_move(actor=both, station=station, organization=taking, history=STAYS)
        Pipeline().take([message(moved.serial, 1, time.time() - 7_190), message(moved.serial, 2, time.time() - 7_300)])
        assert (values(station.pk), values(moved.pk)) == ([2.0], [1.0])

    def test_moved_twice_each_side_gets_its_own(self, station, giving, taking, both):
        pipeline, serial = Pipeline(), station.serial
        fourth = message(serial, 4)
        pipeline.take([message(serial, 1), fourth])
        second = station_move(actor=both, station=station, organization=taking, history=STAYS)
        eighth = message(serial, 8)
        pipeline.take([message(serial, 5), eighth])
        third = station_move(actor=both, station=second, organization=giving, history=STAYS)
        outcome = pipeline.take([message(serial, 2), fourth, message(serial, 6), eighth, message(serial, 9)])
        assert (outcome.stored, outcome.repeats) == (3, 2)
        assert [values(row.pk) for row in (station, second, third)] == [[1.0, 2.0, 4.0], [5.0, 6.0, 8.0], [9.0]]
        names = Station.objects.order_by("pk").values_list("serial", flat=True)
        assert list(names) == [f"{serial}~1", f"{serial}~2", serial]

    def test_what_nobody_has_read_waits_unread_on_the_new_side_and_its_number_is_noted_then(
        self, station, taking, both
    ):
        moved = station_move(actor=both, station=station, organization=taking, history=STAYS)
        unread = message(moved.serial, 1)
        number = unread.properties["application_headers"]
        body = json.dumps({"at": time.time(), "stream": "plain", "seq": 4}).encode()
        plain = Delivery(unread.exchange, "health", {"type": "health", "application_headers": {"v": number["v"]}}, body)
        Pipeline().take_unread([unread, plain])
        assert list(QuarantinedMessage.objects.values_list("station", "is_unread")) == [(moved.pk, True)] * 2
        assert quota_release() == 2
        assert set(StreamLedger.objects.filter(station=moved).values_list("stream", flat=True)) >= {"plain"}

    def test_what_waits_in_quarantine_is_replayed_to_the_side_that_it_came_to(self, station, taking, both):
        bad = message(station.serial, 1, name="bad name")
        Pipeline().take([bad])
        held = QuarantinedMessage.objects.get()
        moved = station_move(actor=both, station=station, organization=taking, history=STAYS)
        QuarantinedMessage.objects.update(body=message(station.serial, 1).body)
        messages_retake([QuarantinedMessage.objects.get()], decided_by="test")
        assert held.station_id == station.pk
        assert (values(station.pk), values(moved.pk)) == ([1.0], [])

    def test_an_unreadable_late_one_lies_in_the_quarantine_of_the_old_side(self, station, taking, both):
        pipeline, serial = Pipeline(), station.serial
        pipeline.take([message(serial, 9)])
        moved = station_move(actor=both, station=station, organization=taking, history=STAYS)
        pipeline.take([message(serial, 3, name="bad name"), message(serial, 10, name="bad name")])
        where = dict(QuarantinedMessage.objects.values_list("seq", "station"))
        assert where == {3: station.pk, 10: moved.pk}

    def test_dead_letters_are_not_shown_to_the_side_that_was(self, station, taking, both):
        pipeline = Pipeline()
        pipeline.take([message(station.serial, 1)])
        moved = station_move(actor=both, station=station, organization=taking, history=STAYS)
        pipeline.take_dead([message(moved.serial, 2)])
        assert QuarantinedMessage.objects.get().station_id == moved.pk

    def test_what_was_a_deleted_station_s_goes_to_nobody(self, station, taking, both):
        moved = station_move(actor=both, station=station, organization=taking, history=STAYS)
        Station.objects.filter(pk=moved.pk).update(predecessor=None)
        Pipeline().take([message(moved.serial, 1, time.time() - 60), message(moved.serial, 2)])
        assert values(moved.pk) == [2.0]
        held = QuarantinedMessage.objects.get()
        assert (held.station_id, held.reason) == (None, "deleted-station")

    def test_a_retired_station_s_backlog_stays_with_whom_it_was(self, station, giver, taking, taker):
        serial = station.serial
        fifth = message(serial, 5)
        Pipeline().take([fifth])
        station_retire(station=station, actor=giver)
        again = station_register(actor=taker, organization=taking, serial=serial)
        Pipeline().take([message(serial, 2), fifth, message(serial, 6)])
        assert (values(station.pk), values(again.pk)) == ([2.0, 5.0], [6.0])
        assert again.organization_id == taking.pk


@pytest.mark.django_db
class TestMove:
    """Things that move with the station, and things that stay."""

    def test_the_login_goes_on_and_the_history_stays(self, station, giving, taking, both, giver, taker):
        Station.objects.filter(pk=station.pk).update(generation=3)
        Credential.objects.create(
            station=station, generation=3, username=f"st.{station.serial}.3", issued_at=clock.now()
        )
        last = clock.now() - timedelta(minutes=5)
        StationContact.objects.filter(station=station).update(state="on_time", last_contact_at=last, health={"at": 1})
        moved = station_move(actor=both, station=station, organization=taking, history=STAYS)
        old = Station.objects.get(pk=station.pk)
        assert (old.organization, old.retired_at is None, old.name) == (giving, False, "Old Cut")
        assert (moved.organization, moved.serial, moved.generation) == (taking, station.serial, 3)
        assert Credential.objects.get().station_id == moved.pk
        contact = StationContact.objects.get(station=moved)
        assert (contact.state, contact.last_contact_at, contact.health) == ("on_time", last, {})
        assert station_get(viewer=taker, serial=moved.serial).pk == moved.pk
        assert station_get(viewer=giver, serial=old.serial).pk == old.pk
        for viewer, serial in ((giver, moved.serial), (taker, old.serial)):
            with pytest.raises(NotFound):
                station_get(viewer=viewer, serial=serial)
        assert f"(until {day_words(clock.now())})" in str(old)

    @pytest.mark.parametrize("history", [STAYS, GOES])
    def test_commands_incidents_and_deployments_end_at_the_move(self, station, giving, taking, both, giver, history):
        command_issue(viewer=giver, station=station, name="ping", parameters={})
        incident_open(station=station, rule="silence", sentence="Silent.", moment=clock.now())
        told_before = Notification.objects.count()
        site = site_create(organization=giving, actor=giver, name="Tower", latitude=1.0, longitude=2.0)
        deployment_begin(station=station, site=site, actor=giver, at=clock.now() - timedelta(days=1))
        moved = station_move(actor=both, station=station, organization=taking, history=history)
        command = Command.objects.get()
        assert (command.state, command.station_id) == (Command.State.CANCELLED, station.pk)
        assert not OutboxMessage.objects.filter(target=OutboxMessage.Target.COMMAND, published_at=None).exists()
        incident = Incident.objects.get()
        assert incident.closed_at is not None
        assert Notification.objects.count() == told_before
        assert incident.organization == (giving if history == STAYS else taking)
        deployment = Deployment.objects.get()
        assert deployment.period.upper is not None
        assert deployment.site.organization == (giving if history == STAYS else taking)
        assert (deployment.site.name, deployment.site.latitude) == ("Tower", 1.0)
        assert moved.organization == taking

    def test_one_acts_on_both_sides_or_not_at_all(self, station, giving, taking, giver, taker):
        for actor in (giver, taker):
            with pytest.raises(Forbidden):
                station_move(actor=actor, station=station, organization=taking, history=STAYS)
        assert Station.objects.get().organization == giving

    def test_a_retired_station_and_one_that_is_there_already_stay(self, station, giving, taking, both):
        with pytest.raises(InvalidInput):
            station_move(actor=both, station=station, organization=giving, history=STAYS)
        station_retire(station=station, actor=both)
        station.refresh_from_db()
        with pytest.raises(Conflict, match="retired"):
            station_move(actor=both, station=station, organization=taking, history=STAYS)

    def test_an_offered_station_goes_to_who_has_the_code_once(self, station, giving, taking, giver, taker):
        earlier = transfer_offer(actor=giver, station=station, history=GOES)
        code = transfer_offer(actor=giver, station=station, history=STAYS)
        with pytest.raises(NotFound):
            station_take(actor=taker, code=earlier, organization=taking)
        with pytest.raises(Forbidden):
            station_take(actor=taker, code=code, organization=giving)
        with origin_begin(address="198.51.100.7"):
            moved = station_take(actor=taker, code=f" {code.upper()} ", organization=taking)
        assert moved.organization == taking
        with pytest.raises(NotFound):
            station_take(actor=taker, code=code, organization=taking)
        given, taken = (
            AuditEntry.objects.get(organization_id=o.pk, action__startswith="station.moved") for o in (giving, taking)
        )
        assert (given.action, given.actor, given.address) == ("station.moved_away", giver.user, "")
        assert "taker" not in json.dumps(given.detail)
        assert (taken.action, taken.actor, taken.address) == ("station.moved_here", taker.user, "198.51.100.7")

    def test_an_offer_ends_by_its_time_and_by_hand(self, station, taking, giver, taker):
        code = transfer_offer(actor=giver, station=station, history=STAYS)
        StationTransfer.objects.update(expires_at=clock.now() - timedelta(seconds=1))
        with pytest.raises(NotFound) as late:
            station_take(actor=taker, code=code, organization=taking)
        code = transfer_offer(actor=giver, station=station, history=STAYS)
        transfer_withdraw(actor=giver, station=station)
        with pytest.raises(NotFound) as withdrawn:
            station_take(actor=taker, code=code, organization=taking)
        assert str(late.value) == str(withdrawn.value)
        with pytest.raises(Forbidden):
            transfer_offer(actor=taker, station=station, history=STAYS)

    def test_data_that_goes_along_is_the_new_side_s_alone(self, station, giving, taking, both):
        Pipeline().take([message(station.serial, 1)])
        moved = station_move(actor=both, station=station, organization=taking, history=GOES)
        assert moved.pk == station.pk
        assert Series.objects.get().station.organization == taking
        assert not StationEvent.objects.filter(station__organization=giving).exists()
        audit_write(actor=None, organization_id=giving.pk, action="x", subject="y")
        assert database.is_usable()
