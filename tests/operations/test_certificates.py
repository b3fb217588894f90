"""The authority is kept permanently; the broker's certificate is renewed, and clients trust it."""

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from cryptography import x509
from waiting import PATIENCE_S

from operations.certificates import certificates_ensure


@pytest.fixture
def folder(tmp_path):
    certificates_ensure(folder=tmp_path, hosts=("roost.example",))
    return tmp_path


def handshake(folder, name):
    """Connect as a station does: trust only the authority, and check the name."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "server.pem", folder / "server.key")
    client = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    ours, theirs = socket.socketpair()

    def serve():
        try:
            with server.wrap_socket(theirs, server_side=True) as secured:
                secured.recv(1)
        except OSError:
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(ours, server_hostname=name) as secured:
            secured.send(b"x")
            return secured.version()
    finally:
        thread.join(PATIENCE_S)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "roost.example"])
def test_a_station_that_knows_the_authority_believes_the_broker(folder, name):
    assert handshake(folder, name) == "TLSv1.3"


def test_a_station_refuses_a_name_that_is_not_in_the_certificate(folder):
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(folder, "elsewhere.example")


def test_a_certificate_that_is_good_stays(folder):
    before = (folder / "server.pem").read_bytes()
    assert not certificates_ensure(folder=folder, hosts=("roost.example",))
    assert (folder / "server.pem").read_bytes() == before


def test_near_its_end_it_is_renewed_by_the_same_authority(folder):
    authority = (folder / "ca.pem").read_bytes()
    with time_machine.travel(datetime.now(UTC) + timedelta(days=350)):
        assert certificates_ensure(folder=folder, hosts=("roost.example",))
    assert (folder / "ca.pem").read_bytes() == authority
    server = x509.load_pem_x509_certificate((folder / "server.pem").read_bytes())
    assert server.not_valid_after_utc > datetime.now(UTC) + timedelta(days=700)


def test_a_new_host_makes_a_new_certificate(folder):
    assert certificates_ensure(folder=folder, hosts=("roost.example", "192.0.2.7"))
    handshake(folder, "192.0.2.7")


def test_keys_are_readable_by_their_owner_only(folder):
    assert {(folder / name).stat().st_mode & 0o777 for name in ("ca.key", "server.key")} == {0o600}
