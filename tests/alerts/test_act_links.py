"""The link in an alert: its person acts once on its incident without logging in; a scanner that opens it does nothing."""

import json
import re
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import time_machine
from django.db import connections
from django.test import Client

from fleet.alerts.handling import incident_acknowledge
from fleet.alerts.models import Incident, IncidentStep, Notification
from fleet.alerts.sending.act_links import VALID, act_token, link_acknowledge
from fleet.alerts.sending.destinations import destination_add
from fleet.alerts.sending.sending import notifications_send
from fleet.alerts.services import incident_close, silence_sweep
from fleet.core.errors import Conflict
from fleet.organizations.access import viewer_of_user
from fleet.organizations.models import Membership

pytestmark = pytest.mark.django_db

LONG = timedelta(hours=4)
_LINK = re.compile(r"https://roost\.example(/incidents/link/[^/\s]+/)")


@pytest.fixture(autouse=True)
def _ready(settings, smtp, listening):
    """Set up a mail server, a pulse of ingest, and styles without collected files."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture
def operator(make_member):
    return make_member("op@example.org", role="operator")


@pytest.fixture
def incident(operator, member, make_station):
    make_station("SG-1", name="Old Cut", heard_ago=LONG)
    silence_sweep()
    notifications_send(channel="mail")
    return Incident.objects.get()


@pytest.fixture
def link(incident, smtp):
    (mail,) = smtp.to("op@example.org")
    (found,) = _LINK.findall(mail.get_content())
    return found


def now():
    return datetime.now(tz=UTC)


def fresh(incident):
    return Incident.objects.get(pk=incident.pk)


def test_opening_it_changes_nothing_and_using_it_acknowledges_once(client, link, incident, operator):
    for _ in range(3):
        answer = client.get(link)
        assert answer.status_code == 200
        assert client.head(link).status_code == 200
    text = answer.content.decode()
    assert "Old Cut" in text
    assert operator.username in text
    assert answer["Cache-Control"].startswith("max-age=0")
    assert fresh(incident).state == "open"
    done = client.post(link, {"do": "acknowledge"})
    assert done.status_code == 200
    assert "This link no longer works" in done.content.decode()
    step = IncidentStep.objects.get()
    assert (step.kind, step.by, step.link is not None) == ("acknowledged", operator, True)
    assert fresh(incident).state == "acknowledged"
    for again in (client.get(link), client.post(link, {"do": "snooze", "how_long": "8h"})):
        assert again.status_code == 409
        assert "has been used" in again.content.decode()
    assert fresh(incident).state == "acknowledged"


@pytest.mark.parametrize(("how_long", "hours"), [("8h", 8), ("7d", 168), ("change", None)])
def test_it_snoozes_too(client, link, incident, how_long, hours):
    client.post(link, {"do": "snooze", "how_long": how_long})
    held = fresh(incident)
    assert held.state == "snoozed"
    assert held.is_snoozed_until_change is (hours is None)
    if hours:
        assert abs(held.snoozed_until - now() - timedelta(hours=hours)) < timedelta(minutes=5)


@pytest.mark.parametrize("body", [{}, {"do": "x"}, {"do": "snooze"}, {"do": "snooze", "how_long": "900d"}])
def test_an_invalid_form_changes_nothing_and_does_not_use_up_the_link(client, link, incident, body):
    assert client.post(link, body).status_code == 200
    assert not IncidentStep.objects.exists()
    client.post(link, {"do": "acknowledge"})
    assert fresh(incident).state == "acknowledged"


def test_the_form_wants_a_token_of_ours(link, incident):
    assert Client(enforce_csrf_checks=True).post(link, {"do": "acknowledge"}).status_code == 403
    assert fresh(incident).state == "open"


def test_it_expires(client, link, incident):
    with time_machine.travel(now() + VALID + timedelta(hours=1)):
        answer = client.post(link, {"do": "acknowledge"})
        assert answer.status_code == 409
        assert "Old Cut" not in answer.content.decode()
    assert fresh(incident).state == "open"


def test_no_other_incident_and_no_other_message_can_be_named_with_it(client, link, incident, make_station):
    make_station("SG-2", heard_ago=LONG)
    silence_sweep()
    notifications_send(channel="mail")
    other = Incident.objects.exclude(pk=incident.pk).get()
    notification = Notification.objects.get(recipient="op@example.org", incidents=incident)
    signature = link.rstrip("/").rsplit(".", 1)[1]
    for token in (
        f"{notification.pk}-{other.pk}.{signature}",
        f"{notification.pk + 1}-{incident.pk}.{signature}",
        f"{notification.pk}-{incident.pk}.{'A' * 43}",
        f"{notification.pk}-{incident.pk}",
        "x",
        "9" * 500,
        # Signed, but the message is not about this incident.
        act_token(notification, other),
    ):
        assert client.get(f"/incidents/link/{token}/").status_code == 404
        assert client.post(f"/incidents/link/{token}/", {"do": "acknowledge"}).status_code == 404
    assert not IncidentStep.objects.exists()


def test_somebody_else_who_is_logged_in_does_not_act_with_it(link, incident, make_member, operator):
    other, own = Client(), Client()
    other.force_login(make_member("bo@example.org", role="owner"))
    for answer in (other.get(link), other.post(link, {"do": "acknowledge"})):
        assert answer.status_code == 403
        assert "sent to somebody else" in answer.content.decode()
    assert fresh(incident).state == "open"
    own.force_login(operator)
    own.post(link, {"do": "acknowledge"})
    assert fresh(incident).state == "acknowledged"


@pytest.mark.parametrize("change", ["left", "viewer", "inactive", "address", "deleted"])
def test_whoever_may_no_longer_act_or_has_another_address_does_not_act_with_it(
    client, link, incident, operator, change
):
    membership = Membership.objects.filter(user=operator)
    if change == "left":
        membership.delete()
    elif change == "viewer":
        membership.update(role="viewer")
    elif change == "inactive":
        operator.is_active = False
        operator.save()
    elif change == "address":
        operator.email = "new@example.org"
        operator.save()
    else:
        operator.delete()
    assert client.get(link).status_code == 404
    assert client.post(link, {"do": "acknowledge"}).status_code == 404
    assert fresh(incident).state == "open"


def test_what_is_over_is_shown_as_over(client, link, incident):
    incident_close(station_id=incident.station_id, rule="silence", moment=now())
    text = client.get(link).content.decode()
    assert "Back since" in text
    assert "<button" not in text.split("<main")[1].split("</main")[0]
    assert client.post(link, {"do": "acknowledge"}).status_code == 409
    assert not IncidentStep.objects.exists()


def test_what_somebody_acknowledged_meanwhile_is_told_and_uses_nothing_up(client, link, incident, make_member):
    boss = make_member("bo@example.org", role="owner")
    incident_acknowledge(actor=viewer_of_user(boss), incident=incident)
    assert boss.username in client.get(link).content.decode()
    answer = client.post(link, {"do": "acknowledge"})
    assert answer.status_code == 409
    assert boss.username in answer.content.decode()
    assert client.post(link, {"do": "snooze", "how_long": "1d"}).status_code == 200
    assert fresh(incident).state == "snoozed"


def test_viewers_and_messages_about_ends_get_no_link(smtp, incident, hear):
    (mail,) = smtp.to("ana@example.org")
    assert not _LINK.findall(mail.get_content())
    smtp.taken.clear()
    hear(incident.station)
    notifications_send(channel="mail")
    assert len(smtp.taken) == 2
    assert not [mail for mail in smtp.taken if _LINK.findall(mail.get_content())]


def test_a_message_about_several_has_one_for_each(client, smtp, operator, make_station):
    for n in range(3):
        make_station(f"SG-{n}", heard_ago=LONG)
    silence_sweep()
    notifications_send(channel="mail")
    (mail,) = smtp.to("op@example.org")
    links = _LINK.findall(mail.get_content())
    assert len(set(links)) == 3
    for n, one in enumerate(links, start=1):
        client.post(one, {"do": "acknowledge"})
        assert Incident.objects.filter(acknowledged_at__isnull=False).count() == n


def test_a_message_that_is_sent_again_has_the_same_one(smtp, operator, make_station):
    make_station("SG-1", heard_ago=LONG)
    silence_sweep()
    smtp.answers = ["drop"]
    for _ in range(2):
        Notification.objects.filter(state="pending").update(due_at=now())
        notifications_send(channel="mail")
    first, second = (mail.get_content() for mail in smtp.seen)
    assert _LINK.findall(first) == _LINK.findall(second) != []


@pytest.mark.django_db(transaction=True)
def test_of_two_who_use_it_at_once_one_does(link, incident):
    token, results, gate = link.rstrip("/").rsplit("/", 1)[1], [], threading.Barrier(4)

    def use():
        try:
            gate.wait()
            link_acknowledge(token=token, user=None)
            results.append("done")
        except Conflict:
            results.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["done", "refused", "refused", "refused"]
    assert IncidentStep.objects.count() == 1


def test_a_webhook_of_a_member_gets_it_and_one_of_the_organization_does_not(
    client, settings, organization, make_member, make_station
):
    settings.ROOST_WEBHOOK_PRIVATE_ADDRESSES = True
    bodies = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            bodies[self.path] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        owner = viewer_of_user(make_member("own@example.org", role="owner"))
        for name, is_own in (("mine", True), ("ours", False)):
            address = f"http://localhost:{server.server_port}/{name}"
            destination_add(actor=owner, organization=organization, channel="webhook", address=address, is_own=is_own)
        make_station("SG-1", heard_ago=LONG)
        silence_sweep()
        assert notifications_send(channel="webhook") == 2
    finally:
        server.shutdown()
        server.server_close()
    incident = Incident.objects.get()
    (mine,), (ours,) = bodies["/mine"]["incidents"], bodies["/ours"]["incidents"]
    assert ours["act_url"] == ""
    assert mine["incident_url"] == ours["incident_url"] == f"https://roost.example/incidents/{incident.pk}/"
    assert client.post(mine["act_url"].removeprefix("https://roost.example"), {"do": "acknowledge"}).status_code == 200
    assert fresh(incident).acknowledged_by_name == owner.name
