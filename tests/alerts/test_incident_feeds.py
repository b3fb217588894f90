"""The feed and the calendar of incidents: whoever knows the secret address reads them, and nobody else; and they are bounded."""

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from icalendar import Calendar

from fleet.alerts.feeds import NEWEST_MOST, OPEN_MOST, feed_make, feed_token, feed_withdraw
from fleet.alerts.models import Incident
from fleet.alerts.models.feed import IncidentFeed
from fleet.core.errors import Forbidden
from fleet.core.models import AuditEntry
from fleet.organizations.access import viewer_of_user

pytestmark = pytest.mark.django_db

ATOM = "{http://www.w3.org/2005/Atom}"
BEGAN = datetime(2026, 11, 3, 4, 5, 6, 789, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _ready(settings):
    """Use a known site address, and styles without collected files."""
    settings.SITE_URL = "https://roost.example"
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture
def owner(make_member):
    return make_member("owner@example.org", role="owner")


@pytest.fixture
def feed(owner, organization):
    return feed_make(actor=viewer_of_user(owner), organization=organization)


def where(feed, name):
    return f"/feeds/{feed_token(feed)}/incidents.{name}"


def make_incident(station, began_at=BEGAN, *, closed_at=None, rule="silence", **fields):
    return Incident.objects.create(
        organization=station.organization, station=station, rule=rule, began_at=began_at, opened_at=began_at + HOUR,
        closed_at=closed_at, **{"sentence": "Silent since then.", **fields},
    )  # fmt: skip


def events(client, feed):
    answer = client.get(where(feed, "ics"))
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    assert all(len(line) <= 75 for line in answer.content.split(b"\r\n"))
    return {str(event["uid"]): event for event in Calendar.from_ical(answer.content).walk("VEVENT")}


def entries(client, feed):
    answer = client.get(where(feed, "atom"))
    assert answer["Content-Type"] == "application/atom+xml; charset=utf-8"
    return ET.fromstring(answer.content).findall(f"{ATOM}entry")  # noqa: S314 - our own


def test_the_feed_names_each_incident_once_and_what_changed_last_first(client, feed, make_station):
    ended = make_incident(
        make_station("SG-1", name="Old & <Cut>"), closed_at=BEGAN + 30 * HOUR, closing_sentence="Back again."
    )
    opened = make_incident(make_station("SG-2"), BEGAN + 2 * HOUR)
    first, second = entries(client, feed)
    assert first.findtext(f"{ATOM}title") == "Over: silent: Old & <Cut> (SG-1)"
    assert first.findtext(f"{ATOM}summary") == "Silent since then.\nBack again."
    assert first.findtext(f"{ATOM}id") == f"https://roost.example/incidents/{ended.pk}/"
    assert first.findtext(f"{ATOM}updated").startswith("2026-11-04T10:05:06")
    assert second.findtext(f"{ATOM}title") == "silent: SG-2"
    assert second.find(f"{ATOM}link").get("href") == f"https://roost.example/incidents/{opened.pk}/"


def test_the_calendar_shows_from_when_to_when(client, feed, make_station):
    name = "Ångström; a, very \\ long name " + "ü" * 40
    ended = make_incident(make_station("SG-1", name=name), closed_at=BEGAN + 30 * HOUR, closing_sentence="Back.\nNow.")
    opened = make_incident(make_station("SG-2"), BEGAN + 2 * HOUR)
    found = events(client, feed)
    assert set(found) == {f"incident-{one.pk}@roost.example" for one in (ended, opened)}
    event = found[f"incident-{ended.pk}@roost.example"]
    assert str(event["summary"]) == f"Over: silent: {name} (SG-1)"
    assert str(event["description"]) == "Silent since then.\nBack. Now."
    assert event.start == BEGAN.replace(microsecond=0)
    assert event.end == (BEGAN + 30 * HOUR).replace(microsecond=0)
    now = datetime.now(tz=UTC)
    end = found[f"incident-{opened.pk}@roost.example"].end
    assert (end.minute, end.second) == (0, 0)
    assert now - HOUR < end <= now + 2 * HOUR


def test_no_name_or_sentence_can_add_a_line_to_the_calendar(client, feed, make_station):
    station = make_station("SG-1", name="x\r\nATTENDEE:mailto:a@example.org")
    make_incident(station, sentence="y\r\nEND:VEVENT\r\nBEGIN:VALARM")
    (event,) = events(client, feed).values()
    assert "attendee" not in event
    assert not event.subcomponents
    assert str(event["summary"]) == "silent: x ATTENDEE:mailto:a@example.org (SG-1)"
    assert len(entries(client, feed)) == 1


def test_the_name_of_the_organization_is_escaped(client, feed, organization):
    organization.name = "Old; Cut, \\ Observatory"
    organization.save()
    text = client.get(where(feed, "ics")).content.decode()
    assert "\r\nNAME:Incidents of Old\\; Cut\\, \\\\ Observatory\r\n" in text
    assert entries(client, feed) == []


def test_a_sentence_that_tells_a_place_is_not_handed_to_other_programs(client, feed, make_station):
    make_incident(make_station("SG-1"), rule="motus_mismatch", sentence="It stands at 51.5 N.")
    for name in ("atom", "ics"):
        assert "51.5" not in client.get(where(feed, name)).content.decode()


def test_an_answer_that_is_known_is_not_sent_again(client, feed, make_station):
    make_incident(make_station("SG-1"), closed_at=BEGAN + 2 * HOUR)
    for name in ("atom", "ics"):
        first = client.get(where(feed, name))
        assert first["Cache-Control"] == "private, max-age=300"
        again = client.get(where(feed, name), headers={"If-None-Match": first["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
    make_incident(make_station("SG-2"), closed_at=BEGAN + 2 * HOUR)
    assert client.get(where(feed, "ics"), headers={"If-None-Match": first["ETag"]}).status_code == 200


def test_an_empty_one_is_a_document_too(client, feed):
    assert entries(client, feed) == []
    assert events(client, feed) == {}
    etags = {client.get(where(feed, "atom"))["ETag"] for _ in range(3)}
    assert len(etags) == 1


def test_a_replaced_and_a_withdrawn_address_do_not_work(client, feed, owner, organization):
    old, actor = where(feed, "atom"), viewer_of_user(owner)
    new = where(feed_make(actor=actor, organization=organization), "atom")
    assert [client.get(one).status_code for one in (old, new)] == [404, 200]
    feed_withdraw(actor=actor, organization=organization)
    feed_withdraw(actor=actor, organization=organization)
    assert client.get(new).status_code == 404
    told = AuditEntry.objects.order_by("id").values_list("action", "actor__username")
    assert list(told) == [(f"feed.{what}", owner.username) for what in ("make", "replace", "withdraw")]


def test_no_other_address_works(client, feed, make_organization):
    secret = feed_token(feed).partition(".")[2]
    other = IncidentFeed.objects.create(organization=make_organization("Another"), seed="x", made_at=BEGAN)
    for token in (f"{other.pk}.{secret}", f"{feed.pk}.", f"{feed.pk}", f"0{feed.pk}.{secret}", secret, "٣.x",
                  f"{'9' * 30}.{secret}", f"{'0' * 5000}1.{secret}", f"{feed.pk}.é"):  # fmt: skip
        for name in ("atom", "ics"):
            assert client.get(f"/feeds/{token}/incidents.{name}").status_code == 404


def test_it_shows_only_its_organization_and_ends_with_it(client, feed, make_organization, make_station, organization):
    make_incident(make_station("SG-THEIRS", of=make_organization("Another")))
    assert entries(client, feed) == []
    organization.deleted_at = BEGAN
    organization.save()
    assert client.get(where(feed, "atom")).status_code == 404


def test_it_is_bounded_and_its_queries_are_too(client, feed, make_station):
    station = make_station("SG-1")
    make_incident(station)
    counts = {}
    for name in ("atom", "ics"):
        with CaptureQueriesContext(connection) as few:
            client.get(where(feed, name))
        counts[name] = len(few)
    open_long = [make_incident(station, BEGAN - HOUR, rule=f"old{n}") for n in range(OPEN_MOST + 5)]
    for number in range(NEWEST_MOST + 5):
        make_incident(station, BEGAN + HOUR, rule=f"new{number}", closed_at=BEGAN + 3 * HOUR)
    for name in ("atom", "ics"):
        with CaptureQueriesContext(connection) as many:
            client.get(where(feed, name))
        assert len(many) == counts[name]
    shown = events(client, feed)
    assert len(shown) == NEWEST_MOST + OPEN_MOST
    assert f"incident-{open_long[-1].pk}@roost.example" in shown


def test_owners_make_replace_and_withdraw_it_on_the_page_and_others_do_not_see_it(owner, member, organization):
    page = f"/organizations/{organization.slug}/alerts/"
    ours, theirs = Client(), Client()
    ours.force_login(owner)
    theirs.force_login(member)
    assert "Make an address" in ours.get(page).content.decode()
    assert "new address" in ours.post(f"{page}feed/", {"do": "make"}, follow=True).content.decode()
    token = feed_token(IncidentFeed.objects.get())
    answer = ours.get(page)
    assert f"https://roost.example/feeds/{token}/incidents.atom" in answer.content.decode()
    assert answer["Cache-Control"].startswith("no-store")
    assert token not in theirs.get(page).content.decode()
    assert theirs.post(f"{page}feed/", {"do": "make"}).status_code == 403
    assert "withdrawn" in ours.post(f"{page}feed/", {"do": "withdraw"}, follow=True).content.decode()
    with pytest.raises(Forbidden):
        feed_make(actor=viewer_of_user(member), organization=organization)
    assert not IncidentFeed.objects.exists()
