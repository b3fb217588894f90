"""Parts that all pages share: login, policy, languages, errors in plain words, health."""

import json
import re
from datetime import timedelta
from pathlib import Path

import polib
import pytest
from django.db import DatabaseError
from django.urls import reverse
from django.utils import translation
from people import station_of

from fleet.alerts.models import Incident
from fleet.core import clock
from fleet.deployments.models import Site
from fleet.stations.notes import note_add
from sg_status.registry import page_patterns
from web.assets import catalogues_compile
from web.failures import failure

pytestmark = pytest.mark.django_db
PASSWORD = "a long password"
ROOT = Path(__file__).resolve().parents[2]
CATALOGUES = sorted([*ROOT.glob("web/locale/*/LC_MESSAGES/*.po"), *ROOT.glob("fleet/*/locale/*/LC_MESSAGES/*.po")])


@pytest.fixture
def person(viewer):
    """A person who knows their password."""
    viewer.user.set_password(PASSWORD)
    viewer.user.save()
    return viewer.user


def test_every_page_and_error_carries_the_strict_policy(browse, viewer):
    client = browse(viewer)
    for address in ("/", "/login/", "/quarantine/", "/nothing-here", "/healthz"):
        policy = client.get(address).headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert "script-src 'self';" in policy


def test_pages_may_talk_to_the_live_process_on_the_host_they_came_from(browse, viewer, settings):
    settings.ROOST_LIVE_PORT = "4711"
    answer = browse(viewer).get("/", headers={"Host": "localhost:8000"})
    assert "connect-src 'self' http://localhost:4711;" in answer.headers["Content-Security-Policy"]
    assert 'data-address="http://localhost:4711/live/fleet"' in answer.content.decode()
    settings.ROOST_LIVE_PORT = ""
    answer = browse(viewer).get("/")
    assert "connect-src 'self';" in answer.headers["Content-Security-Policy"]
    assert 'data-address="/live/fleet"' in answer.content.decode()


def test_no_page_has_script_or_style_inside(browse, operator, busy):
    client = browse(operator)
    for tab in (
        "",
        "data/",
        "detections/",
        "deliveries/",
        "commands/",
        "events/",
        "settings/",
        "commands/send/reboot/",
    ):
        page = client.get(f"/stations/{busy.serial}/{tab}").content.decode()
        assert not re.search(r'<script(?! type="application/json")(?![^>]*\ssrc=)[^>]*>', page)
        assert not re.search(r"\sstyle=|<style|\son[a-z]+=", page)


def test_logging_in_leads_to_the_fleet_and_out_to_the_login(client, person):
    answer = client.post("/login/", {"login": "viewer", "password": PASSWORD})
    assert answer.headers["Location"] == "/"
    assert client.get("/").status_code == 200
    assert "Do you want to log out" in client.get("/logout/").content.decode()
    assert client.get("/").status_code == 200
    assert client.post("/logout/").headers["Location"] == "/login/"
    assert client.get("/").status_code == 302


def test_the_way_back_after_login_leads_to_no_other_site(client, person):
    data = {"login": "viewer", "password": PASSWORD}
    assert client.post("/login/?next=/quarantine/", data).headers["Location"] == "/quarantine/"
    client.post("/logout/")
    assert client.post("/login/?next=https://elsewhere.example/", data).headers["Location"] == "/"


def test_guessing_passwords_is_braked_and_says_for_how_long(client, person, no_counters):
    for _ in range(10):
        assert "Wrong username" in client.post("/login/", {"login": "viewer", "password": "no"}).content.decode()
    answer = client.post("/login/", {"login": "viewer", "password": PASSWORD})
    assert answer.status_code == 200
    assert "Wait five minutes" in answer.content.decode()


def test_an_unknown_address_is_said_in_words(browse, viewer):
    answer = browse(viewer).get("/nothing-here")
    assert answer.status_code == 404
    assert "There is nothing at this address" in answer.content.decode()


def test_a_fault_of_ours_is_said_to_be_ours(browse, viewer, monkeypatch):
    def fail(*_):
        raise RuntimeError("inside")

    monkeypatch.setattr("sg_status.pages.fleet.list.fleet_totals", fail)
    client = browse(viewer, raise_request_exception=False)
    answer = client.get("/")
    assert answer.status_code == 500
    assert "it is our fault" in answer.content.decode()
    assert "inside" not in answer.content.decode()


def test_health_is_a_query(client, monkeypatch):
    assert client.get("/healthz").json()["healthy"] is True
    assert client.post("/healthz").status_code == 405

    def away(*_):
        raise DatabaseError

    monkeypatch.setattr("web.health.connection.cursor", away)
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["healthy"] is False


def test_every_page_is_for_people_who_are_logged_in(client):
    values = {"serial": "X", "message_id": 1, "command_id": "00000000-0000-0000-0000-000000000000", "name": "ping"}
    # Links in mails, such as invitations, are for people who have them. Public pages, their map tiles, status pages and
    # the agent for new stations are for everybody.
    for_everybody = {
        "invitation",
        "incident-link",
        "mails-off",
        "incidents-atom",
        "incidents-calendar",
        "agent",
        "agent-script",
        "agent-file",
        "tiles-file",
    }
    for_everybody |= {f"status-{name}" for name in ("page", "embed", "json", "badge", "digit", "feed")}
    for pattern in page_patterns():
        if pattern.name in for_everybody or pattern.name.startswith("public-"):
            continue
        wanted = {name: values.get(name, 1) for name in pattern.pattern.converters}
        address = reverse(pattern.name, kwargs=wanted)
        for ask in (client.get, client.post):
            answer = ask(address)
            assert answer.status_code in (302, 405), address
            if answer.status_code == 302:
                assert answer.headers["Location"].startswith("/login/")


