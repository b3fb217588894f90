"""A desk that reads a station's cards has a separate login: it ends no other login, reads nothing, and writes to one
exchange.
"""

from datetime import timedelta

import pytest
from people import serial_new, station_of
from pika.exceptions import AMQPError, ChannelClosedByBroker
from waiting import PATIENCE_S

from fleet.core import clock
from fleet.lifecycle.move_station import station_move
from fleet.organizations.access import Role, Viewer
from fleet.stations.errors import EnrolmentRefused
from fleet.stations.life.reconcile import broker_reconcile
from fleet.stations.logins.enrolment import enrolment_token_create, station_enrol, station_revoke
from fleet.stations.logins.live import login_at_stake
from fleet.stations.logins.rotation import rotations_end
from fleet.stations.logins.suspension import station_suspend, station_suspension_lift
from fleet.stations.models import Credential, EnrolmentToken, History, LoginPurpose, StationContact
from fleet.stations.services import station_retire
from message_queue import routing

pytestmark = pytest.mark.django_db(transaction=True)

UPLOAD = LoginPurpose.UPLOAD


@pytest.fixture
def station(institute):
    return station_of(institute)


def field(station, operator):
    token = enrolment_token_create(station=station, actor=operator)
    return station_enrol(serial=station.serial, token=token, hardware={})


def desk(station, operator):
    token = enrolment_token_create(station=station, actor=operator, purpose=UPLOAD)
    return station_enrol(serial=station.serial, token=token, hardware={}, purpose=UPLOAD)


def refusal_code(connection, act) -> int:
    channel = connection.channel()
    channel.confirm_delivery()
    with pytest.raises(ChannelClosedByBroker) as closed:
        act(channel)
    return closed.value.reply_code


def test_enrolling_a_desk_ends_neither_login_nor_connection_of_the_station(station, operator, connect, works):
    live = field(station, operator)
    connection = connect(live)
    upload = desk(station, operator)
    assert (upload.username, upload.exchange, upload.command_queue) == (
        f"up.{station.serial}.2",
        f"up.{station.serial}",
        "",
    )
    connection.process_data_events(0.2)
    assert connection.is_open
    assert works(live.username, live.password)
    assert works(upload.username, upload.password)


def test_a_new_login_for_the_station_leaves_the_desk_alone_and_the_other_way_round(station, operator, works):
    first, upload = field(station, operator), desk(station, operator)
    second, other = field(station, operator), desk(station, operator)
    alive = [works(grant.username, grant.password) for grant in (first, upload, second, other)]
    assert alive == [False, False, True, True]


def test_a_desk_writes_to_its_exchange_and_to_nothing_else(station, institute, operator, connect, inbound_empty):
    live, upload = field(station, operator), desk(station, operator)
    neighbour = field(station_of(institute), operator)
    mine = connect(upload)
    channel = mine.channel()
    channel.confirm_delivery()
    channel.basic_publish(upload.exchange, "detections", b"{}", mandatory=True)
    for exchange in (live.exchange, neighbour.exchange, "inbound", "commands", "amq.default", ""):
        code = refusal_code(mine, lambda c, to=exchange: c.basic_publish(to, "health", b"{}", mandatory=True))
        assert code == 403, exchange
    assert refusal_code(mine, lambda c: c.basic_consume(live.command_queue, lambda *_: None)) == 403
    assert refusal_code(mine, lambda c: c.queue_purge(live.command_queue)) == 403
    assert refusal_code(mine, lambda c: c.queue_declare("mine")) == 403
    code = refusal_code(mine, lambda c: c.exchange_bind(upload.exchange, live.exchange))
    assert code == 403


def test_the_station_does_not_write_through_the_desk_s_exchange(station, operator, connect):
    live, upload = field(station, operator), desk(station, operator)
    code = refusal_code(connect(live), lambda c: c.basic_publish(upload.exchange, "health", b"{}", mandatory=True))
    assert code == 403


def test_a_token_is_good_for_its_purpose_only_and_stays_good_when_it_was_tried_for_the_other(station, operator):
    for made, tried, word in (
        (UPLOAD, LoginPurpose.STATION, "--for-upload"),
        (LoginPurpose.STATION, UPLOAD, "for the station itself"),
    ):
        token = enrolment_token_create(station=station, actor=operator, purpose=made)
        with pytest.raises(EnrolmentRefused, match=word):
            station_enrol(serial=station.serial, token=token, hardware={}, purpose=tried)
        assert EnrolmentToken.objects.filter(used_at=None, purpose=made).count() == 1
        assert station_enrol(serial=station.serial, token=token, hardware={}, purpose=made)


def test_a_token_for_a_desk_does_not_end_the_one_that_waits_for_the_installation(station, operator):
    waiting = enrolment_token_create(station=station, actor=operator)
    enrolment_token_create(station=station, actor=operator, purpose=UPLOAD)
    assert station_enrol(serial=station.serial, token=waiting, hardware={})


