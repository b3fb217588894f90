"""The pages and the API of taps: adding one, its secret shown once, its state, and what each role may do."""

import pytest
from django.test import Client
from people import key_of
from stations.conftest import works

from fleet.core import clock
from fleet.core.spoken import count_words
from fleet.forward.models import Tap
from fleet.forward.taps.reconcile import taps_reconcile
from sg_status.words import bytes_words

__all__ = ["works"]
pytestmark = pytest.mark.django_db
PLACE = "/organizations/institute/taps/"
API = "/api/v1/organizations/institute/taps"


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


def secret_in(text: str) -> str:
    """The secret in the URL that a page shows."""
    return text.partition(f"//{Tap.objects.get().queue}:")[2].partition("@")[0]


def test_an_owner_adds_one_sees_its_secret_once_and_deletes_it(owner, operator, viewer, stranger, works):
    taps_reconcile()
    client = client_of(owner)
    assert "There are no taps yet" in client.get(PLACE).text
    told = {"name": "Screen", "events": "contact_late", "messages": "5", "megabytes": "1", "days": "2"}
    page = client.post(PLACE, {**told, "stations": "SG-NOBODY"})
    assert "has no station SG-NOBODY" in page.text
    page = client.post(PLACE, told)
    tap, secret = Tap.objects.get(), secret_in(page.text)
    assert (tap.events, tap.messages_most, tap.bytes_most, tap.seconds_most) == (["contact_late"], 5, 10**6, 172_800)
    assert "BEGIN CERTIFICATE" in page.text
    assert page.headers["Cache-Control"].startswith("no-store")
    assert works(tap.queue, secret)
    Tap.objects.update(waiting=41, dropped=1_234, is_at_least=True, expired=7, seen_at=clock.now(), readers=1)
    place = f"{PLACE}{tap.pk}/"
    for who in (owner, operator, viewer):
        assert f"at least {count_words(1_234)}" in client_of(who).get(PLACE).text
        page = client_of(who).get(place)
        assert all(
            word in page.text
            for word in (f"at least {count_words(1_234)}", "41", f"5 events, {bytes_words(10**6)}", "contact_late")
        )
        assert secret not in page.text
        assert ("Give it a new secret" in page.text) == (who is owner)
    assert client_of(operator).post(place).status_code == 403
    assert client_of(operator).post(PLACE, told).status_code == 403
    assert client_of(stranger).get(place).status_code == 404
    page = client.post(place)
    assert works(tap.queue, secret_in(page.text))
    assert not works(tap.queue, secret)
    assert "are deleted" in client.get(f"{place}delete/").text
    client.post(f"{place}delete/")
    assert not Tap.objects.exists()


def test_the_api_does_the_same(owner, institute, works):
    client = client_of(owner)
    made = client.post(API, {"name": "Screen", "messages": 7}, content_type="application/json")
    assert made.status_code == 201, made.text
    told = made.json()
    assert works(told["queue"], told["secret"])
    assert (told["messages"], told["bytes"], told["hours"], told["events"]) == (7, 10_000_000, 168, [])
    key = {"headers": {"Authorization": f"Bearer {key_of(institute, write=True)}"}}
    (row,) = Client().get(API, **key).json()["results"]
    assert (row["name"], row["dropped"], row["waiting"]) == ("Screen", 0, None)
    assert "secret" not in row
    assert Client().post(API, {"name": "More"}, content_type="application/json", **key).status_code == 403
    place = f"{API}/{told['id']}"
    assert Client().delete(place, **key).status_code == 403
    renewed = client.post(f"{place}/secret").json()
    assert works(told["queue"], renewed["secret"])
    wrong = client.post(API, {"name": "New", "hours": 0}, content_type="application/json")
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (400, "hours")
    assert client.delete(place).status_code == 204
    assert not works(told["queue"], renewed["secret"])
