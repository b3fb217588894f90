"""Refused uploads: kept for a month with sender and reason, once for each file, and bounded."""

from datetime import timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client
from files.tus_asking import Tus
from people import key_of, station_of

from fleet.core import clock
from fleet.files.models import StoreAccount, Upload
from fleet.files.store import uploads

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_counts():
    cache.clear()


@pytest.fixture
def station(institute):
    return station_of(institute)


@pytest.fixture
def tus(institute) -> Tus:
    return Tus(f"Bearer {key_of(institute, write=True)}")


def page_text(station, viewer) -> str:
    client = Client()
    client.force_login(viewer.user)
    return client.get(f"/stations/{station.serial}/files/stored/").content.decode()


def test_a_file_that_changed_is_shown_for_a_month_with_who_and_why(tus, station, viewer, files):
    url = tus.begin(b"right", "c.txt", station=station.serial)["Location"]
    tus.send(url, 0, b"wrong")
    for days in (0, 29):
        with time_machine.travel(clock.now() + timedelta(days=days)):
            assert uploads.uploads_expire(moment=clock.now()) == 0
            text = page_text(station, viewer)
            for word in ("Uploads that were refused", "c.txt", "changed while it was being sent", "key"):
                assert word in text
    assert tus.client.delete(url).status_code == 204
    assert "changed while it was being sent" in page_text(station, viewer)
    with time_machine.travel(clock.now() + timedelta(days=31)):
        assert uploads.uploads_expire(moment=clock.now()) == 1
        assert "Uploads that were refused" not in page_text(station, viewer)


def test_a_file_without_room_is_shown_once_however_often_it_is_offered(tus, station, viewer, files):
    StoreAccount.objects.create(organization=station.organization, quota_octets=150)
    for _ in range(3):
        assert tus.begin(b"x" * 200, "large.txt", station=station.serial).status_code == 429
    assert tus.begin(b"y" * 200, "large.txt", station=station.serial).status_code == 429
    assert list(Upload.objects.values_list("path", "state", "octets")) == [("large.txt", "refused", 200)] * 2
    assert "may take 150 bytes, 0 are used, and this one has 200" in page_text(station, viewer)
    assert tus.upload(b"x" * 100, "small.txt", station=station.serial) == "stored"


def test_the_newest_are_kept_and_all_are_counted(tus, station, viewer, files, monkeypatch):
    monkeypatch.setattr(uploads, "REFUSED_MOST", 60)
    StoreAccount.objects.create(organization=station.organization, quota_octets=1)
    for number in range(62):
        cache.clear()
        tus.begin(f"{number:03}".encode(), f"{number:03}.txt", station=station.serial)
    kept = list(Upload.objects.order_by("path").values_list("path", flat=True))
    assert kept == [f"{number:03}.txt" for number in range(2, 62)]
    text = page_text(station, viewer)
    assert "60 within a month, of which the newest 50 are listed" in text
    assert text.count("this one has 3") == 50


def test_words_of_the_metadata_that_mean_nothing_are_named(tus, station, files):
    begun = tus.begin(b"x", station=station.serial, filetype="text/plain", mood="good")
    assert begun["Upload-Metadata-Ignored"] == "filetype,mood"
    assert "Upload-Metadata-Ignored" not in tus.begin(b"y", station=station.serial, modified="1777593600")
    many = tus.begin(b"z", station=station.serial, **{f"w{n:02}": "x" for n in range(12)})
    assert many["Upload-Metadata-Ignored"] == ",".join(f"w{n:02}" for n in range(10)) + ",..."
