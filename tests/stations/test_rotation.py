"""A station gets a new login while running: both work for a while, and no secret is stored on the way."""

import hashlib
import json
import secrets
import tomllib
from datetime import timedelta

import pytest
from one_each import command_report
from people import station_of
from pika.exceptions import AMQPError
from waiting import PATIENCE_S, until

from fleet.commands.models import Command
from fleet.commands.services import command_issue
from fleet.core import clock
from fleet.core.models import AuditEntry, OutboxMessage
from fleet.stations.errors import EnrolmentRefused
from fleet.stations.logins.enrolment import enrolment_token_create, station_enrol, station_revoke
from fleet.stations.logins.rotation import ACCEPT_JOB, rotation_accept, rotations_end
from fleet.stations.models import Credential, EnrolmentToken
from fleet.stations.services import station_retire
from message_queue.contracts.command_status import CommandStatus
from station_agent.config import AmqpSettings, Config, config_load, config_write
from station_agent.daemon import Daemon, station_open
from station_agent.identity.rotation import Rotation, secret_make, secret_refusal

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def station(institute):
    return station_of(institute)


@pytest.fixture
def grant(station, operator):
    return station_enrol(
        serial=station.serial, token=enrolment_token_create(station=station, actor=operator), hardware={}
    )


def rotate(station, moment=None):
    """Rotate as the agent does: create a secret, send its hash to the server, exchange the secret for the login."""
    secret = secrets.token_hex(32)
    secret_hash = hashlib.sha256(secret.encode()).hexdigest()
    assert rotation_accept(station_id=station.pk, secret_hash=secret_hash, moment=moment or clock.now())
    return station_enrol(serial=station.serial, token=secret, hardware={})


def test_the_old_login_works_until_the_new_one_is_in_use(station, grant, works, connect):
    new = rotate(station)
    assert (new.username, new.exchange) == (f"st.{station.serial}.2", grant.exchange)
    assert works(grant.username, grant.password)
    assert works(new.username, new.password)
    assert rotations_end(moment=clock.now()) == 0
    old_connection, _ = connect(grant), connect(new)
    # The management API hears of connections with a delay.
    until(lambda: old_connection.sleep(0.1) or rotations_end(moment=clock.now()), "the new connection")
    with pytest.raises(AMQPError):
        old_connection.sleep(PATIENCE_S)
    assert not works(grant.username, grant.password)
    assert works(new.username, new.password)
    assert [c.revoked_at is None for c in Credential.objects.order_by("generation")] == [False, True]
    assert AuditEntry.objects.get(action="station.rotated").detail == {"ended": grant.username}


def test_the_old_login_ends_by_its_time(station, grant, works, settings):
    new = rotate(station)
    assert rotations_end(moment=clock.now() + settings.ROOST_ROTATION_OVERLAP + timedelta(seconds=1)) == 1
    assert (works(grant.username, grant.password), works(new.username, new.password)) == (False, True)


def test_revoking_ends_both_at_once(station, grant, works, operator):
    new = rotate(station)
    assert station_revoke(station=station, actor=operator) == 2
    assert (works(grant.username, grant.password), works(new.username, new.password)) == (False, False)


def test_a_secret_is_worth_one_login_and_a_retired_station_none(station, grant, operator):
    secret = secrets.token_hex(32)
    secret_hash = hashlib.sha256(secret.encode()).hexdigest()
    moment = clock.now()
    assert rotation_accept(station_id=station.pk, secret_hash=secret_hash, moment=moment)
    station_enrol(serial=station.serial, token=secret, hardware={})
    with pytest.raises(EnrolmentRefused):
        station_enrol(serial=station.serial, token=secret, hardware={})
    assert not rotation_accept(station_id=station.pk, secret_hash=secret_hash, moment=moment)
    for nonsense in (None, 7, "", "x" * 64, secret_hash.upper()):
        assert not rotation_accept(station_id=station.pk, secret_hash=nonsense, moment=moment)
    station_retire(station=station, actor=operator)
    other = hashlib.sha256(b"another").hexdigest()
    assert not rotation_accept(station_id=station.pk, secret_hash=other, moment=moment)


def test_the_command_s_result_asks_for_the_login_and_holds_no_secret(station, operator, viewer):
    command = command_issue(viewer=operator, station=station, name="rotate_login", parameters={})
    secret_hash = hashlib.sha256(b"the station's own").hexdigest()
    status = CommandStatus(
        command=command.id, state="succeeded", at=clock.now().timestamp(), result={"secret_hash": secret_hash}
    )
    assert command_report(station_id=station.pk, status=status, moment=clock.now())
    # Repeated, it requests nothing more.
    command_report(station_id=station.pk, status=status, moment=clock.now())
    asked = OutboxMessage.objects.get(routing_key=ACCEPT_JOB)
    assert asked.body == {"station_id": station.pk, "secret_hash": secret_hash}
    assert Command.objects.get().parameters == {}


