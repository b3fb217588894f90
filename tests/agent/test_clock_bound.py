"""A station whose clock is far off: it says so, uses the server's time for its own messages, and still delivers its
data.
"""

import datetime as dt
import http.server
import ssl
import threading
import time
from contextlib import contextmanager
from email.utils import formatdate

import pytest
from agent.messages_of import outbox_messages
from agent.test_commands import last, message
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from waiting import until

from message_queue.contracts.commands.base import command_encode
from station_agent.clock.correction import ClockBound
from station_agent.clock.server_time import ServerTime, server_time_ask
from station_agent.config import LinkSettings
from station_agent.host import Processor
from station_agent.link.network import Network
from station_agent.link.publish import PublishLink
from station_agent.link.reasons import is_about_time, reason_of
from station_agent.link.shared import SharedState
from station_agent.running.executor import Executor
from station_agent.sources.host_health import HostHealthSettings, health_read
from station_agent.station import LinkState

YEAR = 365.25 * 86_400


def told(at):
    return lambda *_: ServerTime(at, time.monotonic(), is_checked=True)


def events(station):
    return [event for kind, body in outbox_messages(station.outbox) if kind == "event" for event in body.events]


@pytest.fixture
def station(make_station):
    return make_station(server="https://roost.example.org")


def bound(station, ask, *, kept=False):
    found = []
    made = ClockBound(station, lambda: found.append(True), ask, lambda: kept)
    made.found = found
    return made


def certificate_make(folder, first, last):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(first)
        .not_valid_after(last)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "both.pem").write_bytes(pem + secret)
    return pem.decode()


@contextmanager
def site(date, pem_file=None):
    """A site whose answers have this date, over TLS if a certificate is given."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response_only(302)
            if date is not None:
                self.send_header("Date", formatdate(date, usegmt=True))
            self.end_headers()

        def log_message(self, *_):
            """Log nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if pem_file is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem_file)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("off", [-26 * YEAR, -3_600.0, 3_600.0, 17 * YEAR])
def test_a_clock_that_is_far_off_is_corrected_and_its_error_reported(station, off):
    truth = time.time() - off
    clock = bound(station, told(truth))
    clock.step()
    assert station.now() == pytest.approx(truth, abs=2.0)
    (event,) = events(station)
    assert event.name == "clock_wrong"
    assert event.t == pytest.approx(truth, abs=2.0)
    assert event.data["offset_s"] == pytest.approx(-off, abs=2.0)
    assert event.data["first_seq"] == station.outbox.since
    side = "behind" if off < 0 else "ahead"
    assert f"({side} of the server's time)" in clock.say()
    assert clock.say() in station.vitals.warnings["clock_bound"]
    health = health_read(station, HostHealthSettings(), Processor(), next_in=60.0)
    assert health.at == pytest.approx(truth, abs=2.0)
    assert (health.clock.code, health.clock.offset_s) == ("P", pytest.approx(-off, abs=2.0))
    assert clock.found == [True]


def test_a_clock_that_is_near_is_left_alone(station):
    clock = bound(station, told(time.time() + 30))
    clock.step()
    assert (station.clock_base, events(station), clock.say()) == (None, [], "")


def test_a_clock_that_ntp_or_gps_keeps_asks_nobody(station):
    def ask(*_):
        raise AssertionError

    bound(station, ask, kept=True).step()
    assert station.clock_base is None


def test_a_clock_that_a_certificate_contradicts_is_checked_although_ntp_calls_it_synchronised(station):
    clock = bound(station, told(time.time() + YEAR), kept=True)
    clock.doubt()
    clock.step()
    assert station.clock_offset == pytest.approx(YEAR, abs=2.0)


def test_when_somebody_sets_the_clock_the_agent_goes_by_it_again(station, monkeypatch):
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - YEAR)
    clock = bound(station, told(real()))
    clock.step()
    assert station.now() == pytest.approx(real(), abs=2.0)
    monkeypatch.undo()
    clock.look()
    assert (station.clock_base, clock.say()) == (None, "")
    assert [event.name for event in events(station)] == ["clock_wrong", "clock_right"]
    assert "clock_bound" not in station.vitals.warnings


