"""The pages of forwarders: adding one, its secret shown once, its state, and what each role may do."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from forward.conftest import counts, run

from fleet.core import clock
from fleet.core.models import AuditEntry, OutboxMessage
from fleet.forward.models import Forwarder, RefusedRow
from fleet.forward.targets import secrets_of

pytestmark = pytest.mark.django_db(transaction=True)
PLACE = "/organizations/institute/forwarders/"


@pytest.fixture(autouse=True)
def plain_files(settings):
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


def client_of(who) -> Client:
    client = Client()
    client.force_login(who.user)
    return client


def test_an_owner_adds_one_and_sees_its_secret_once(owner, receiver, station, arrive):
    client = client_of(owner)
    page = client.get(PLACE).text
    assert "There are no forwarders yet" in page
    assert f"{PLACE}add/influxdb/" in page
    told = {
        "name": "Archive", "setting_url": f"{receiver.url}/hook?key=of-the-hook", "reach": "stations",
        "stations": station.serial, "names": "temp = air, K\n\nhum = , %", "is_clean": "on",
    }  # fmt: skip
    page = client.post(f"{PLACE}add/webhook/", told).text
    forwarder = Forwarder.objects.get()
    secret = secrets_of(forwarder)["secret"]
    assert secret in page
    assert (forwarder.names, forwarder.station_ids) == ([["temp", "air", "K"], ["hum", "", "%"]], [station.pk])
    arrive(1.0)
    run(forwarder)
    for address in (PLACE, f"{PLACE}{forwarder.pk}/", f"{PLACE}{forwarder.pk}/change/"):
        page = client.get(address).text
        assert "Archive" in page
        assert secret not in page
    assert "of-the-hook" not in client.get(PLACE).text
    assert AuditEntry.objects.get(action="forwarder.add").subject == "Archive"
    assert "of-the-hook" not in str(AuditEntry.objects.get(action="forwarder.add").detail)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"setting_url": "http://10.1.1.1/"}, "not on the public internet"),
        ({"setting_url": ""}, "required"),
        ({"names": "temp air"}, "series = name, unit"),
        ({"reach": "stations", "stations": "SG-NOBODY"}, "has no station SG-NOBODY"),
        ({"names": "temp* = t"}, "cannot have one name"),
    ],
)
def test_what_cannot_work_is_refused_at_its_field(owner, settings, told, words):
    settings.ROOST_WEBHOOK_PRIVATE_ADDRESSES = False
    good = {"name": "There", "setting_url": "https://example.org/", "reach": "all"}
    page = client_of(owner).post(f"{PLACE}add/webhook/", {**good, **told})
    assert words in page.text
    assert not Forwarder.objects.exists()


def test_an_operator_steers_it_and_a_viewer_only_reads(hook, receiver, arrive, operator, viewer):
    place = f"{PLACE}{hook.pk}/"
    receiver.answer = lambda *_: (422, {"error": "no such sensor"})
    arrive(1.0)
    run(hook)
    client = client_of(operator)
    page = client.get(place).text
    assert "no such sensor" in page
    client.post(place, {"do": "pause"})
    assert "Paused." in client.get(place).text
    assert client.post(place, {"do": "pause"}, follow=True).text.count("already paused") == 1
    client.post(place, {"do": "resume"})
    client.post(place, {"do": "again"})
    assert RefusedRow.objects.get().is_waiting
    assert OutboxMessage.objects.filter(routing_key="forward.run_lanes").exists()
    client.post(place, {"do": "discard"})
    assert counts(run(hook)) == (0, 0, 0, 1)
    start = clock.now() - timedelta(days=2)
    client.post(f"{place}backfill/", {"start": f"{start:%Y-%m-%dT%H:%M}"})
    hook.refresh_from_db()
    assert hook.backfill_from == start.replace(second=0, microsecond=0)
    assert "Enter a time" in client.post(f"{place}backfill/", {"start": "soon"}).text
    assert client.get(f"{place}change/").status_code == 403
    reader = client_of(viewer)
    assert reader.get(place).status_code == 200
    assert reader.post(place, {"do": "pause"}).status_code == 403


def test_an_owner_changes_and_removes_it(hook, receiver, owner):
    place = f"{PLACE}{hook.pk}/"
    client = client_of(owner)
    secret = secrets_of(hook)["secret"]
    told = {"name": "Renamed", "setting_url": f"{receiver.url}/hook", "reach": "all", "series": "temp"}
    assert client.post(f"{place}change/", told).status_code == 302
    hook.refresh_from_db()
    assert (hook.name, hook.series, secrets_of(hook)["secret"]) == ("Renamed", ["temp"], secret)
    # A stored secret never goes to an address that somebody enters later.
    page = client.post(f"{place}change/", {**told, "setting_url": f"{receiver.url}/other"}).text
    assert "Secret is missing" in page
    assert "secrets, counts and refused rows" in client.get(f"{place}remove/").text
    client.post(f"{place}remove/")
    assert not Forwarder.objects.exists()


def test_the_page_sums_up_and_a_test_tells_what_it_found(add, receiver, arrive, hear, owner, operator):
    client = client_of(owner)
    page = client.get(f"{PLACE}add/webhook/").text
    assert "readings, and detected tags and pulses" in page
    assert "readings only" in client.get(f"{PLACE}add/stadtpuls/").text
    told = {
        "name": "Tags",
        "setting_url": f"{receiver.url}/hook",
        "reach": "all",
        "what": "readings tags",
        "is_clean": "on",
    }
    client.post(f"{PLACE}add/webhook/", told)
    hook = Forwarder.objects.get()
    assert (hook.wants_readings, hook.detections) == (True, "tags")
    place = f"{PLACE}{hook.pk}/"
    assert '<option value="readings tags" selected>' in client.get(f"{place}change/").text
    arrive(1.0, since=10.0**9)
    arrive(2.0)
    hear("61")
    assert "Nothing waits." not in client.get(place).text
    receiver.answer = lambda _m, _p, _q, _h, body: 422 if b'"61"' in body else 204
    run(hook)
    page = client.get(place).text
    for words in ("marked as doubtful", "It took the rows.", "Nothing waits.", "detection at port 3, line 7"):
        assert words in page
    assert counts(hook) == (1, 0, 1, 1)
    client_of(operator).post(place, {"do": "test"})
    assert "A test is waiting" in client.get(place).text
    run(hook)
    assert "Last test: It works." in " ".join(client.get(place).text.split())
    client.post(f"{place}change/", {**told, "what": "all"})
    hook.refresh_from_db()
    assert (hook.wants_readings, hook.detections) == (False, "all")


def test_a_stranger_finds_nothing(hook, stranger):
    client = client_of(stranger)
    assert client.get(PLACE).status_code == 404
    assert client.get(f"{PLACE}{hook.pk}/").status_code == 404


def test_the_list_costs_as_many_queries_with_many(add, receiver, viewer):
    client = client_of(viewer)
    add(url=receiver.url)
    client.get(PLACE)
    with CaptureQueriesContext(connection) as few:
        client.get(PLACE)
    for number in range(5):
        add(url=receiver.url, name=f"More {number}")
    with CaptureQueriesContext(connection) as many:
        client.get(PLACE)
    assert len(many) == len(few)
