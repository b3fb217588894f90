"""Digests and the secret address of incidents, as programs choose, make and withdraw them."""

import pytest
from api_asking import Asker, problem_of
from django.test import Client

from fleet.alerts.models.digest import Digest
from fleet.alerts.models.feed import IncidentFeed

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_counters")]

DIGEST, FEED = "organizations/institute/digest", "organizations/institute/incident-feed"


class PersonAsker(Asker):
    """A client of a person who is logged in."""

    def __init__(self, who) -> None:
        self.client = Client(raise_request_exception=False)
        self.client.force_login(who.user)

    def send(self, method, address, body):
        return getattr(self.client, method)(f"/api/v1/{address}", body, content_type="application/json")


def test_everybody_chooses_their_own_digest(institute, owner, viewer):
    asker = PersonAsker(viewer)
    none = {"rhythm": "none", "told_until": None, "due_at": None, "last_made_at": None, "last_error": ""}
    assert asker.get(DIGEST).json() == none
    weekly = asker.send("put", DIGEST, {"rhythm": "weekly"})
    assert (weekly.status_code, weekly.json()["rhythm"]) == (200, "weekly")
    assert weekly.json()["due_at"] > weekly.json()["told_until"]
    assert asker.get(DIGEST).json() == weekly.json()
    assert PersonAsker(owner).get(DIGEST).json() == none
    problem_of(asker.send("put", DIGEST, {"rhythm": "hourly"}), 400, "rhythm")
    problem_of(asker.send("put", DIGEST, {}), 400, "rhythm")
    assert asker.send("put", DIGEST, {"rhythm": "none"}).json()["rhythm"] == "none"
    assert not Digest.objects.get().is_on


@pytest.fixture
def plain_static(settings):
    """Serve static files from their sources: the page that says *not found* shows a picture."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


def test_a_key_and_a_stranger_choose_none(institute, reader, writer, foreigner, stranger):
    for key in (reader, writer):
        assert key.get(DIGEST).json()["rhythm"] == "none"
        answer = key.client.put(f"/api/v1/{DIGEST}", {"rhythm": "daily"}, content_type="application/json")
        problem_of(answer, 403)
    problem_of(foreigner.get(DIGEST), 404)
    problem_of(PersonAsker(stranger).send("put", DIGEST, {"rhythm": "daily"}), 404)
    assert not Digest.objects.exists()


def test_an_owner_makes_replaces_and_withdraws_the_address_of_incidents(plain_static, institute, owner, viewer, writer):
    asker = PersonAsker(owner)
    assert asker.get(FEED).json() == {"atom": "", "calendar": "", "made_at": None}
    first = asker.post(FEED, {})
    assert (first.status_code, first["Cache-Control"]) == (201, "no-store")
    assert asker.get(FEED).json() == first.json()
    second = asker.post(FEED, {}).json()
    places = [address.partition("/feeds/")[2] for address in (first.json()["atom"], second["atom"], second["calendar"])]
    assert [Client().get(f"/feeds/{place}").status_code for place in places] == [404, 200, 200]
    for other in (PersonAsker(viewer), writer):
        problem_of(other.get(FEED), 403)
        problem_of(other.post(FEED, {}), 403)
    assert asker.send("delete", FEED, {}).status_code == 204
    assert not IncidentFeed.objects.exists()
