"""Packages in the API: asked for, followed, downloaded in ranges and removed, by people and by keys."""

import json
import zipfile
from hashlib import sha256
from io import BytesIO

import pytest
from django.test import Client
from people import key_of, station_of

from fleet.exports.making import packages_make
from fleet.exports.models import DataPackage

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_counters")]
PLACE = "/api/v1/organizations/institute/exports"
MAY_TO_JULY = {"from": "2026-05-01T00:00:00Z", "to": "2026-07-01T00:00:00Z"}


@pytest.fixture(autouse=True)
def files_here(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def key(institute) -> Client:
    """A client with a read-only key."""
    return Client(headers={"Authorization": f"Bearer {key_of(institute)}"})


def asked(client, **more):
    return client.post(PLACE, json.dumps({**MAY_TO_JULY, **more}), content_type="application/json")


def test_a_key_asks_follows_and_downloads(station, key):
    answer = asked(key, stations=[station.serial.lower()], kinds=["readings"], series=["temp"], format="ndjson")
    assert answer.status_code == 202
    made = answer.json()
    assert (made["state"], made["progress"], made["stations"], made["from"]) == ("waiting", 0.0, 1, MAY_TO_JULY["from"])
    assert key.get(f"{PLACE}/{made['id']}/file").status_code == 409
    packages_make()
    done = key.get(f"{PLACE}/{made['id']}").json()
    assert (done["state"], done["progress"], done["rows"]) == ("done", 1.0, 48)
    assert [one["id"] for one in key.get(PLACE, {"state": "done"}).json()["results"]] == [made["id"]]
    assert key.get(PLACE, {"state": "failed"}).json()["results"] == []
    whole = key.get(f"{PLACE}/{made['id']}/file")
    data = b"".join(whole.streaming_content)
    assert (whole["ETag"], len(data)) == (f'"{done["sha256"]}"', done["bytes"])
    assert sha256(data).hexdigest() == done["sha256"]
    rest = key.get(f"{PLACE}/{made['id']}/file", headers={"Range": "bytes=50-"})
    assert (rest.status_code, b"".join(rest.streaming_content)) == (206, data[50:])
    with zipfile.ZipFile(BytesIO(data)) as archive:
        assert len(archive.read("readings.ndjson").splitlines()) == 48


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"stations": ["SG-NONE"]}, 404),
        ({"deployments": [2**62]}, 404),
        ({"kinds": []}, 400),
        ({"kinds": ["secrets"]}, 400),
        ({"format": "xls"}, 400),
        ({"to": "2026-04-01T00:00:00Z"}, 400),
        ({"everything": True}, 400),
    ],
)
def test_a_wrong_question_is_refused(station, key, more, status):
    assert asked(key, **more).status_code == status
    assert not DataPackage.objects.exists()


def test_too_many_are_refused(station, key):
    assert [asked(key).status_code for _ in range(6)] == [202] * 5 + [429]


def test_a_key_for_some_stations_and_a_stranger_find_nothing(station, institute, elsewhere, key):
    from fleet.stations.keys import api_key_create

    made = asked(key).json()
    limited = api_key_create(organization=institute, name="x", is_read_only=False, serials=[station.serial])[1]
    for secret in (limited, key_of(elsewhere, write=True)):
        client = Client(headers={"Authorization": f"Bearer {secret}"})
        assert asked(client).status_code == 404
        for place in (PLACE, f"{PLACE}/{made['id']}", f"{PLACE}/{made['id']}/file"):
            assert client.get(place).status_code == 404
        assert client.delete(f"{PLACE}/{made['id']}").status_code == 404


def test_a_station_of_others_is_not_told_of(station, elsewhere, key):
    theirs = station_of(elsewhere)
    said = [asked(key, stations=[serial]).json()["detail"] for serial in (theirs.serial, "SG-NONE")]
    assert said[0].replace(theirs.serial, "SG-NONE") == said[1]


def test_an_operators_key_removes_and_a_reading_one_does_not(station, institute, key):
    made = asked(key).json()
    assert key.delete(f"{PLACE}/{made['id']}").status_code == 403
    client = Client(headers={"Authorization": f"Bearer {key_of(institute, write=True)}"})
    assert client.delete(f"{PLACE}/{made['id']}").status_code == 204
    assert not DataPackage.objects.exists()
