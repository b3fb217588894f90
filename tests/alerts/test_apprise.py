"""The Apprise channel against real HTTP servers that speak like ntfy, Mattermost and Matrix: what arrives, what each
failure does, and that no secret of an address is told or stored in plain text.
"""

import ast
import importlib
import json
import re
import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from inspect import getsource

import pytest
from apprise.manager_plugins import NotificationManager
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from migrated import migrations_apply

from fleet.alerts.chat import calls
from fleet.alerts.chat.kinds import KIND_BY_SCHEMA
from fleet.alerts.chat.process import service_of, text_cut
from fleet.alerts.models import Destination, Notification
from fleet.alerts.notifications.destinations import destination_add, destination_shown, destination_test
from fleet.alerts.notifications.sending import notifications_send, senders_wake
from fleet.alerts.services import silence_sweep
from fleet.core.errors import InvalidInput
from fleet.core.models import AuditEntry, OutboxMessage
from fleet.organizations.access import viewer_of_user
from operations.certificates import certificates_ensure

pytestmark = pytest.mark.django_db

LONG = timedelta(hours=4)
TOKEN = "tk_Zq3secretword"
ROOM = "!roomid:matrix.example.org"


class Receiver:
    """An HTTP server that takes messages the way these services do. `answers` to the next requests that may deliver
    one: a status, `hang` or `drop`; `body` is what a failure says.
    """

    def __init__(self, port: int = 0) -> None:
        self.answers, self.seen, self.body = [], [], "{}"
        self.released = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self._answer(200, {"user_id": "@roost:matrix.example.org"})

            def do_POST(self):
                self._take(delivers="/join/" not in self.path)

            def do_PUT(self):
                self._take(delivers=True)

            def _take(self, *, delivers):
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                if not delivers:
                    self._answer(200, {"room_id": ROOM})
                    return
                receiver.seen.append((self.path, dict(self.headers), body.decode()))
                answer = receiver.answers.pop(0) if receiver.answers else 200
                if answer == "hang":
                    receiver.released.wait(120)
                elif answer != "drop":
                    self._answer(answer, {"event_id": "$1"} if answer == 200 else receiver.body)

            def _answer(self, status, body):
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", f"http://localhost:{self.server.server_port}/elsewhere")
                self.end_headers()
                self.wfile.write((body if isinstance(body, str) else json.dumps(body)).encode())

            def log_message(self, *_):
                """Keep quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def ntfy(self):
        return f"ntfy://{TOKEN}@localhost:{self.port}/alerts-of-ours"

    @property
    def mattermost(self):
        return f"mmost://localhost:{self.port}/{'3ccdd113474722377935511fc85d3dd4'}"

    @property
    def matrix(self):
        return f"matrix://{TOKEN}@localhost:{self.port}/{ROOM}"


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def _ready(settings, smtp, listening, monkeypatch):
    """Private addresses are allowed; a mail server; ingest listens; and a busy machine has time to start processes."""
    monkeypatch.setattr(calls, "READ_S", 300.0)
    monkeypatch.setattr(calls, "SEND_S", 300.0)
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.ROOST_WEBHOOK_PRIVATE_ADDRESSES = True


@pytest.fixture
def owner(make_member):
    return make_member("owner@example.org", role="owner")


@pytest.fixture
def add(owner, organization):
    def make(address):
        actor = viewer_of_user(owner)
        return destination_add(
            actor=actor, organization=organization, channel="apprise", address=address, is_own=False
        )[0]

    return make


@pytest.fixture
def silent(make_station):
    def make(serial):
        station = make_station(serial, name=f"Station {serial}", heard_ago=LONG)
        silence_sweep()
        return station

    return make


def send():
    """Send what waits now, as if every wait and pause were over."""
    Destination.objects.update(last_result_at=None)
    Notification.objects.filter(state__in=["pending", "sending"]).update(due_at=datetime.now(tz=UTC))
    return notifications_send(channel="apprise")


def told():
    return Notification.objects.filter(channel="apprise").order_by("pk")


def opened():
    return told().get(phase="opened")


@pytest.mark.parametrize("service", ["ntfy", "mattermost", "matrix"])
def test_a_beginning_and_an_end_arrive_once_each(receiver, add, silent, hear, service):
    add(getattr(receiver, service))
    station = silent("SG-1")
    assert send() == 1
    hear(station)
    assert send() == 1
    assert send() == 0
    begun, over = (body for _path, _headers, body in receiver.seen)
    assert "Silent since" in begun
    assert "Station SG-1" in begun
    assert "Back since" in over
    assert [one.state for one in told()] == ["sent", "sent"]


def test_each_service_gets_the_message_in_its_own_form(receiver, add, silent):
    for service in ("ntfy", "mattermost", "matrix"):
        add(getattr(receiver, service))
    silent("SG-1")
    while send():
        pass
    by_path = {path: (headers, json.loads(body)) for path, headers, body in receiver.seen}
    assert len(by_path) == len(receiver.seen) == 3
    headers, ntfy = by_path["/"]
    assert ntfy["topic"] == "alerts-of-ours"
    assert ntfy["title"].startswith("Silent: Station SG-1")
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    _headers, mattermost = by_path["/hooks/3ccdd113474722377935511fc85d3dd4"]
    assert "Silent since" in mattermost["text"]
    (path,) = (path for path in by_path if path.startswith("/_matrix/"))
    assert "/send/m.room.message/" in path
    assert by_path[path][1]["msgtype"] == "m.text"


def test_a_receiver_that_is_down_for_a_while_misses_nothing_and_gets_nothing_twice(add, silent, hear):
    first = Receiver()
    add(first.ntfy)
    port = first.port
    first.stop()
    station = silent("SG-1")
    send()
    silent("SG-2")
    hear(station)
    send()
    waiting = told().filter(state="pending")
    assert waiting.exists()
    assert all("cannot be reached" in one.last_error for one in waiting.filter(attempts__gt=0))
    back = Receiver(port)
    while send():
        pass
    back.stop()
    bodies = [body for _path, _headers, body in back.seen]
    assert sum("Station SG-1" in body for body in bodies) == 1
    assert sum("Station SG-2" in body for body in bodies) == 1
    assert set(told().values_list("state", flat=True)) <= {"sent", "merged"}


@pytest.mark.parametrize("answer", [500, 502, 503, 429])
def test_a_failure_of_the_receiver_is_tried_again_and_tells_its_words(receiver, add, silent, answer):
    place = add(receiver.ntfy)
    silent("SG-1")
    receiver.answers, receiver.body = [answer], '{"error": "the disk is full"}'
    assert send() == 0
    place.refresh_from_db()
    assert opened().state == "pending"
    assert place.last_error == f'The receiver answered {answer}: {{"error": "the disk is full"}}'
    assert send() == 1
    assert (opened().state, len(receiver.seen)) == ("sent", 2)


@pytest.mark.parametrize("answer", ["drop", "hang", 504])
def test_what_may_have_arrived_is_unknown_and_never_sent_again(receiver, add, silent, hear, answer):
    place = add(receiver.mattermost)
    station = silent("SG-1")
    receiver.answers = [answer]
    send()
    place.refresh_from_db()
    assert opened().state == "unknown"
    assert place.last_error.endswith("Roost does not send it again, as it could arrive twice.")
    assert place.is_on
    assert send() == 0
    assert len(receiver.seen) == 1
    # Whoever may know that it began learns that it ended.
    hear(station)
    assert send() == 1
    assert "Back since" in receiver.seen[1][2]


def test_a_message_whose_sender_died_is_unknown_and_not_sent_again(receiver, add, silent):
    add(receiver.ntfy)
    silent("SG-1")
    told().update(state="sending", attempts=1)
    send()
    assert opened().state == "unknown"
    assert receiver.seen == []


def test_an_unknown_one_is_told_on_the_pages(receiver, add, silent, owner):
    add(receiver.ntfy)
    silent("SG-1")
    receiver.answers = ["drop"]
    send()
    client = Client()
    client.force_login(owner)
    page = client.get("/incidents/").content.decode()
    assert "It is unknown whether this arrived." in page
    assert "Roost gave up on it." not in page
    incident = opened().incidents.get()
    assert "1 it is unknown" in client.get(f"/incidents/{incident.pk}/").content.decode()


@pytest.mark.parametrize("answer", [400, 401, 403, 404, 413])
def test_a_refusal_is_final(receiver, add, silent, answer):
    add(receiver.ntfy)
    silent("SG-1")
    receiver.answers = [answer]
    send()
    assert (opened().state, len(receiver.seen)) == ("failed", 1)


def test_410_switches_the_destination_off(receiver, add, silent):
    place = add(receiver.ntfy)
    silent("SG-1")
    receiver.answers = [410]
    send()
    place.refresh_from_db()
    assert not place.is_on
    assert "It wants no more messages. Roost switched this destination off." in place.last_error


@pytest.mark.parametrize("answer", [301, 302, 307, 308])
def test_redirects_are_not_followed(receiver, add, silent, answer):
    add(receiver.ntfy)
    silent("SG-1")
    receiver.answers = [answer]
    send()
    assert (opened().state, len(receiver.seen)) == ("failed", 1)
    assert "redirect" in opened().last_error


def test_a_certificate_of_nobody_is_refused(add, silent, tmp_path):
    receiver = Receiver()
    certificates_ensure(folder=tmp_path, hosts=())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    receiver.server.socket = context.wrap_socket(receiver.server.socket, server_side=True)
    add(receiver.ntfy.replace("ntfy://", "ntfys://"))
    silent("SG-1")
    send()
    receiver.stop()
    assert receiver.seen == []
    assert opened().state == "pending"
    assert "The certificate of localhost is not valid" in opened().last_error


def test_nothing_is_sent_into_private_networks(receiver, add, silent, settings):
    add(receiver.ntfy)
    silent("SG-1")
    settings.ROOST_WEBHOOK_PRIVATE_ADDRESSES = False
    send()
    assert receiver.seen == []
    assert opened().state == "failed"
    assert "not on the public internet" in opened().last_error


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.0.0.7", "169.254.169.254", "192.168.1.1:8080", "[::1]", "ntfy.sh:22"]
)
def test_private_addresses_and_low_ports_are_refused_when_entered(add, settings, host):
    settings.ROOST_WEBHOOK_PRIVATE_ADDRESSES = False
    with pytest.raises(InvalidInput, match=r"not on the public internet|not send to this port|not a complete address"):
        add(f"gotify://{host}/AbCdEfGhIjKlMno")
    assert not Destination.objects.filter(channel="apprise").exists()


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("nonsense", "does not know this kind"),
        ("json://example.org/", "does not know this kind"),
        ("mailto://me:word@example.org", "does not know this kind"),
        ("file:///etc/passwd", "does not know this kind"),
        ("slack://nonsense", "not a complete address of Slack"),
        ("ntfy://example.org/one/two", "several receivers"),
        ("ntfy://example.org/one?to=two", "Leave “to” out"),
        ("ntfys://example.org/one?verify=no", "Leave “verify” out"),
        ("ntfys://example.org/one?retry=3", "Leave “retry” out"),
        ("ntfys://example.org/one?Redirect=yes", "Leave “Redirect” out"),
        ("ntfys://example.org/one?attach=file:///etc/passwd", "Leave “attach” out"),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ?template=/etc/passwd", "Leave “template” out"),
        ("nctalks://u:p@example.org/room?+X-Header=1", "Leave “X-Header” out"),
        ("matrixs://user:word@example.org/!room", "does not log in"),
        ("matrixs://token", "not a complete address of Matrix"),
        ("rockets://user:word@example.org/#room", "does not log in"),
        ("ntfy://example.org/one ntfy://example.org/two", "has no spaces"),
        ("ntfy://example.org/one,json://10.0.0.1/", "."),
        ("ntfy://example.org/" + "x" * 500, "too long"),
    ],
)
def test_an_unusable_address_is_refused_with_a_sentence(add, address, says):
    if says == ".":
        place = add(address)
        assert destination_shown(place).startswith("ntfy://example.org/…")
        return
    with pytest.raises(InvalidInput, match=re.escape(says)):
        add(address)


def test_the_address_is_nowhere_in_plain_text_and_never_shown_again(receiver, add, silent, owner, organization, caplog):
    place = add(receiver.ntfy)
    silent("SG-1")
    # A receiver that repeats what it was sent.
    receiver.answers, receiver.body = [401], f'{{"error": "{TOKEN} may not write to ALERTS-OF-OURS"}}'
    send()
    place.refresh_from_db()
    assert place.last_error == 'The receiver answered 401: {"error": "… may not write to …"}'
    assert place.address.startswith(f"ntfy://localhost:{receiver.port}/… ")
    client = Client()
    client.force_login(owner)
    pages = [
        client.get(f"/organizations/{organization.slug}/alerts/").content.decode(),
        client.get("/incidents/").content.decode(),
        client.get(f"/api/v1/organizations/{organization.slug}/alert-destinations").content.decode(),
        caplog.text,
        *(str(row) for row in Destination.objects.values()),
        *(str(row) for row in Notification.objects.values()),
        *(str(row) for row in AuditEntry.objects.values()),
        *(str(row) for row in OutboxMessage.objects.values()),
    ]
    for page in pages:
        assert TOKEN not in page
        assert "alerts-of-ours" not in page
    assert place.address.split()[0] in pages[0]


def test_an_address_that_no_key_opens_says_so(receiver, add, silent, settings):
    place = add(receiver.ntfy)
    silent("SG-1")
    settings.SECRET_KEY = "another"
    send()
    place.refresh_from_db()
    assert "add it again" in place.last_error
    assert receiver.seen == []


def test_one_address_cannot_be_added_twice(receiver, add):
    add(receiver.ntfy)
    add(receiver.ntfy + "-too")
    with pytest.raises(InvalidInput, match="go to this address already"):
        add(f" {receiver.ntfy} ")


def test_a_receiver_in_trouble_does_not_keep_others_waiting(receiver, add, silent):
    add(receiver.ntfy)
    add(receiver.mattermost)
    receiver.answers = ["drop"]
    silent("SG-1")
    send()
    send()
    assert sorted(told().values_list("state", flat=True)) == ["sent", "unknown"]


def test_messages_to_one_destination_keep_a_distance(receiver, add, silent, hear):
    place = add(receiver.ntfy)
    station = silent("SG-1")
    send()
    hear(station)
    told().filter(state="pending").update(due_at=datetime.now(tz=UTC))
    place.refresh_from_db()
    Destination.objects.update(last_result_at=datetime.now(tz=UTC) + timedelta(minutes=5))
    OutboxMessage.objects.all().delete()
    senders_wake()
    assert not OutboxMessage.objects.filter(body__channel="apprise").exists()
    assert notifications_send(channel="apprise") == 0
    Destination.objects.update(last_result_at=datetime.now(tz=UTC) - timedelta(seconds=11))
    senders_wake()
    assert OutboxMessage.objects.filter(body__channel="apprise").exists()
    assert notifications_send(channel="apprise") == 1


def test_the_test_button_tells_what_the_receiver_answered(receiver, add, owner):
    place = add(receiver.mattermost)
    receiver.answers, receiver.body = [400], "the channel is archived"
    for said in ("The receiver answered 400: the channel is archived", ""):
        destination_test(actor=viewer_of_user(owner), destination=place)
        notifications_send(channel="apprise")
        place.refresh_from_db()
        assert place.last_error == said
    assert "This is a test" in receiver.seen[1][2]


def test_a_place_is_added_on_the_page_and_its_address_not_shown(receiver, owner, organization):
    client = Client()
    client.force_login(owner)
    sent = {"channel": "apprise", "address": receiver.ntfy, "whose": "organization"}
    page = client.post(f"/organizations/{organization.slug}/alerts/", sent).content.decode()
    assert "The destination is added" in page
    # By the service's name; Apprise is how Roost reaches it.
    assert 'ntfy <span class="serial">' in page
    assert TOKEN not in page
    refused = client.post(f"/organizations/{organization.slug}/alerts/", {**sent, "address": "gopher://x"})
    assert "does not know this kind of address" in refused.content.decode()


def test_a_room_that_does_not_exist_is_not_made(receiver, add, silent):
    """Apprise would create it."""
    add(f"matrix://{TOKEN}@localhost:{receiver.port}/%23nowhere:matrix.example.org")
    silent("SG-1")
    real = receiver.server.RequestHandlerClass.do_POST

    def answer(handler):
        if "/join/" in handler.path:
            handler.rfile.read(int(handler.headers["Content-Length"]))
            handler._answer(404, {"errcode": "M_NOT_FOUND", "error": "no such room"})
        else:
            real(handler)

    receiver.server.RequestHandlerClass.do_POST = answer
    send()
    assert receiver.seen == []
    assert opened().state == "failed"
    assert "room does not exist" in opened().last_error


@pytest.mark.parametrize(
    ("printed", "is_permanent", "is_maybe"),
    [(b"", False, False), (b'{"is_handed": true}\n', False, True), (b'{"is_handed": true}\n{"outc', False, True)],
)
def test_a_process_that_ends_early_leaves_what_is_known(monkeypatch, printed, is_permanent, is_maybe):
    monkeypatch.setattr(calls, "_run", lambda _asked, **_limit: printed)
    with pytest.raises(calls.ChatFailure) as caught:
        calls.message_hand_over(address="ntfy://example.org/one", title="", text="")
    assert (caught.value.is_permanent, caught.value.is_maybe_delivered) == (is_permanent, is_maybe)


def test_a_process_that_hangs_is_ended(receiver):
    """With a limit that is over before it has begun to send."""
    asked = {"do": "read", "address": receiver.ntfy}
    assert calls._run(asked, limit_s=0.001) == b""


def test_a_long_text_is_cut_at_a_line_and_says_where_the_rest_is():
    text = "\n".join(f"line {number}" for number in range(100))
    cut = text_cut(text, room=100, more="https://roost.example/incidents/")
    assert len(cut) <= 100
    assert cut.endswith("\n…\nhttps://roost.example/incidents/")
    assert all(line in text.split("\n") for line in cut.split("\n")[:-2])
    assert text_cut("short", room=100, more="x") == "short"


def test_messages_to_matrix_upload_no_keys():
    """Apprise encrypts by itself, and would replace the keys of the token's device each time."""
    assert service_of("matrixs://token@matrix.example.org/!room:example.org").e2ee is False


@pytest.mark.parametrize("schema", sorted(KIND_BY_SCHEMA))
def test_every_allowed_kind_speaks_http_with_requests_alone(schema):
    """The guard is in `requests`: a kind that opens connections in another way would pass it by."""
    module = importlib.import_module(NotificationManager()[schema].__module__)
    found = set()
    for node in ast.walk(ast.parse(getsource(module))):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    assert "requests" in found
    assert found.isdisjoint(
        {"socket", "http", "urllib3", "smtplib", "paho", "subprocess", "asyncio", "websocket", "ftplib"}
    )


# It takes a minute; `tests/core/test_migrations.py` watches the way back in every run.
@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_an_unknown_result_does_not_stop_the_way_back(organization):
    moment = datetime.now(tz=UTC)
    Notification.objects.create(
        organization=organization, channel="apprise", recipient="x", phase="opened", state="unknown", message_id="<1@x>",
        created_at=moment, due_at=moment,
    )  # fmt: skip
    try:
        MigrationExecutor(connection).migrate([("alerts", "0008_rules_that_people_make")])
        with connection.cursor() as cursor:
            cursor.execute("SELECT state FROM alerts_notification")
            assert cursor.fetchall() == [("failed",)]
    finally:
        migrations_apply()
