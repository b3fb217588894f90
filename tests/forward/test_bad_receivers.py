"""Receivers that answer badly: each answer is a sentence that somebody can act on, and nothing counts as sent."""

import gzip
import json
import socket
import ssl
import threading
import time
from datetime import timedelta
from email.utils import format_datetime

import pytest
from forward.conftest import counts, run
from paho.mqtt.enums import CallbackAPIVersion
from waiting import until

from fleet.core import clock
from fleet.core.sending import public_post
from fleet.forward.kinds.mqtt import _CheckedClient
from fleet.forward.lanes import lane_run
from fleet.forward.models import Forwarder, RefusedRow
from fleet.forward.services import forwarder_test
from operations.certificates import certificates_ensure

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = b"\n<!DOCTYPE html><html><title>Log in</title>secret of the page</html>"


class RawReceiver:
    """A server that reads a request and answers with the bytes that `answer` yields; with `tls` on top."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answer = lambda: [b""]
        self.asked = 0
        self._tls = tls
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._serving = threading.Thread(target=self._serve, daemon=True)
        self._serving.start()

    def stop(self) -> None:
        """Wake the accepting thread and wait for it; otherwise it may go on with a later socket of the same number."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._serving.join()
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                connection = self._server.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(30)
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            connection.recv(65_536)
            self.asked += 1
            for part in self.answer():
                connection.sendall(part)
        except OSError:
            pass
        finally:
            connection.close()


@pytest.fixture
def raw(settings):
    settings.ROOST_WEBHOOK_PRIVATE_ADDRESSES = True
    made = RawReceiver()
    yield made
    made.stop()


def answered(status: str, body: bytes = b"", **headers: str) -> list[bytes]:
    told = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return [f"HTTP/1.1 {status}\r\n{told}Content-Length: {len(body)}\r\n\r\n".encode() + body]


def endless(head: bytes = b"", *, pause: float = 0.0):
    """Bytes without end, as long as the client reads them."""
    yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + head
    while True:
        yield b" " * (1 if pause else 65_536)
        time.sleep(pause)


BOMB = gzip.compress(b"[" + b" " * 50_000_000)


@pytest.mark.parametrize(
    ("kind", "answer", "words"),
    [
        ("webhook", lambda: answered("200 OK", PAGE), "200 with a web page, so it took no rows: check that the URL"),
        ("influxdb", lambda: answered("200 OK", PAGE), "200 with a web page"),
        ("webhook", lambda: endless(PAGE), "200 with a web page"),
        (
            "webhook",
            lambda: answered("302 Found", Location="http://10.0.0.7/admin?token=t"),
            "302, a redirect to http://10.0.0.7/…. Roost follows none: enter the final URL.",
        ),
        ("webhook", lambda: answered("301 Moved", PAGE, Location="/login?next=x"), "a redirect to /login. Roost"),
        (
            "influxdb",
            lambda: answered("401 No", b"unknown token"),
            "401: it does not accept the login. Check the secrets",
        ),
        ("webhook", lambda: answered("404 No", PAGE), "404: nothing takes data at this address. Check the URL."),
        ("webhook", lambda: answered("502 Bad", PAGE), "502: something is wrong there. Roost tries again."),
        (
            "sensorthings",
            lambda: endless(b"["),
            "answer is longer than 1 MB, so Roost stopped reading it. Check the URL.",
        ),
        (
            "sensorthings",
            lambda: answered("200 OK", BOMB, Content_Encoding="gzip"),
            "compressed its answer (gzip), though Roost asks it not to",
        ),
        ("sensorthings", lambda: answered("200 OK", b"hello"), "did not answer with JSON. Check the URL."),
        ("webhook", lambda: [b"220 mail.example.org ESMTP\r\n"], "did not answer properly"),
        ("webhook", lambda: [b""], "did not answer properly"),
    ],
)
def test_a_bad_answer_is_told_in_a_sentence_and_nothing_counts_as_sent(add, raw, arrive, kind, answer, words):
    raw.answer = answer
    settings = {"url": f"http://127.0.0.1:{raw.port}/x", **({"bucket": "b"} if kind == "influxdb" else {})}
    forwarder = add(kind, **settings)
    arrive(1.0)
    run(forwarder)
    assert words in forwarder.answer
    for secret in ("secret of the page", "token=t"):
        assert secret not in forwarder.answer
    assert (forwarder.failures, forwarder.rows, RefusedRow.objects.count()) == (1, 0, 0)
    assert raw.asked == 1


def test_an_answer_that_drips_is_given_up_in_time(add, raw, arrive, monkeypatch):
    monkeypatch.setattr(public_post, "_TOTAL_S", 0.5)
    raw.answer = lambda: endless(pause=0.02)
    hook = add(url=f"http://127.0.0.1:{raw.port}/x")
    arrive(1.0)
    run(hook)
    assert "no complete answer came within" in hook.answer
    assert hook.rows == 0


