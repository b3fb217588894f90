"""The webhook channel against a real HTTP server: what it posts, what each answer does, and where it never connects."""

import hashlib
import hmac
import json
import socket
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.db import connections
from waiting import until

from fleet.alerts.channels import webhook
from fleet.alerts.models import Destination, Incident, Notification, SendingTime
from fleet.alerts.sending import turns
from fleet.alerts.sending.destinations import (
    TESTS_MOST,
    TESTS_WITHIN,
    destination_add,
    destination_secret,
    destination_test,
)
from fleet.alerts.sending.sending import notifications_send, senders_wake
from fleet.alerts.services import silence_sweep
from fleet.core.errors import InvalidInput, TooMany
from fleet.core.models import AuditEntry, OutboxMessage
from fleet.core.sending import public_post
from fleet.organizations.access import viewer_of_user

pytestmark = pytest.mark.django_db

LONG = timedelta(hours=4)


class Receiver:
    """An HTTP server that records its requests. `answers` are for the next ones: a status, `hang` or `drop`."""

    def __init__(self) -> None:
        self.seen, self.answers = [], []
        self.answer_by_path = lambda _path: 200
        self.released = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.seen.append((self.path, dict(self.headers), body))
                answer = receiver.answers.pop(0) if receiver.answers else receiver.answer_by_path(self.path)
                if answer == "hang":
                    receiver.released.wait(60)
                    return
                if answer == "drop":
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.send_response(answer)
                if 300 <= answer < 400:
                    self.send_header("Location", f"{receiver.url}elsewhere")
                self.end_headers()
                if answer == 200:
                    # The answer is far too long, and the sender must not read it all.
                    with suppress(OSError):
                        for _ in range(1_000):
                            self.wfile.write(b"x" * 100_000)

            def log_message(self, *_):
                """Keep quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def bodies(self):
        return [json.loads(body) for _path, _headers, body in self.seen]


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def _ready(settings, smtp, listening):
    """Allow private addresses, and set up a mail server and a pulse of ingest."""
    settings.ROOST_WEBHOOK_PRIVATE_ADDRESSES = True


@pytest.fixture
def owner(make_member):
    return make_member("owner@example.org", role="owner")


def hook(owner, organization, url):
    return destination_add(
        actor=viewer_of_user(owner), organization=organization, channel="webhook", address=url, is_own=False
    )[0]


@pytest.fixture
def destination(owner, organization, receiver):
    return hook(owner, organization, f"{receiver.url}hook?team=1")


@pytest.fixture
def silent(destination, make_station):
    station = make_station("SG-1", name="Old Cut", heard_ago=LONG)
    silence_sweep()
    return station


def send():
    Notification.objects.filter(state__in=["pending", "sending"]).update(due_at=datetime.now(tz=UTC))
    return notifications_send(channel="webhook")


def opened():
    return Notification.objects.get(channel="webhook", phase="opened")


def test_a_beginning_and_an_end_are_posted_and_signed(receiver, destination, silent, hear, organization):
    send()
    hear(silent)
    send()
    begun, over = receiver.bodies
    path, headers, body = receiver.seen[0]
    assert path == "/hook?team=1"
    expected = hmac.new(destination_secret(destination).encode(), body, hashlib.sha256).hexdigest()
    assert headers["Roost-Signature"] == f"sha256={expected}"
    assert headers["Idempotency-Key"] == begun["id"] == opened().message_id.strip("<>")
    assert headers["Host"] == receiver.url.split("/")[2]
    incident = Incident.objects.get()
    assert (begun["event"], begun["organization"], begun["rule"], begun["total"]) == (
        "opened", organization.slug, "silence", 1,
    )  # fmt: skip
    (told,) = begun["incidents"]
    assert told["sentence"].startswith("Silent since")
    assert told == {
        "id": incident.pk,
        "station": "SG-1",
        "station_name": "Old Cut",
        "sentence": told["sentence"],
        "is_over": False,
        "began_at": incident.began_at.isoformat(),
        "opened_at": incident.opened_at.isoformat(),
        "closed_at": None,
        "url": "https://roost.example/stations/SG-1/",
        "incident_url": f"https://roost.example/incidents/{incident.pk}/",
        "act_url": "",
    }
    assert (over["event"], over["answers"]) == ("closed", [begun["id"]])
    assert over["incidents"][0]["closed_at"] == incident.closed_at.isoformat()
    assert over["incidents"][0]["sentence"].startswith("Back since")


def test_the_result_is_kept_at_the_destination(receiver, destination, silent):
    receiver.answers = [500]
    send()
    destination.refresh_from_db()
    assert destination.last_error == "The receiver answered 500."
    send()
    destination.refresh_from_db()
    assert (destination.last_error, destination.is_on) == ("", True)


@pytest.mark.parametrize("answer", [500, 503, 429, 408])
def test_a_failure_of_the_receiver_is_tried_again_under_the_same_id(receiver, silent, answer):
    receiver.answers = [answer]
    assert send() == 0
    assert opened().state == "pending"
    assert send() == 1
    assert opened().state == "sent"
    assert len({body["id"] for body in receiver.bodies}) == 1


def test_a_connection_that_breaks_sends_the_same_message_again(receiver, silent):
    receiver.answers = ["drop"]
    send()
    waiting = opened()
    assert (waiting.state, waiting.is_maybe_delivered) == ("pending", True)
    send()
    assert receiver.bodies[0] == receiver.bodies[1]


def test_410_switches_the_destination_off_and_says_so(receiver, destination, silent, make_station):
    receiver.answers = [410]
    send()
    destination.refresh_from_db()
    assert not destination.is_on
    assert destination.last_error == (
        "The receiver answered 410: it wants no more messages. Roost switched this destination off."
    )
    assert opened().state == "failed"
    assert AuditEntry.objects.get(action="alerts.choose").detail["is_on"] is False
    make_station("SG-2", heard_ago=LONG)
    silence_sweep()
    send()
    assert len(receiver.seen) == 1


@pytest.mark.parametrize("answer", [301, 302, 307, 308])
def test_redirects_are_refused(receiver, destination, silent, answer):
    receiver.answers = [answer]
    send()
    assert len(receiver.seen) == 1
    assert opened().state == "failed"
    assert "redirect" in opened().last_error


@pytest.mark.parametrize("answer", [400, 401, 404, 413])
def test_other_refusals_are_final(receiver, silent, answer):
    receiver.answers = [answer]
    send()
    send()
    assert (opened().state, len(receiver.seen)) == ("failed", 1)


def test_it_is_given_up_after_so_many_attempts(receiver, silent):
    receiver.answers = [500] * 100
    for _ in range(webhook.ATTEMPTS_MOST + 3):
        send()
    assert (opened().state, len(receiver.seen)) == ("failed", webhook.ATTEMPTS_MOST)


def test_a_dead_address_costs_one_attempt_and_not_one_for_each_message(receiver, silent, make_station, owner):
    for n in range(2, 5):
        # They fall silent hours apart: together they would be one shared failure with one message.
        make_station(f"SG-{n}", heard_ago=LONG + timedelta(hours=n))
        silence_sweep()
    first = opened_ids()
    Notification.objects.filter(pk__in=first).update(is_maybe_delivered=True, due_at=datetime.now(tz=UTC))
    receiver.answers = [500] * 10
    notifications_send(channel="webhook")
    assert len(receiver.seen) == 1
    assert Notification.objects.filter(pk__in=first, due_at__gt=datetime.now(tz=UTC)).count() == len(first)


def opened_ids():
    return list(Notification.objects.filter(channel="webhook").values_list("pk", flat=True))


def test_a_receiver_that_answers_nothing_is_given_up_for_now(receiver, silent, monkeypatch):
    monkeypatch.setattr(public_post, "_TOTAL_S", 0.5)
    receiver.answers = ["hang"]
    send()
    waiting = opened()
    assert (waiting.state, waiting.is_maybe_delivered) == ("pending", True)


def test_a_dead_endpoint_does_not_delay_mail(transactional_db, receiver, silent, smtp):
    receiver.answers = ["hang"]

    def lane():
        try:
            notifications_send(channel="webhook")
        finally:
            connections.close_all()

    stuck = threading.Thread(target=lane)
    stuck.start()
    until(lambda: receiver.seen, "the webhook's lane to reach its receiver")
    assert notifications_send(channel="mail") == 1
    # The webhook's lane still waits for its receiver.
    assert stuck.is_alive()
    receiver.released.set()
    stuck.join()
    assert smtp.subjects == ["Silent: Old Cut (SG-1)"]


@pytest.fixture
def neighbour(make_organization, make_station, make_member, receiver):
    """Another organization with a webhook and a silent station; its message is due last."""
    other = make_organization("Neighbour")
    hook(make_member("n@example.org", role="owner", of=other), other, f"{receiver.url}neighbour")
    make_station("SG-N", heard_ago=LONG, of=other)
    return other


def test_silent_receivers_of_one_organization_cost_their_neighbours_one_message_at_most(
    receiver, owner, organization, neighbour, make_station, monkeypatch
):
    monkeypatch.setattr(public_post, "_TOTAL_S", 0.3)
    monkeypatch.setattr(turns, "_ALIKE_S", 0.1)
    for number in range(5):
        hook(owner, organization, f"{receiver.url}silent{number}")
    make_station("SG-1", heard_ago=LONG)
    silence_sweep()
    moment = datetime.now(tz=UTC)
    Notification.objects.update(due_at=moment - timedelta(minutes=1))
    Notification.objects.filter(organization=neighbour).update(due_at=moment)
    receiver.answer_by_path = lambda path: "hang" if path.startswith("/silent") else 200
    notifications_send(channel="webhook")
    # On a busy machine, a request may time out before its receiver has read it.
    assert [path for path, *_ in receiver.seen].index("/neighbour") <= 1
    assert Notification.objects.filter(state="pending", attempts=1).count() == 5
    # The next run remembers the time spent, so the neighbour goes first.
    receiver.seen.clear()
    Notification.objects.filter(state="pending").update(due_at=moment - timedelta(minutes=1))
    Notification.objects.filter(organization=neighbour).update(state="pending", due_at=moment)
    notifications_send(channel="webhook")
    assert [path for path, *_ in receiver.seen].index("/neighbour") == 0


def test_time_that_was_spent_is_forgotten(organization):
    moment = datetime(2026, 5, 1, tzinfo=UTC)
    for seconds, at in ((4.0, moment), (3.0, moment + turns.WINDOW / 2), (2.0, moment + 2 * turns.WINDOW)):
        turns.time_add(organization_id=organization.pk, channel="webhook", seconds=seconds, moment=at)
        if seconds == 3.0:
            assert SendingTime.objects.get().seconds == 7.0
    assert SendingTime.objects.get().seconds == 2.0


def test_time_for_an_organization_that_was_deleted_meanwhile_is_dropped(organization):
    gone = organization.pk
    organization.delete()
    turns.time_add(organization_id=gone, channel="webhook", seconds=4.0, moment=datetime(2026, 5, 1, tzinfo=UTC))
    connections["default"].check_constraints()
    assert not SendingTime.objects.exists()


def test_a_name_whose_servers_never_answer_is_given_up_for_now(receiver, silent, monkeypatch):
    asked, released = threading.Event(), threading.Event()

    def stuck(*_args, **_options):
        asked.set()
        released.wait(60)
        raise OSError("nobody")

    monkeypatch.setattr(public_post, "_RESOLVE_S", 0.2)
    monkeypatch.setattr(public_post.socket, "getaddrinfo", stuck)
    send()
    released.set()
    assert asked.is_set()
    waiting = opened()
    assert (waiting.state, waiting.is_maybe_delivered) == ("pending", False)
    assert waiting.last_error.endswith("cannot be resolved: no answer within 0.2 s")


def test_test_messages_are_limited_for_an_organization(receiver, owner, organization, destination):
    for _ in range(TESTS_MOST):
        destination_test(actor=viewer_of_user(owner), destination=destination)
        send()
    with pytest.raises(TooMany, match="Wait a while"):
        destination_test(actor=viewer_of_user(owner), destination=destination)
    Notification.objects.update(created_at=datetime.now(tz=UTC) - TESTS_WITHIN)
    destination_test(actor=viewer_of_user(owner), destination=destination)


def test_each_channel_with_something_due_has_one_job(silent):
    OutboxMessage.objects.all().delete()
    for _ in range(3):
        senders_wake()
    jobs = OutboxMessage.objects.filter(routing_key="alerts.send_notifications")
    assert sorted(job.body["channel"] for job in jobs) == ["mail", "webhook"]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://127.1:8080/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://localhost/",
        "http://10.0.0.7/",
        "http://172.16.0.1/",
        "http://192.168.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://100.64.0.1/",
        "http://0.0.0.0/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "http://[::1]/",
        "http://[::]/",
        "http://[fe80::1]/",
        "http://[fd00::1]/",
        "http://[ff02::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:169.254.169.254]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[2001:0:7f00:1::]/",
    ],
)
def test_nothing_is_sent_into_private_networks(settings, url):
    settings.ROOST_WEBHOOK_PRIVATE_ADDRESSES = False
    with pytest.raises(public_post.PostRefused, match="not on the public internet"):
        public_post.public_post(url, body=b"{}", headers={})


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://example.org/",
        "//example.org/",
        "https://",
        "https://user:password@example.org/",
        "https://example.org/#part",
        "https://example.org:22/",
        "https://example.org/" + "x" * 500,
        "https://exa mple.org/",
        "nonsense",
        "",
    ],
)
def test_unusable_urls_are_refused_with_a_sentence(url):
    with pytest.raises(InvalidInput, match=r"\.$"):
        public_post.url_check(url)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_public_addresses_are_allowed(settings, address):
    settings.ROOST_WEBHOOK_PRIVATE_ADDRESSES = False
    public_post.url_check(f"https://[{address}]/" if ":" in address else f"https://{address}/")


def test_a_name_is_resolved_once_and_the_checked_address_is_used(settings, receiver, monkeypatch):
    asked = []
    real = socket.getaddrinfo

    def resolve(host, port, *args, **options):
        if host == "hooks.example.org":
            asked.append(host)
            # The second answer differs: a second lookup would lead to another address.
            host = "127.0.0.1" if len(asked) == 1 else "127.0.0.2"
        return real(host, port, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    url = f"http://hooks.example.org:{receiver.server.server_port}/hook"
    assert public_post.public_post(url, body=b"{}", headers={}) == 200
    assert asked == ["hooks.example.org"]
    (_path, headers, _body), = receiver.seen  # fmt: skip
    assert headers["Host"] == url.split("/")[2]


def test_a_name_that_leads_into_a_private_network_is_refused(settings, silent, receiver):
    settings.ROOST_WEBHOOK_PRIVATE_ADDRESSES = False
    send()
    assert receiver.seen == []
    assert opened().state == "failed"
    assert "not on the public internet" in opened().last_error


def test_an_address_where_nobody_listens_got_nothing(receiver, silent):
    receiver.server.server_close()
    Destination.objects.update(address="http://localhost:9999/")
    Notification.objects.filter(channel="webhook").update(recipient="http://localhost:9999/")
    send()
    waiting = opened()
    assert (waiting.state, waiting.is_maybe_delivered) == ("pending", False)
    assert "cannot be reached" in waiting.last_error
