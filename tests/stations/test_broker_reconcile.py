"""The reconcile job on a real broker: it repairs every difference, and touches nothing that is not Roost's."""

import pytest
from django.db import connection
from people import SERVER, serial_new, station_of

from fleet.stations.errors import BrokerUnreachable
from fleet.stations.life.reconcile import broker_reconcile
from fleet.stations.logins.broker import BrokerAccess
from fleet.stations.logins.enrolment import enrolment_token_create, station_enrol
from fleet.stations.models import Credential
from fleet.stations.services import station_retire
from message_queue import routing, topology

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("agreed")]


@pytest.fixture
def vhost(settings) -> str:
    return settings.ROOST_FLEET_VHOST


def enrol_station(institute):
    station = station_of(institute)
    token = enrolment_token_create(station=station, actor=SERVER)
    return station, station_enrol(serial=station.serial, token=token, hardware={})


def test_a_broker_in_line_needs_no_repair(institute):
    enrol_station(institute)
    assert broker_reconcile().is_empty()


def test_lost_queues_exchanges_and_bindings_are_made_again(institute, vhost, management, connect, inbound_empty):
    station, grant = enrol_station(institute)
    management.delete(f"/api/queues/{vhost}/{grant.command_queue}").raise_for_status()
    management.delete(f"/api/exchanges/{vhost}/{grant.exchange}").raise_for_status()
    assert broker_reconcile().rebuilt == [station.serial]
    channel = connect(grant).channel()
    channel.confirm_delivery()
    channel.basic_publish(grant.exchange, "health", b"{}", mandatory=True)
    assert broker_reconcile().is_empty()


def test_a_lost_binding_alone_is_noticed(institute, vhost, management):
    station, grant = enrol_station(institute)
    path = f"/api/bindings/{vhost}/e/commands/q/{grant.command_queue}/{station.serial}"
    management.delete(path).raise_for_status()
    assert broker_reconcile().rebuilt == [station.serial]
    assert management.get(path).status_code == 200


def test_rights_and_limits_that_were_changed_are_put_right(institute, vhost, management):
    station, grant = enrol_station(institute)
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    management.put(f"/api/permissions/{vhost}/{grant.username}", json=everything).raise_for_status()
    assert broker_reconcile().allowed == [grant.username]
    found = management.get(f"/api/permissions/{vhost}/{grant.username}").json()
    assert {part: found[part] for part in everything} == routing.station_permissions(station.serial)
    management.delete(f"/api/user-limits/{grant.username}/max-connections").raise_for_status()
    assert broker_reconcile().allowed == [grant.username]
    limits = management.get(f"/api/user-limits/{grant.username}").json()
    assert limits == [{"user": grant.username, "value": topology.STATION_LIMITS}]


def test_a_login_that_is_no_station_s_present_one_is_deleted(institute, vhost, management, works):
    serial = serial_new()
    with BrokerAccess.open() as broker:
        broker.user_make(f"st.{serial}.7", "a password")
    assert works(f"st.{serial}.7", "a password")
    assert broker_reconcile().deleted == [f"st.{serial}.7"]
    assert not works(f"st.{serial}.7", "a password")


def test_a_revoked_login_that_the_broker_still_has_is_deleted(institute, works):
    station, grant = enrol_station(institute)
    Credential.objects.filter(station=station).update(revoked_at=station.registered_at)
    assert broker_reconcile().deleted == [grant.username]
    assert not works(grant.username, grant.password)


def test_a_login_that_the_broker_lost_is_told_and_not_invented(institute, management):
    _, grant = enrol_station(institute)
    management.delete(f"/api/users/{grant.username}").raise_for_status()
    repairs = broker_reconcile()
    assert repairs.lost == [grant.username]
    assert management.get(f"/api/users/{grant.username}").status_code == 404


def test_a_retired_station_loses_its_queue_and_exchange(institute, vhost, management):
    station, grant = enrol_station(institute)
    station_retire(station=station, actor=SERVER)
    assert broker_reconcile().removed == [station.serial]
    assert management.get(f"/api/queues/{vhost}/{grant.command_queue}").status_code == 404
    assert management.get(f"/api/exchanges/{vhost}/{grant.exchange}").status_code == 404
    assert broker_reconcile().is_empty()


def test_logins_of_another_vhost_and_the_server_s_own_are_left(institute, management):
    serial = serial_new()
    name = f"st.{serial}.1"
    management.put(f"/api/users/{name}", json={"password": "x", "tags": ""}).raise_for_status()
    assert broker_reconcile().deleted == []
    # Logins are shared by all vhosts of a broker, and other test processes create and delete theirs meanwhile.
    left = {row["name"] for row in management.get("/api/users").json()}
    assert left >= {name, "ingest", "commander", "provisioner", "jobs"}
    management.delete(f"/api/users/{name}").raise_for_status()


def test_an_enrolment_that_begins_while_the_job_looks_is_not_undone(institute, gate, works):
    station = station_of(institute)
    token = enrolment_token_create(station=station, actor=SERVER)
    grants = []

    def decide(number: int, method: str, path: str, body: str) -> bool:
        # The job has just asked for exchanges; the login is created before it asks for logins.
        if path.startswith("/api/vhosts/") and not grants:
            try:
                grants.append(station_enrol(serial=station.serial, token=token, hardware={}))
            finally:
                connection.close()
        return True

    gate.decide = decide
    repairs = broker_reconcile()
    assert repairs.deleted == repairs.lost == repairs.failed == []
    assert works(grants[0].username, grants[0].password)


def test_a_broker_that_is_away_is_said_so(db, settings):
    settings.ROOST_MANAGEMENT_URL = "http://127.0.0.1:1"
    with pytest.raises(BrokerUnreachable):
        broker_reconcile()


def test_the_job_repairs_and_waits_for_its_next_turn_while_the_broker_is_away(institute, vhost, management, settings):
    from workers.tasks.stations import reconcile_broker

    _, grant = enrol_station(institute)
    management.delete(f"/api/queues/{vhost}/{grant.command_queue}").raise_for_status()
    there, settings.ROOST_MANAGEMENT_URL = settings.ROOST_MANAGEMENT_URL, "http://127.0.0.1:1"
    reconcile_broker(added_by_a_newer_server=1)
    assert management.get(f"/api/queues/{vhost}/{grant.command_queue}").status_code == 404
    settings.ROOST_MANAGEMENT_URL = there
    reconcile_broker()
    assert management.get(f"/api/queues/{vhost}/{grant.command_queue}").status_code == 200
