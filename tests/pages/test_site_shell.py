"""Parts that all pages share: login, policy, languages, errors in plain words, health."""

import re
from pathlib import Path

import polib
import pytest
from django.db import DatabaseError
from django.urls import reverse
from django.utils import translation

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
        assert not re.search(r"<script(?![^>]*\ssrc=)[^>]*>", page)
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
    def fail(**_):
        raise RuntimeError("inside")

    monkeypatch.setattr("sg_status.pages.fleet.list.station_totals", fail)
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
    # Invitations are for people with the link, and public pages are for everybody.
    for pattern in page_patterns():
        if pattern.name == "invitation" or pattern.name.startswith("public-"):
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
    assert "Stations</h1>" in client.get("/").content.decode()
    client.post("/language/setlang/", {"language": "de", "next": "/"})
    page = client.get("/").content.decode()
    assert '<html lang="de">' in page
    assert "Stationen</h1>" in page
    assert "Abmelden" in page
    client.post("/language/setlang/", {"language": "en", "next": "/"})
    assert "Stations</h1>" in client.get("/").content.decode()


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