def test_revoking_all_ends_both_and_revoking_the_desk_leaves_the_station(station, operator, works):
    live, upload = field(station, operator), desk(station, operator)
    assert station_revoke(station=station, actor=operator, purpose=UPLOAD) == 1
    assert (works(live.username, live.password), works(upload.username, upload.password)) == (True, False)
    upload = desk(station, operator)
    assert station_revoke(station=station, actor=operator) == 2
    assert (works(live.username, live.password), works(upload.username, upload.password)) == (False, False)


def test_a_retired_station_keeps_no_desk_and_no_exchange_of_one(station, operator, works, management, settings):
    upload = desk(station, operator)
    station_retire(station=station, actor=operator)
    assert not works(upload.username, upload.password)
    broker_reconcile()
    path = f"/api/exchanges/{settings.ROOST_FLEET_VHOST}/{upload.exchange}"
    assert management.get(path).status_code == 404


def test_a_suspended_station_s_desk_is_silent_too_and_gets_its_own_rights_back(
    station, operator, connect, management, settings
):
    upload = desk(station, operator)
    station_suspend(station=station, reason="flooding", moment=clock.now())
    code = refusal_code(connect(upload), lambda c: c.basic_publish(upload.exchange, "gps", b"{}", mandatory=True))
    assert code == 403
    station_suspension_lift(viewer=operator, station=station)
    path = f"/api/permissions/{settings.ROOST_FLEET_VHOST}/{upload.username}"
    found = management.get(path).json()
    expected = routing.upload_permissions(station.serial)
    assert {part: found[part] for part in expected} == expected


@pytest.mark.usefixtures("agreed")
def test_the_broker_s_loss_of_a_desk_s_exchange_and_rights_is_repaired(station, operator, management, settings):
    field(station, operator)
    upload = desk(station, operator)
    assert broker_reconcile().is_empty()
    vhost = settings.ROOST_FLEET_VHOST
    management.delete(f"/api/exchanges/{vhost}/{upload.exchange}").raise_for_status()
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    management.put(f"/api/permissions/{vhost}/{upload.username}", json=everything).raise_for_status()
    repairs = broker_reconcile()
    assert (repairs.rebuilt, repairs.allowed) == ([station.serial], [upload.username])
    assert broker_reconcile().is_empty()
    Credential.objects.filter(username=upload.username).update(revoked_at=clock.now())
    assert broker_reconcile().deleted == [upload.username]


def test_a_desk_in_use_does_not_end_the_login_that_a_rotation_lets_work_on(station, operator, connect, works):
    live, upload = field(station, operator), desk(station, operator)
    connect(upload)
    Credential.objects.filter(username=live.username).update(ends_at=clock.now() + timedelta(days=1))
    for _try in range(5):
        assert rotations_end(moment=clock.now()) == 0
    assert works(live.username, live.password)


def test_a_station_that_moves_takes_its_own_login_along_and_leaves_the_desk_behind(
    station, institute, elsewhere, operator, works
):
    live, upload = field(station, operator), desk(station, operator)
    both = Viewer(user=operator.user, name="both", roles={institute.pk: Role.OPERATOR, elsewhere.pk: Role.OPERATOR})
    station_move(actor=both, station=station, organization=elsewhere, history=History.GOES)
    assert Credential.objects.filter(purpose=UPLOAD, revoked_at=None).count() == 0
    broker_reconcile()
    assert (works(live.username, live.password), works(upload.username, upload.password)) == (True, False)


def test_whoever_makes_a_token_for_the_station_is_told_which_login_it_would_end(station, operator, connect):
    assert login_at_stake(station=station, moment=clock.now()) == ""
    desk(station, operator)
    assert login_at_stake(station=station, moment=clock.now()) == "", "a desk's login would not end"
    live = field(station, operator)
    assert "has never made contact" in login_at_stake(station=station, moment=clock.now())
    heard = clock.now() - timedelta(minutes=3)
    StationContact.objects.filter(station=station).update(last_contact_at=heard, state="on_time")
    assert "was 3 min ago" in login_at_stake(station=station, moment=clock.now())
    connection = connect(live)
    for _try in range(150):
        connection.process_data_events(0.1)
        if "is connected now" in login_at_stake(station=station, moment=clock.now()):
            return
    pytest.fail("the broker's own list never named the connection")


def test_a_station_cannot_take_the_name_of_a_desk_s_login(institute, works):
    """Even with serials like `up` and `st`, the names of logins stay unambiguous."""
    for serial in ("up", "st", serial_new()):
        assert routing.serial_of_user(routing.upload_user(serial, 1)) == serial
        assert routing.serial_of_user(routing.station_user(serial, 1)) == serial
        assert routing.is_upload(routing.upload_exchange(serial))
        assert not routing.is_upload(routing.station_exchange(serial))


def test_a_live_connection_of_a_revoked_desk_is_closed(station, operator, connect):
    connection = connect(desk(station, operator))
    station_revoke(station=station, actor=operator, purpose=UPLOAD)
    with pytest.raises(AMQPError):
        connection.sleep(PATIENCE_S)
