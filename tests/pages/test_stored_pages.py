"""The page of a station's stored files, with a constant number of queries, and downloads with ranges."""

import hashlib
import os
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from files.tus_asking import Tus
from people import key_of, station_of

from fleet.core import clock
from fleet.files.models import FileRevision
from fleet.files.store.contents import content_name
from fleet.files.store.scrub import ROUND, contents_scrub

pytestmark = pytest.mark.django_db

CONTENT = os.urandom(600_000)


@pytest.fixture
def station(institute, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    return station_of(institute)


@pytest.fixture
def tus(institute) -> Tus:
    return Tus(f"Bearer {key_of(institute, write=True)}")


@pytest.fixture
def watching(viewer) -> Client:
    client = Client()
    client.force_login(viewer.user)
    return client


def page_of(station) -> str:
    return f"/stations/{station.serial}/files/stored/"


def test_stored_grown_changed_and_arriving_files_are_shown(station, tus, watching):
    tus.upload(CONTENT[:100], "2026-05-01/a.txt", station=station.serial)
    tus.upload(CONTENT, "2026-05-01/a.txt", station=station.serial)
    tus.upload(b"other", "2026-05-01/a.txt", station=station.serial)
    url = tus.begin(CONTENT[1:], "b.txt", station=station.serial)["Location"]
    tus.send(url, 0, CONTENT[1:1001])
    refused = tus.begin(b"right", "c.txt", station=station.serial)["Location"]
    tus.send(refused, 0, b"wrong")
    text = watching.get(page_of(station)).content.decode()
    for word in ("2026-05-01/a.txt", "revision 2", "grew once", hashlib.sha256(CONTENT).hexdigest(), "arriving"):
        assert word in text
    assert "changed while it was being sent" in text
    assert "No matching files" in watching.get(page_of(station), {"q": "nothing"}).content.decode()
    assert page_of(station) in watching.get(f"/stations/{station.serial}/files/").content.decode()


def test_the_page_takes_as_many_queries_for_many_files(station, tus, watching):
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert watching.get(page_of(station)).status_code == 200
        return len(asked)

    tus.upload(b"0", "0.txt", station=station.serial)
    tus.begin(b"00", "00.txt", station=station.serial)
    queries()
    few = queries()
    for n in range(1, 9):
        tus.upload(f"{n}".encode(), f"{n}.txt", station=station.serial)
        tus.begin(f"{n}{n}".encode(), f"{n}{n}.txt", station=station.serial)
    assert queries() == few


@pytest.mark.parametrize(
    ("asked", "status", "first", "last"),
    [
        ("", 200, 0, 599_999),
        ("bytes=0-0", 206, 0, 0),
        ("bytes=100-299999", 206, 100, 299_999),
        ("bytes=300000-", 206, 300_000, 599_999),
        ("bytes=-5", 206, 599_995, 599_999),
        ("bytes=599999-700000", 206, 599_999, 599_999),
        ("bytes=1-2,5-6", 200, 0, 599_999),
    ],
)
def test_a_download_gives_the_range_that_is_asked_for(station, tus, watching, asked, status, first, last):
    tus.upload(CONTENT, station=station.serial)
    place = f"{page_of(station)}{FileRevision.objects.get().pk}/"
    answer = watching.get(place, headers={"Range": asked, "Accept-Encoding": "gzip"} if asked else {})
    assert (answer.status_code, answer["Content-Length"]) == (status, str(last - first + 1))
    assert b"".join(answer.streaming_content) == CONTENT[first : last + 1]
    assert answer.get("Content-Range") == (f"bytes {first}-{last}/600000" if status == 206 else None)


def test_a_range_that_is_not_there_and_one_of_another_content(station, tus, watching, tmp_path):
    tus.upload(CONTENT, station=station.serial)
    revision = FileRevision.objects.select_related("content").get()
    place = f"{page_of(station)}{revision.pk}/"
    for wrong in ("bytes=600000-", "bytes=-0"):
        answer = watching.get(place, headers={"Range": wrong})
        assert (answer.status_code, answer["Content-Range"]) == (416, "bytes */600000")
    other = watching.get(place, headers={"Range": "bytes=0-9", "If-Range": '"older"'})
    assert (other.status_code, len(b"".join(other.streaming_content))) == (200, 600_000)
    (tmp_path / content_name(revision.content.sha256)).unlink()
    missing = watching.get(place)
    assert (missing.status_code, "missing on the server: upload it again" in missing.content.decode()) == (404, True)


@pytest.mark.parametrize("now", [b"y" + CONTENT[1:], CONTENT[:1_000]])
def test_a_damaged_file_is_not_given_as_if_it_were_whole(station, tus, watching, tmp_path, now):
    tus.upload(CONTENT, "a.txt", station=station.serial)
    revision = FileRevision.objects.select_related("content").get()
    (tmp_path / content_name(revision.content.sha256)).write_bytes(now)
    contents_scrub(moment=clock.now() + ROUND + timedelta(hours=1))
    place = f"{page_of(station)}{revision.pk}/"
    assert "damaged on the server" in watching.get(page_of(station)).content.decode()
    refused = watching.get(place)
    assert (refused.status_code, "are no longer what was uploaded" in refused.content.decode()) == (409, True)
    assert "?damaged=1" in refused.content.decode()
    given = watching.get(place, {"damaged": "1"})
    assert (given.status_code, given["X-Content-Damaged"], given["Content-Length"]) == (200, "1", str(len(now)))
    assert 'filename="damaged-a.txt"' in given["Content-Disposition"]
    assert ("ETag" in given, b"".join(given.streaming_content) == now) == (False, True)
    tus.upload(CONTENT, "a.txt", station=station.serial)
    healed = watching.get(place)
    assert (healed.status_code, b"".join(healed.streaming_content) == CONTENT) == (200, True)


def test_strangers_see_no_file(station, tus, stranger):
    tus.upload(CONTENT, station=station.serial)
    client = Client()
    client.force_login(stranger.user)
    assert client.get(page_of(station)).status_code == 404
    assert client.get(f"{page_of(station)}{FileRevision.objects.get().pk}/").status_code == 404
