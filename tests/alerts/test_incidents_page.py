"""The incidents page: open and past incidents, shown only to members, and the choice to get fewer mails."""

from datetime import timedelta

import pytest
from django.test import Client

from fleet.alerts.models import Incident, Notification
from fleet.alerts.sending.destinations import mail_choices
from fleet.alerts.services import silence_sweep

pytestmark = pytest.mark.django_db

LONG = timedelta(hours=4)


@pytest.fixture(autouse=True)
def _ready(settings, listening):
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture
def browse():
    def log_in(user, **options):
        client = Client(**options)
        client.force_login(user)
        return client

    return log_in


def test_open_and_over_are_told_in_sentences(browse, member, make_station, hear):
    open_one, over = make_station("SG-1", name="Old Cut", heard_ago=LONG), make_station("SG-2", heard_ago=LONG)
    silence_sweep()
    hear(over)
    client = browse(member)
    text = client.get("/incidents/").content.decode()
    assert "Silent since" in text
    assert "Old Cut" in text
    assert "Back since" in text
    assert f'href="/stations/{over.serial}/"' in text
    # An open incident links to its own page, and that page to the station.
    address = f"/incidents/{Incident.objects.get(station=open_one).pk}/"
    assert f'href="{address}"' in text
    assert f'href="/stations/{open_one.serial}/"' in client.get(address).content.decode()


def test_a_stranger_sees_nothing_of_it(browse, member, make_member, make_organization, make_station):
    make_station("SG-SECRET", heard_ago=LONG)
    silence_sweep()
    Notification.objects.update(attempts=1, last_error="no way out")
    stranger = make_member("stranger@example.org", of=make_organization("Strangers"))
    text = browse(stranger).get("/incidents/").content.decode()
    assert "SG-SECRET" not in text
    assert "no way out" not in text
    assert "Roost knows of no problems now" in text


def test_mails_that_do_not_get_out_are_told_with_their_reason(browse, member, make_station):
    make_station(heard_ago=LONG)
    silence_sweep()
    Notification.objects.update(attempts=3, last_error="The mail server cannot be used: refused")
    assert "The mail server cannot be used: refused" in browse(member).get("/incidents/").content.decode()


def test_names_are_escaped(browse, member, make_station):
    make_station("SG-1", name="<script>alert(1)</script>", heard_ago=LONG)
    silence_sweep()
    text = browse(member).get("/incidents/").content.decode()
    assert "<script>alert" not in text
    assert "&lt;script&gt;" in text


def test_a_member_stops_the_mails_and_takes_them_again(browse, member, organization):
    client = browse(member)
    for word, is_alerted in (("off", False), ("on", True)):
        answer = client.post("/incidents/mails/", {"organization": organization.pk, "mails": word}, follow=True)
        assert answer.status_code == 200
        assert mail_choices(user=member).get().is_alerted is is_alerted


@pytest.mark.parametrize("wanted", ["", "x", "0", "9" * 40, "-1", "٣"])
def test_nonsense_changes_nothing(browse, member, wanted):
    answer = browse(member).post("/incidents/mails/", {"organization": wanted, "mails": "off"}, follow=True)
    assert answer.status_code == 200
    assert "You are not a member of this organization" in answer.content.decode()
    assert mail_choices(user=member).get().is_alerted


def test_a_foreign_organization_cannot_be_chosen(browse, member, make_member, make_organization):
    strangers = make_organization("Strangers")
    stranger = make_member("stranger@example.org", of=strangers)
    browse(member).post("/incidents/mails/", {"organization": strangers.pk, "mails": "off"})
    assert mail_choices(user=stranger).get().is_alerted


def test_the_form_wants_a_token_of_ours(browse, member, organization):
    client = browse(member, enforce_csrf_checks=True)
    assert client.post("/incidents/mails/", {"organization": organization.pk, "mails": "off"}).status_code == 403


def test_nobody_who_is_not_logged_in_sees_it(client):
    assert client.get("/incidents/").status_code == 302
    assert client.post("/incidents/mails/").status_code == 302


def test_the_number_of_queries_does_not_grow(browse, member, make_station, django_assert_max_num_queries):
    client = browse(member)
    for _ in range(40):
        make_station(heard_ago=LONG)
    silence_sweep()
    with django_assert_max_num_queries(14):
        assert client.get("/incidents/").status_code == 200