def test_a_server_that_does_not_answer_changes_nothing(station):
    def away(*_):
        raise OSError("no network")

    clock = bound(station, away)
    clock.doubt()
    clock.step()
    assert (station.clock_base, clock.say()) == (None, "")


def test_the_time_is_believed_over_tls_when_the_certificate_is_of_that_time(tmp_path):
    # A station in 2000 sees today's certificate the same way: not yet valid by its own clock, valid by the server's.
    then = dt.datetime(2040, 1, 1, tzinfo=dt.UTC)
    pem = certificate_make(tmp_path, then, then + dt.timedelta(days=90))
    inside = (then + dt.timedelta(days=9)).timestamp()
    with site(inside, tmp_path / "both.pem") as port:
        answer = server_time_ask(f"https://localhost:{port}", pem)
        assert (answer.at, answer.is_checked) == (pytest.approx(inside, abs=1.0), True)
        with pytest.raises(ssl.SSLCertVerificationError):
            server_time_ask(f"https://localhost:{port}", "")
    for outside in (time.time(), (then + dt.timedelta(days=900)).timestamp()):
        with site(outside, tmp_path / "both.pem") as port, pytest.raises(ssl.SSLCertVerificationError):
            server_time_ask(f"https://localhost:{port}", pem)


def test_a_site_without_tls_is_asked_and_said_to_be_unchecked():
    with site(time.time()) as port:
        assert not server_time_ask(f"http://127.0.0.1:{port}", "").is_checked
    with site(None) as port, pytest.raises(ValueError, match="did not report"):
        server_time_ask(f"http://127.0.0.1:{port}", "")


def test_the_reason_says_by_how_much_the_clock_is_wrong():
    error = ssl.SSLCertVerificationError()
    error.verify_message = "certificate has expired"
    assert is_about_time(error)
    told_reason = reason_of(error, "roost.example.org", 5671, clock="The station's clock is wrong by 3 d 0 h.")
    assert told_reason.startswith("The station's clock is wrong by 3 d 0 h. So the certificate")
    assert "it shows 20" in reason_of(error, "roost.example.org", 5671)
    error.verify_message = "self-signed certificate"
    assert not is_about_time(error)
    assert "clock" not in reason_of(error, "roost.example.org", 5671)


@pytest.mark.parametrize("off", [-26 * YEAR, 17 * YEAR])
def test_data_is_delivered_with_the_server_s_time(make_broker_station, make_station, off):
    """OpenSSL uses the machine's clock, which a test cannot set, so the test passes another time to the date check."""
    place = make_broker_station(tls=True)
    station = make_station(amqp=place.amqp)
    now, view = [time.time() + off], LinkState()
    shared = SharedState(now=lambda: now[0], doubted=lambda: doubts.append(True))
    doubts = []
    settings = LinkSettings(retry_first=0.1, retry_most=60.0)
    link = PublishLink(place.amqp, settings, station.outbox, view, heartbeat=30, name="test", shared=shared)
    network = Network(link.run)
    network.start()
    try:
        until(lambda: "certificate" in view.reason)
        assert doubts
        station.event("test")
        now[0] = time.time()
        shared.wake(network.loop)
        until(lambda: station.outbox.backlog().messages == 0)
    finally:
        assert network.stop(5.0)


def test_a_command_is_in_time_by_the_servers_time(make_station, tmp_path, monkeypatch):
    station, body = make_station(), command_encode(message())
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 26 * YEAR)
    executor = Executor(station, station.journal, tmp_path / "consent.json")
    executor.handle(body)
    assert last(station).state == "refused"
    ClockBound(station, lambda: None, told(real()), lambda: False).step()
    executor.handle(command_encode(message(issued_at=real(), expires_at=real() + 60)))
    assert last(station).state == "succeeded"
    assert last(station).at == pytest.approx(real(), abs=2.0)
