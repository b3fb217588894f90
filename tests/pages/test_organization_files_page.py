"""The files of all stations of an organization: found by name, hash and station, in constant queries, with the quota."""

import hashlib

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from files.tus_asking import Tus
from people import key_of, station_of

from fleet.files.models import StoreAccount
from sg_status.pages.organization import files

pytestmark = pytest.mark.django_db


@pytest.fixture
def stations(institute, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    return [station_of(institute, name=name) for name in ("Old Cut", "Breakwater")]


@pytest.fixture
def tus(institute) -> Tus:
    return Tus(f"Bearer {key_of(institute, write=True)}")


@pytest.fixture
def watching(viewer) -> Client:
    client = Client()
    client.force_login(viewer.user)
    return client


def paths(client: Client, organization, **asked: str) -> list[str]:
    answer = client.get(f"/organizations/{organization.slug}/files/", asked)
    return [one.file.path for one in answer.context["rows"]]


def test_files_are_found_by_name_hash_and_station(stations, tus, watching, institute, monkeypatch):
    first, second = stations
    for number in range(3):
        tus.upload(f"{number}".encode(), f"2026-05-0{number + 1}/a.txt", station=first.serial)
    tus.upload(b"other", "b.csv", station=second.serial)
    everything = ["b.csv", "2026-05-03/a.txt", "2026-05-02/a.txt", "2026-05-01/a.txt"]
    assert paths(watching, institute) == everything
    assert paths(watching, institute, q="2026-05-02") == ["2026-05-02/a.txt"]
    assert paths(watching, institute, q=hashlib.sha256(b"other").hexdigest()[:12].upper()) == ["b.csv"]
    assert paths(watching, institute, station=second.serial) == ["b.csv"]
    assert paths(watching, institute, q="nothing\x00") == []
    monkeypatch.setattr(files, "PAGE_SIZE", 3)
    answer = watching.get(f"/organizations/{institute.slug}/files/")
    assert len(answer.context["rows"]) == 3
    older = answer.context["older_than"]
    assert paths(watching, institute, before=str(older)) == ["2026-05-01/a.txt"]
    assert f"before={older}" in answer.content.decode()


def test_the_page_takes_as_many_queries_for_many_files(stations, tus, watching, institute):
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert paths(watching, institute)
        return len(asked)

    tus.upload(b"0", "0.txt", station=stations[0].serial)
    queries()
    few = queries()
    for number in range(1, 9):
        tus.upload(f"{number}".encode(), f"{number}.txt", station=stations[number % 2].serial)
    assert queries() == few


def test_the_quota_is_said_when_it_is_near_and_when_it_is_full(stations, tus, watching, institute):
    tus.upload(b"x" * 70, "a.txt", station=stations[0].serial)
    for quota, words in ((1_000, None), (100, None), (85, "nearly full"), (70, "is full")):
        StoreAccount.objects.update(quota_octets=quota)
        text = watching.get(f"/organizations/{institute.slug}/files/").content.decode()
        assert [each for each in ("nearly full", "is full") if each in text] == ([words] if words else [])
    assert tus.begin(b"more", "b.txt", station=stations[0].serial).status_code == 429


def test_nobody_sees_the_files_of_another_organization(stations, tus, watching, institute, elsewhere, stranger):
    tus.upload(b"secret", "secret.txt", station=stations[0].serial)
    client = Client()
    client.force_login(stranger.user)
    assert client.get(f"/organizations/{institute.slug}/files/").status_code == 404
    assert paths(client, elsewhere, station=stations[0].serial) == []
