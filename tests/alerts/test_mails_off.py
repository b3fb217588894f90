"""The address in an alert's headers: one click switches that person's mails of that organization off, and no others."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client

from fleet.alerts.models import Destination, Notification
from fleet.alerts.notifications.off_links import MailKind, off_token
from fleet.alerts.sending.destinations import destination_test, mail_choices
from fleet.alerts.sending.sending import notifications_send
from fleet.alerts.services import silence_sweep
from fleet.core.models import AuditEntry
from fleet.organizations.access import viewer_of_user
from fleet.organizations.models import Membership

pytestmark = pytest.mark.django_db

LONG = timedelta(hours=4)
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
_HEADER = re.compile(r"<https://roost\.example(/mails/off/[^/\s]+/)>")


@pytest.fixture(autouse=True)
def _ready(settings, smtp, listening):
    """Set up a mail server, a pulse of ingest, and styles without collected files."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


def alert(make_station, **fields):
    make_station(heard_ago=LONG, **fields)
    silence_sweep()
    notifications_send(channel="mail")


@pytest.fixture
def address(smtp, member, make_station):
    alert(make_station)
    (mail,) = smtp.to("ana@example.org")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    return _HEADER.fullmatch(mail["List-Unsubscribe"])[1]


def is_on(user, organization):
    return mail_choices(user=user).get(organization=organization).is_alerted


def test_one_click_of_a_mail_program_switches_that_kind_of_that_organization_off(
    smtp, address, member, make_member, make_organization, make_station, organization
):
    other = make_organization("Another")
    Membership.objects.create(user=member, organization=other, created_at=organization.created_at)
    bo = make_member("bo@example.org")
    # As a mail program does it: no cookie, no token, and either encoding of forms.
    answer = Client(enforce_csrf_checks=True).post(address, ONE_CLICK)
    assert answer.status_code == 200
    assert (is_on(member, organization), is_on(member, other), is_on(bo, organization)) == (False, True, True)
    entry = AuditEntry.objects.get(action="alerts.choose")
    assert (entry.actor, entry.organization_id, entry.detail["is_on"]) == (member, organization.pk, False)
    assert entry.detail["is_by_link"] is True
    again = Client(enforce_csrf_checks=True).post(
        address, "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded"
    )
    assert again.status_code == 200
    assert AuditEntry.objects.filter(action="alerts.choose").count() == 1
    smtp.taken.clear()
    alert(make_station)
    assert [mail["To"] for mail in smtp.taken] == ["bo@example.org"]


def test_opening_it_asks_and_changes_nothing(client, address, member, organization):
    for _ in range(2):
        answer = client.get(address)
        assert client.head(address).status_code == 200
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "Alerts of Old Cut Observatory by mail" in text
    assert "ana@example.org" in text
    assert answer["Cache-Control"].startswith("max-age=0")
    assert is_on(member, organization)
    (button,) = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]+)">\s*<p class="acts">', text)
    done = client.post(address, dict([button]))
    assert "no more of them go to ana@example.org" in done.content.decode()
    assert not is_on(member, organization)


@pytest.mark.parametrize("body", [{}, {"List-Unsubscribe": "x"}, {"do": "off"}])
def test_a_post_without_the_words_changes_nothing_and_says_so(client, address, member, organization, body):
    assert client.post(address, body).status_code == 400
    assert is_on(member, organization)


def test_the_page_of_destinations_says_that_it_is_off_and_switches_it_on_again(client, address, member, organization):
    client.post(address, ONE_CLICK)
    client.force_login(member)
    where = f"/organizations/{organization.slug}/alerts/"
    assert "<b>Off.</b>" in client.get(where).content.decode()
    client.post(f"{where}{Destination.objects.get().pk}/", {"do": "on"})
    assert is_on(member, organization)
    # The same address works again: it stands in every mail.
    client.post(address, ONE_CLICK)
    assert not is_on(member, organization)


def test_no_other_person_and_no_other_kind_can_be_named_with_it(client, address, member, make_member, organization):
    bo = make_member("bo@example.org")
    ours, theirs = (Membership.objects.get(user=user) for user in (member, bo))
    signature = address.rstrip("/").rsplit(".", 1)[1]
    for token in (
        f"{theirs.pk}-alerts.{signature}",
        f"{ours.pk}-digest.{signature}",
        f"{ours.pk}-.{signature}",
        f"-{ours.pk}-alerts.{signature}",
        f"{ours.pk}-alerts.{'A' * 43}",
        f"{ours.pk}-alerts",
        f"{2**63}-alerts.{signature}",
        f"٣-alerts.{signature}",
        "x",
        "9" * 500,
    ):
        assert client.get(f"/mails/off/{token}/").status_code == 404
        assert client.post(f"/mails/off/{token}/", ONE_CLICK).status_code == 404
    assert is_on(member, organization)
    assert is_on(bo, organization)


@pytest.mark.parametrize("change", ["left", "inactive", "address", "deleted"])
def test_it_ends_with_the_membership_and_with_the_address(client, address, member, change):
    if change == "left":
        Membership.objects.filter(user=member).delete()
    elif change == "inactive":
        member.is_active = False
        member.save()
    elif change == "address":
        member.email = "new@example.org"
        member.save()
    else:
        member.delete()
    assert client.get(address).status_code == 404
    assert client.post(address, ONE_CLICK).status_code == 404
    assert set(Destination.objects.values_list("is_on", flat=True)) <= {True}


def test_in_the_browser_of_somebody_else_it_does_nothing(client, address, member, make_member, organization):
    client.force_login(make_member("bo@example.org", role="owner"))
    for answer in (client.get(address), client.post(address, ONE_CLICK)):
        assert answer.status_code == 403
        assert "sent to somebody else" in answer.content.decode()
    assert is_on(member, organization)


def test_mails_that_nobody_can_switch_off_have_no_such_header(smtp, member, make_station, make_organization):
    # A test was asked for just now, and administrators are told in place of members.
    destination_test(actor=viewer_of_user(member), destination=Destination.objects.get())
    User.objects.create_superuser("root", email="admin@example.org")
    alert(make_station, of=make_organization("Nobody there"))
    notifications_send(channel="mail")
    assert {one.phase for one in Notification.objects.filter(state="sent")} >= {"test"}
    assert len(smtp.to("ana@example.org")) == len(smtp.to("admin@example.org")) == 1
    for mail in smtp.taken:
        assert mail["List-Unsubscribe"] is None
        assert mail["List-Unsubscribe-Post"] is None


def test_one_click_is_promised_only_where_the_site_is_encrypted(smtp, settings, member, make_station):
    settings.SITE_URL = "http://roost.example"
    alert(make_station)
    (mail,) = smtp.taken
    assert mail["List-Unsubscribe"].startswith("<http://roost.example/mails/off/")
    assert mail["List-Unsubscribe-Post"] is None


def test_the_header_stands_on_one_line(smtp, member, address):
    raw = smtp.raw[0].decode()
    assert f"\r\nList-Unsubscribe: <https://roost.example{address}>\r\n" in raw
    assert "\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw


def test_a_token_is_for_one_kind(member):
    membership = Membership.objects.get(user=member)
    assert len({off_token(membership, kind).rpartition(".")[2] for kind in MailKind}) == len(MailKind)
