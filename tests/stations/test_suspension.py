"""Suspending a flooding station on a real broker: cut off at once, reported once, and let in again with its data."""

from datetime import timedelta

import pika
import pytest
from people import SERVER, station_of

from fleet.alerts.models import Incident
from fleet.alerts.services import rules_sweep
from fleet.core import clock
from fleet.core.errors import Conflict
from fleet.stations.life.reconcile import broker_reconcile
from fleet.stations.logins.broker import BrokerAccess
from fleet.stations.logins.enrolment import enrolment_token_create, station_enrol
from fleet.stations.logins.suspension import floods_suspend, station_suspension_lift
from fleet.stations.models import Station, StationContact

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def flooding(institute):
    return _flooding(institute)


def _flooding(institute):
    station = station_of(institute)
    token = enrolment_token_create(station=station, actor=SERVER)
    grant = station_enrol(serial=station.serial, token=token, hardware={})
    StationContact.objects.update_or_create(
        station=station,
        defaults={
            "flooding_since": clock.now() - timedelta(seconds=40),
            "quota_at": clock.now(),
            "quota_excess": 9_000.0,
        },
    )
    return station, grant


def _publish_on(connection, channel, grant):
    """Keep publishing for ten seconds, as the agent would."""
    for _ in range(100):
        channel.basic_publish(grant.exchange, "health", b"{}", mandatory=True)
        connection.process_data_events(0.1)


def test_a_flooding_station_is_cut_off_and_let_in_again(agreed, flooding, connect, inbound_empty):
    station, grant = flooding
    connection = connect(grant)
    channel = connection.channel()
    channel.confirm_delivery()
    channel.basic_publish(grant.exchange, "health", b"{}", mandatory=True)
    assert floods_suspend() == 1
    with pytest.raises(pika.exceptions.AMQPError):
        _publish_on(connection, channel, grant)
    assert floods_suspend() == 0
    assert broker_reconcile().is_empty(), "the reconcile job gives a suspended station nothing back"
    station.refresh_from_db()
    station_suspension_lift(viewer=SERVER, station=station)
    again = connect(grant).channel()
    again.confirm_delivery()
    again.basic_publish(grant.exchange, "health", b"{}", mandatory=True)
    contact = StationContact.objects.get(station=station)
    assert (contact.flooding_since, contact.quota_excess) == (None, 0.0)
    assert floods_suspend() == 0


def test_a_station_whose_login_the_broker_refuses_to_change_stops_no_other_suspension(agreed, institute):
    (_refused, lost), (other, _grant) = _flooding(institute), _flooding(institute)
    with BrokerAccess.open() as broker:
        broker.user_delete(lost.username)
    assert floods_suspend() == 1
    assert list(Station.objects.exclude(suspended_at=None)) == [other]


def test_a_suspension_is_told_of_once_and_so_is_its_end(flooding):
    station, _ = flooding
    floods_suspend()
    rules_sweep()
    rules_sweep()
    incident = Incident.objects.get(rule="flooding", station=station)
    assert "more than this server accepts" in incident.sentence
    station_suspension_lift(viewer=SERVER, station=station)
    with pytest.raises(Conflict, match="not suspended"):
        station_suspension_lift(viewer=SERVER, station=station)
    rules_sweep()
    incident.refresh_from_db()
    assert incident.closed_at is not None


def test_a_station_that_has_stopped_is_not_suspended(flooding):
    station, _ = flooding
    StationContact.objects.filter(station=station).update(quota_at=clock.now() - timedelta(minutes=1))
    assert floods_suspend() == 0


def test_a_suspension_that_the_broker_missed_is_applied_later(flooding, settings, connect):
    _, grant = flooding
    address, settings.ROOST_MANAGEMENT_URL = settings.ROOST_MANAGEMENT_URL, "http://127.0.0.1:9"
    assert floods_suspend() == 0
    settings.ROOST_MANAGEMENT_URL = address
    assert floods_suspend() == 1
    channel = connect(grant).channel()
    channel.confirm_delivery()
    with pytest.raises(pika.exceptions.AMQPError):
        channel.basic_publish(grant.exchange, "health", b"{}", mandatory=True)