def test_the_language_is_chosen_on_the_page_and_kept(browse, viewer, institute):
    catalogues_compile()
    translation.trans_real._translations.clear()
    client = browse(viewer)
    assert "Stations</span>" in client.get("/").content.decode()
    client.post("/language/setlang/", {"language": "de", "next": "/"})
    page = client.get("/").content.decode()
    assert '<html lang="de">' in page
    assert "Stationen</span>" in page
    assert "Abmelden" in page
    client.post("/language/setlang/", {"language": "en", "next": "/"})
    assert "Stations</span>" in client.get("/").content.decode()


def incident_of(organization, rule="silence", **fields):
    moment = clock.now()
    return Incident.objects.create(
        organization=organization, station=station_of(organization), rule=rule, sentence="Silent.", began_at=moment,
        opened_at=moment, **fields,
    )  # fmt: skip


def test_the_menu_and_the_title_count_ones_own_open_incidents(browse, viewer, institute, elsewhere):
    client = browse(viewer)
    incident_of(elsewhere)
    incident_of(institute, closed_at=clock.now())
    page = client.get("/incidents/").content.decode()
    assert "<title>Incidents · Roost</title>" in page
    assert 'id="open-count" hidden' in page
    assert re.search(r'href="[^"]*mark\.[^"]*svg"', page)
    incident_of(institute, rule="health_battery")
    page = client.get("/incidents/").content.decode()
    assert "<title>(1) Incidents · Roost</title>" in page
    assert re.search(r'href="[^"]*mark-late\.', page)
    incident_of(institute)
    page = client.get("/sites/").content.decode()
    assert "<title>(2) Sites · Roost</title>" in page
    assert re.search(r'href="[^"]*mark-silent\.', page)
    assert "Institute" in page


def test_a_part_of_a_page_brings_the_count_with_it_for_the_frame(browse, viewer, institute):
    incident_of(institute)
    answer = browse(viewer).get("/", headers={"HX-Request": "true"})
    assert "<html" not in answer.content.decode()
    assert json.loads(answer.headers["HX-Trigger"]) == {"roost:open": {"count": "1", "worst": "silent"}}


def test_a_storm_of_incidents_is_counted_up_to_a_limit(browse, viewer, institute, monkeypatch):
    monkeypatch.setattr("fleet.alerts.selectors.OPEN_COUNTED_MOST", 3)
    monkeypatch.setattr("sg_status.shell.OPEN_COUNTED_MOST", 3)
    for _each in range(5):
        incident_of(institute)
    assert "<title>(2+) " in browse(viewer).get("/sites/").content.decode()


def test_an_incident_tells_what_happened_around_it_and_what_was_before(browse, operator, institute):
    found = incident_of(institute)
    note_add(actor=operator, station=found.station, text="No boat today.")
    moment = clock.now() - timedelta(days=9)
    Incident.objects.create(
        organization=institute, station=found.station, rule="health_battery", sentence="Low.", began_at=moment,
        opened_at=moment, closed_at=moment + timedelta(hours=2),
    )  # fmt: skip
    page = browse(operator).get(f"/incidents/{found.pk}/").content.decode()
    for words in ("No boat today.", "operator:", "Noticed.", "battery low", "2 h"):
        assert words in page


def test_the_search_finds_ones_own_things_and_says_when_there_is_more(browse, viewer, institute, elsewhere):
    for number in range(9):
        station_of(institute, name=f"Willet {number}")
    station_of(elsewhere, name="Willet of others")
    Site.objects.create(organization=institute, name="Willet marsh")
    client = browse(viewer)
    page = client.get("/search/?q=willet").content.decode()
    assert page.count("Willet ") == 9
    assert "Willet of others" not in page
    assert "Willet marsh" in page
    assert 'href="/?q=willet"' in page
    assert "Nothing of yours matches “dunlin”" in client.get("/search/?q=dunlin").content.decode()
    part = client.get("/search/?q=incid", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert 'href="/incidents/"' in part


def test_a_person_who_searches_all_the_time_is_told_to_wait(browse, viewer, no_counters, monkeypatch):
    monkeypatch.setattr("sg_status.search.A_MINUTE_MOST", 2)
    monkeypatch.setattr("sg_status.search._minute", lambda: 1)
    client = browse(viewer)
    assert [client.get("/search/?q=a").status_code for _each in range(2)] == [200, 200]
    answer = client.get("/search/?q=a")
    assert answer.status_code == 429
    assert "Too many searches" in answer.content.decode()
    assert client.get("/search/").status_code == 200


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_catalogue_keeps_every_placeholder(catalogue):
    messages = polib.pofile(str(catalogue))
    for entry in messages.translated_entries():
        singular, plural = _placeholders(entry.msgid), _placeholders(entry.msgid_plural or entry.msgid)
        texts = list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]
        assert _placeholders(texts[-1]) == plural, entry.msgid
        assert all(_placeholders(text) <= singular | plural for text in texts), entry.msgid


def _placeholders(text: str) -> set[str]:
    return set(re.findall(r"%\(\w+\)[-+.\d]*[a-z]|%%", text))


def test_what_nobody_foresaw_is_a_page_that_says_so(rf):
    answer = failure(rf.get("/"))
    assert (answer.status_code, answer["Content-Type"].partition(";")[0]) == (500, "text/html")
    assert b"<h1" in answer.content