def test_a_bad_certificate_is_told_with_whom_to_ask(add, settings, tmp_path, arrive):
    settings.ROOST_WEBHOOK_PRIVATE_ADDRESSES = True
    certificates_ensure(folder=tmp_path, hosts=())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    secured, plain = RawReceiver(context), RawReceiver()
    plain.answer = lambda: [b"HTTP/1.1 400 Bad Request\r\n\r\n"]
    try:
        arrive(0.0)
        untrusted = add(url=f"https://localhost:{secured.port}/", name="Untrusted")
        unencrypted = add(url=f"https://localhost:{plain.port}/", name="Unencrypted")
        broker = add("mqtt", host="localhost", port=str(secured.port), tls="yes", name="Broker")
        arrive(1.0)
        for one in (untrusted, broker):
            run(one)
            assert "The certificate of localhost is not valid (" in one.answer
            assert "renew or complete it" in one.answer
        run(unencrypted)
        assert "with encryption" in unencrypted.answer
        assert "check the port" in unencrypted.answer
        assert secured.asked == 0
    finally:
        secured.stop()
        plain.stop()


def test_too_many_requests_wait_as_long_as_asked_also_until_a_date(hook, receiver, arrive):
    arrive(1.0)
    asked = {"Retry-After": format_datetime(clock.now() + timedelta(hours=2), usegmt=True)}
    receiver.answer = lambda *_: (429, {"error": "slow down"}, asked)
    run(hook)
    assert "429: it wants fewer requests" in hook.answer
    assert timedelta(minutes=115) < hook.next_try_at - clock.now() <= timedelta(hours=2)
    assert (hook.rows, RefusedRow.objects.count()) == (0, 0)
    lane_run(forwarder_id=hook.pk)


def test_too_many_at_once_are_sent_in_parts_and_the_size_is_kept(hook, receiver, arrive):
    sizes = []

    def answer(_method, _path, _query, _headers, body):
        sizes.append(len(json.loads(body)["data"]))
        return 413 if sizes[-1] > 10 else 204

    receiver.answer = answer
    arrive(*(float(n) for n in range(40)))
    run(hook)
    assert counts(hook) == (40, 0, 0, 0)
    assert sizes == [40, 20, 10, 10, 20, 10, 10]
    assert hook.rows_at_once == 10
    sizes.clear()
    arrive(*(float(n) for n in range(40)), name="hum")
    run(hook)
    # It tries one row more each time, which causes at most one refusal.
    assert counts(hook) == (80, 0, 0, 0)
    assert sizes[0] == 10
    assert sum(size > 10 for size in sizes) <= 1
    # If even one row is too much, the limit is at fault, and no row is set aside.
    receiver.answer = lambda *_: 413
    arrive(1.0, 2.0)
    run(hook)
    assert "even one row is too much. Raise its limit" in hook.answer
    assert (counts(hook), RefusedRow.objects.count()) == ((80, 0, 0, 0), 0)


def test_a_slow_search_for_bad_rows_goes_on_with_the_part_that_it_reached(hook, receiver, arrive, monkeypatch):
    monkeypatch.setattr("fleet.forward.lanes.TURN_S", 0.0001)
    receiver.answer = lambda _m, _p, _q, _h, body: 422 if b'"value": 3.0' in body else 204
    arrive(*(float(n) for n in range(8)))
    turns = 0
    while run(hook).rows < 8:
        turns += 1
        assert turns < 20
    assert counts(hook) == (7, 0, 0, 1)
    assert turns > 2


def test_a_broker_is_reached_at_the_checked_address_and_nowhere_else(raw):
    """The name is resolved only once: by the second time it could lead into the server's own network."""
    client = _CheckedClient(CallbackAPIVersion.VERSION2)
    client.addresses = ["127.0.0.1"]
    client.connect("no-such-name.invalid", raw.port)
    until(lambda: raw.asked, "the connection")


def test_a_test_says_whether_it_works_also_while_paused(add, hook, receiver, arrive, operator):
    arrive(1.0)
    receiver.answer = lambda *_: 500
    run(hook)
    forwarder_test(actor=operator, forwarder=hook)
    lane_run(forwarder_id=hook.pk)
    hook.refresh_from_db()
    assert "500" in hook.test_answer
    assert (hook.test_asked_at, hook.rows) == (None, 0)
    receiver.answer = lambda *_: 204
    Forwarder.objects.update(tested_at=None, paused_at=clock.now())
    forwarder_test(actor=operator, forwarder=hook)
    lane_run(forwarder_id=hook.pk)
    hook.refresh_from_db()
    assert (hook.test_answer, hook.tested_at is not None, hook.next_try_at, hook.rows) == ("", True, None, 0)
    assert [json.loads(body)["type"] for *_rest, body in receiver.seen] == ["readings", "test", "test"]
    influx = add("influxdb", name="Influx", url=receiver.url, bucket="b")
    for status, words in ((401, "does not accept the login"), (400, ""), (204, "")):
        receiver.answer = lambda *_, status=status: status
        Forwarder.objects.update(tested_at=None)
        forwarder_test(actor=operator, forwarder=influx)
        lane_run(forwarder_id=influx.pk)
        influx.refresh_from_db()
        assert words in influx.test_answer
        assert bool(words) == bool(influx.test_answer)
    until(lambda: not Forwarder.objects.filter(claimed_until__isnull=False).exists(), "the claims")
