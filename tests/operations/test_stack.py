"""The services that tests break: they come back with everything they had confirmed, and leave nothing behind."""

import pika
import psutil
import pytest

from operations.leftovers import leftovers_find
from operations.stack import Stack

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def running(private_stack):
    return private_stack()


def connect(running):
    return pika.BlockingConnection(pika.URLParameters(running.broker.broker_url("provisioner", "fleet")))


def test_a_killed_broker_comes_back_with_what_it_confirmed(running):
    channel = connect(running).channel()
    channel.confirm_delivery()
    channel.basic_publish("", "inbound.bulk", b"kept", pika.BasicProperties(delivery_mode=2), mandatory=True)
    running.rabbitmq.kill()
    assert running.broker.check() is not None
    running.rabbitmq.start()
    assert running.broker.check() is None
    with connect(running) as connection:
        assert connection.channel().basic_get("inbound.bulk", auto_ack=True)[2] == b"kept"


@pytest.mark.parametrize("how", ["immediate", "kill"])
def test_a_killed_database_comes_back_with_what_it_committed(running, how):
    with running.database.connect() as connection:
        connection.execute(f"CREATE TABLE kept_{how} AS SELECT 1 AS n")
    if how == "kill":
        running.postgres.kill()
    else:
        running.postgres.stop(mode="immediate")
    assert running.database.check() is not None
    running.postgres.start()
    with running.database.connect() as connection:
        assert connection.execute(f"SELECT n FROM kept_{how}").fetchone() == (1,)


def test_the_database_has_checksums_and_sure_commits(running):
    with running.database.connect() as connection:
        for setting in ("data_checksums", "fsync", "full_page_writes", "synchronous_commit"):
            assert connection.execute(f"SHOW {setting}").fetchone() == ("on",)


def test_guest_does_not_exist_and_only_known_users_do(running):
    with running.broker.management() as client:
        users = {user["name"]: user["tags"] for user in client.get("/api/users").json()}
    assert set(users) == {"ingest", "commander", "provisioner", "jobs"}
    assert [name for name, tags in users.items() if tags] == ["provisioner"]


def test_the_broker_listens_on_the_loopback_only(running):
    with running.broker.management() as client:
        listeners = client.get("/api/overview").json()["listeners"]
    assert {each["protocol"] for each in listeners} >= {"amqp", "amqp/ssl", "http"}
    # The API shows the configuration; the kernel knows where the node really listens.
    mine = psutil.Process(running.rabbitmq.pid).net_connections(kind="tcp")
    assert {each.laddr.ip for each in mine if each.status == psutil.CONN_LISTEN} == {"127.0.0.1"}


def test_the_end_leaves_nothing(services, tmp_path):
    stack = Stack(tmp_path / "var").start()
    assert leftovers_find(paths=stack.paths)
    stack.discard()
    assert leftovers_find(paths=stack.paths) == []
    assert not stack.database.home.exists()
    assert not stack.paths.var.exists()
