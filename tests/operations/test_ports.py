"""Ports are remembered; one that another program uses is replaced, and the user is told."""

import socket

import pytest

from operations.errors import OperationsError
from operations.paths import Paths
from operations.ports import NAMES, ports_read, ports_settle


@pytest.fixture
def paths(tmp_path):
    return Paths(tmp_path)


@pytest.fixture
def occupy():
    """Listen on a port until the test is over."""
    listening = []

    def listen(port):
        server = socket.create_server(("127.0.0.1", port))
        listening.append(server)

    yield listen
    for server in listening:
        server.close()


def test_every_name_has_a_port_of_its_own_and_keeps_it(paths):
    ports, remarks = ports_settle(paths=paths)
    assert set(ports) == set(NAMES)
    assert len(set(ports.values())) == len(NAMES)
    assert remarks == []
    assert ports_settle(paths=paths) == (ports, [])


def test_a_port_that_somebody_took_is_replaced_and_named(paths, occupy):
    before, _ = ports_settle(paths=paths)
    occupy(before["redis"])
    after, remarks = ports_settle(paths=paths)
    assert after["redis"] != before["redis"]
    assert {**after, "redis": 0} == {**before, "redis": 0}
    assert len(remarks) == 1
    assert f"Port {before['redis']} (redis) is in use by " in remarks[0]
    assert ports_read(paths=paths) == after


def test_moving_the_stations_port_tells_what_to_do_for_them(paths, occupy):
    before, _ = ports_settle(paths=paths)
    occupy(before["amqps"])
    _, remarks = ports_settle(paths=paths)
    assert f"ROOST_PORT_AMQPS to {before['amqps']}" in remarks[1]


def test_a_port_that_the_operator_fixed_is_taken(paths, monkeypatch):
    free = ports_read(paths=Paths(paths.var / "other"))["site"]
    monkeypatch.setenv("ROOST_PORT_SITE", str(free))
    assert ports_settle(paths=paths)[0]["site"] == free


def test_a_fixed_port_in_use_is_one_sentence_naming_who_has_it(paths, monkeypatch, occupy):
    free = ports_read(paths=Paths(paths.var / "other"))["site"]
    occupy(free)
    monkeypatch.setenv("ROOST_PORT_SITE", str(free))
    with pytest.raises(OperationsError, match=rf"Port {free}, which ROOST_PORT_SITE names, is in use by .+:"):
        ports_settle(paths=paths)


@pytest.mark.parametrize("value", ["http", "0", "70000", "-1"])
def test_a_fixed_port_that_is_none_is_refused(paths, monkeypatch, value):
    monkeypatch.setenv("ROOST_PORT_SITE", value)
    with pytest.raises(OperationsError, match="ROOST_PORT_SITE"):
        ports_read(paths=paths)


def test_a_damaged_file_of_ports_is_made_anew(paths):
    paths.run.mkdir()
    paths.ports_file.write_text('{"site": ')
    assert set(ports_read(paths=paths)) == set(NAMES)