@pytest.fixture
def config_path(tmp_path, grant, station, live_server, no_counters, stack):
    """The configuration of an agent that was enrolled at a running server."""
    amqp = {
        "host": "127.0.0.1",
        "port": stack.ports["amqp"],
        "tls": False,
        "username": grant.username,
        "password": grant.password,
        "exchange": grant.exchange,
        "command_queue": grant.command_queue,
        "vhost": grant.vhost,
    }
    path = tmp_path / "config.toml"
    table = {"serial": station.serial, "server": live_server.url, "state_dir": str(tmp_path / "state"), "amqp": amqp}
    config_write(path, table)
    return path


@pytest.fixture
def plain_port(settings, stack):
    """Let enrolment return the broker's plain port."""
    settings.ROOST_STATION_AMQP_HOST, settings.ROOST_STATION_AMQP_TLS = "127.0.0.1", False
    settings.ROOST_STATION_AMQP_PORT = stack.ports["amqp"]


@pytest.fixture
def agent(config_path):
    """The station's side, without its connections."""
    station, _journal = station_open(config_load(config_path, {}))
    station.config_path = config_path
    yield station
    station.outbox.database.close()


def accept(agent, station) -> None:
    assert rotation_accept(station_id=station.pk, secret_hash=secret_make(agent), moment=clock.now())


def test_the_agent_fetches_tries_writes_and_uses_it(agent, station, grant, config_path, plain_port, works):
    used: list[AmqpSettings] = []
    accept(agent, station)
    Rotation(agent, used.append).step()
    written = tomllib.loads(config_path.read_text())["amqp"]
    assert written["username"] == used[0].username == f"st.{station.serial}.2"
    assert works(written["username"], written["password"])
    assert config_path.stat().st_mode & 0o077 == 0
    assert agent.outbox.state_get("rotation_secret") == agent.outbox.state_get("rotation_login") == ""
    everything = json.dumps(
        [
            list(Command.objects.values("parameters", "result")),
            list(OutboxMessage.objects.values_list("body", flat=True)),
        ]
    )
    assert written["password"] not in everything


def test_before_the_server_has_heard_it_waits(agent, station, grant, config_path, plain_port):
    secret_hash = secret_make(agent)
    rotation, used = Rotation(agent, lambda _login: used.append(1)), []
    rotation.step()
    assert not used
    assert tomllib.loads(config_path.read_text())["amqp"]["username"] == grant.username
    rotation_accept(station_id=station.pk, secret_hash=secret_hash, moment=clock.now())
    rotation.step()
    assert used


def test_a_power_cut_after_fetching_costs_nothing(agent, station, config_path, plain_port, monkeypatch):
    accept(agent, station)
    with monkeypatch.context() as cut:
        cut.setattr("station_agent.identity.rotation.connection_test", lambda _login: "There is no network.")
        Rotation(agent, lambda _login: None).step()
    assert EnrolmentToken.objects.get(is_rotation=True).used_at is not None
    used: list[AmqpSettings] = []
    Rotation(agent, used.append).step()
    assert tomllib.loads(config_path.read_text())["amqp"]["username"] == used[0].username


def test_a_login_that_is_refused_leaves_the_old_one(agent, station, grant, config_path, plain_port, operator, works):
    accept(agent, station)
    with pytest.MonkeyPatch.context() as slow:
        slow.setattr("station_agent.identity.rotation.connection_test", lambda _login: "There is no network.")
        Rotation(agent, lambda _login: None).step()
    new = Credential.objects.get(generation=2)
    Credential.objects.filter(pk=new.pk).update(ends_at=clock.now() - timedelta(seconds=1))
    rotations_end(moment=clock.now())
    used: list[AmqpSettings] = []
    Rotation(agent, used.append).step()
    assert not used
    assert tomllib.loads(config_path.read_text())["amqp"]["username"] == grant.username
    assert agent.outbox.state_get("rotation_secret") == ""
    assert works(grant.username, grant.password)


def test_an_agent_without_file_or_server_says_so(agent, config_path):
    assert secret_refusal(agent) == ""
    agent.config_path = None
    assert "configuration file" in secret_refusal(agent)
    agent.config_path = config_path
    agent.config = Config(serial="SG-X", amqp=agent.config.amqp)
    assert "names no server" in secret_refusal(agent)


def test_a_running_agent_goes_on_with_the_new_login(station, grant, config_path, plain_port, management, settings):
    daemon = Daemon(config_load(config_path, {}), config_path=config_path)
    try:
        daemon.station.outbox.on_put(daemon._publish.wake)
        daemon._executor.start()
        daemon._network.start()
        accept(daemon.station, station)
        until(lambda: connected(management, grant.username) == 2)
        daemon._rotation.look()
        until(lambda: connected(management, f"st.{station.serial}.2") == 2)
        until(lambda: connected(management, grant.username) == 0)
        daemon.station.event("test")
        until(lambda: daemon.station.outbox.backlog().messages == 0)
    finally:
        daemon._close()


def connected(management, username: str) -> int:
    return len(management.get(f"/api/connections/username/{username}").json())
