"""Gateways and shared failures on pages, in the API and on the command line."""

import json

import pytest
from alerts.grouped import fall_silent, look, opened, place, site_make
from api_asking import Asker, problem_of
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from people import key_of

from fleet.alerts.models import Incident
from fleet.alerts.models.shared import SharedFailure
from fleet.stations.models import Station

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _ready(settings, smtp, listening):
    """Set throttles to zero, and set up a mail server, a pulse of ingest, and styles without collected files."""
    cache.clear()
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture
def browser(make_member):
    client = Client()
    client.force_login(make_member("op@example.org", role="operator"))
    return client


@pytest.fixture
def pair(make_station):
    """A gateway and a station."""
    return make_station("SG-GATE", name="Gate"), make_station("SG-BOG", name="Bog")


def main_of(answer):
    return answer.content.decode().split("<main")[1].split("</main")[0]


def settings_of(station):
    """The fields that the browser sends from the settings form, without empty ones."""
    return {"name": station.name}


def test_the_settings_page_sets_and_ends_a_gateway_and_says_why_not(browser, pair):
    gate, bog = pair
    address = f"/stations/{bog.serial}/settings/"
    browser.post(address, settings_of(bog) | {"parent": "sg-gate"})
    assert Station.objects.get(pk=bog.pk).parent == gate
    assert 'value="SG-GATE"' in main_of(browser.get(address))
    answer = browser.post(f"/stations/{gate.serial}/settings/", settings_of(gate) | {"parent": "SG-BOG"})
    assert "SG-BOG is itself behind SG-GATE: that would be a loop." in main_of(answer)
    answer = browser.post(address, settings_of(bog) | {"parent": "SG-NONE"})
    assert "There is no station SG-NONE that you may see." in main_of(answer)
    assert Station.objects.get(pk=bog.pk).parent == gate
    browser.post(address, settings_of(bog) | {"parent": ""})
    assert Station.objects.get(pk=bog.pk).parent is None


def test_a_station_of_others_is_no_gateway_and_is_not_revealed(browser, pair, make_station, make_organization):
    theirs = make_station("SG-THEIRS", of=make_organization("Others"))
    answer = browser.post("/stations/SG-BOG/settings/", settings_of(pair[1]) | {"parent": theirs.serial})
    assert "There is no station SG-THEIRS that you may see." in main_of(answer)


def test_programs_set_it_and_read_what_holds_an_incident(organization, pair, make_station):
    gate, bog = pair
    for _ in range(3):
        make_station()
    writer = Asker(key_of(organization, write=True))
    patch = {"content_type": "application/json"}
    answer = writer.client.patch("/api/v1/stations/SG-BOG", json.dumps({"parent": "SG-GATE"}), **patch)
    assert answer.json()["parent"] == "SG-GATE"
    answer = writer.client.patch("/api/v1/stations/SG-GATE", json.dumps({"parent": "SG-BOG"}), **patch)
    problem_of(answer, 400, "parent")
    fall_silent(gate, bog)
    look()
    assert writer.get(f"incidents/{opened(bog).pk}").json()["held_by"] == opened(gate).pk
    answer = writer.client.patch("/api/v1/stations/SG-BOG", json.dumps({"parent": ""}), **patch)
    assert answer.json()["parent"] == ""


def test_the_pages_of_both_incidents_lead_to_each_other(browser, pair, make_station, hear):
    gate, bog = pair
    for _ in range(3):
        make_station()
    Station.objects.filter(pk=bog.pk).update(parent=gate)
    fall_silent(gate, bog)
    look()
    above, below = opened(gate), opened(bog)
    text = main_of(browser.get(f"/incidents/{above.pk}/"))
    assert "Silent behind it" in text
    assert f'href="/incidents/{below.pk}/"' in text
    text = main_of(browser.get(f"/incidents/{below.pk}/"))
    assert f'href="/incidents/{above.pk}/"' in text
    assert "1 was held back." in text
    hear(gate)
    look()
    text = main_of(browser.get(f"/incidents/{above.pk}/"))
    assert f'href="/incidents/{below.pk}/"' in text
    assert "alert sent since" in text


def test_a_shared_failure_is_on_the_page_of_incidents_and_lists_its_own(browser, organization, make_station):
    stations = [make_station(f"SG-{n}") for n in range(4)]
    place(site_make(organization), *stations)
    others = [make_station(f"SG-X{n}") for n in range(9)]
    fall_silent(*stations, others[0])
    look()
    failure = SharedFailure.objects.get()
    text = main_of(browser.get("/incidents/"))
    assert "4 of 4 stations at Old Cut fell silent within " in text
    assert "SG-X0" in text
    text = main_of(browser.get("/incidents/", {"shared": failure.pk}))
    assert ("SG-0" in text, "SG-X0" in text) == (True, False)
    assert browser.get("/incidents/", {"shared": "9" * 40}).status_code == 200
    text = main_of(browser.get(f"/incidents/{opened(stations[0]).pk}/"))
    assert f"?shared={failure.pk}" in text
    reader = Asker(key_of(organization))
    rows = reader.get("incidents", shared=str(failure.pk)).json()["results"]
    assert sorted(row["station"] for row in rows) == ["SG-0", "SG-1", "SG-2", "SG-3"]
    assert {row["shared"] for row in rows} == {failure.pk}


def test_others_see_nothing_of_it(organization, make_station, make_member, make_organization):
    fall_silent(*[make_station() for _ in range(4)])
    look()
    client = Client()
    client.force_login(make_member("x@example.org", role="owner", of=make_organization("Strangers")))
    failure = SharedFailure.objects.get()
    text = main_of(client.get("/incidents/", {"shared": failure.pk}))
    assert "Old Cut" not in text
    assert client.get(f"/incidents/{Incident.objects.earliest('pk').pk}/").status_code == 404


def test_the_command_line_sets_and_ends_it(pair, capsys):
    gate, bog = pair
    call_command("station", "parent", "SG-BOG", "--is", "SG-GATE")
    assert Station.objects.get(pk=bog.pk).parent == gate
    assert "SG-BOG is behind SG-GATE" in capsys.readouterr().out
    call_command("station", "parent", "SG-BOG", "--none", "--json")
    assert json.loads(capsys.readouterr().out) == {"serial": "SG-BOG", "parent": None}
    assert Station.objects.get(pk=bog.pk).parent is None
