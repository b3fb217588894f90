"""Files in an object store beside the disk: stored, read in ranges, checked, removed, and sent on to Motus' archives."""

import hashlib
import os
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from files.object_store import BUCKET
from files.object_store_fixtures import moto, store
from files.test_uploads import login_of
from files.tus_asking import Tus
from people import station_of

from fleet.core import clock
from fleet.files.models import FileRevision, StoredContent, Upload
from fleet.files.store import objects, parts, scrub
from fleet.files.store.away import StoreAway
from fleet.files.store.contents import ContentPlace, content_name, content_open
from fleet.sync.motus.archive import archive_write
from fleet.sync.motus.source import SourceFile

__all__ = ["moto", "store"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("services")]

CONTENT = os.urandom(3_000_000)


@pytest.fixture(autouse=True)
def no_counts():
    cache.clear()


@pytest.fixture
def station(institute):
    return station_of(institute)


@pytest.fixture
def tus(station) -> Tus:
    return Tus(login_of(station))


@pytest.fixture
def watching(viewer) -> Client:
    client = Client()
    client.force_login(viewer.user)
    return client


def key_in_store(content: bytes) -> str:
    return content_name(hashlib.sha256(content).hexdigest())


def download(watching: Client, station, **headers: str):
    revision = FileRevision.objects.latest("pk")
    return watching.get(f"/stations/{station.serial}/files/stored/{revision.pk}/", headers=headers)


def test_a_file_goes_to_the_store_and_nothing_of_it_stays_on_the_disk(store, tus, files):
    assert tus.upload(CONTENT) == "stored"
    assert store.objects() == {key_in_store(CONTENT): CONTENT}
    assert [path for path in files.rglob("*") if path.is_file()] == []
    told = store.client.head_object(Bucket=BUCKET, Key=key_in_store(CONTENT), ChecksumMode="ENABLED")
    assert told["ChecksumSHA256"] == objects._base64(hashlib.sha256(CONTENT).digest())
    content = StoredContent.objects.get()
    assert (content.place, content.octets, Upload.objects.get().waiting_since) == ("objects", len(CONTENT), None)
    assert tus.begin(CONTENT)["Upload-Offset"] == str(len(CONTENT))


def test_a_large_file_goes_in_parts_each_with_its_checksum(store, tus, watching, station, monkeypatch):
    monkeypatch.setattr(objects, "PART", 5_242_880)
    content = os.urandom(12_000_000)
    assert tus.upload(content) == "stored"
    assert store.objects() == {key_in_store(content): content}
    assert b"".join(download(watching, station).streaming_content) == content
    assert not store.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads")


def test_empty_and_grown_files_are_the_same_as_on_the_disk(store, tus):
    assert tus.begin(b"", "empty").json()["state"] == "stored"
    assert tus.upload(CONTENT[:1000]) == "stored"
    assert tus.upload(CONTENT) == "stored"
    assert tus.upload(CONTENT[:2000]) == "known"
    grown = FileRevision.objects.get(file__path="2026-05-01/a.txt")
    assert (grown.number, grown.grown, grown.content.octets) == (1, 1, len(CONTENT))


@pytest.mark.parametrize(
    ("asked", "status", "first", "last"),
    [
        ("", 200, 0, 2_999_999),
        ("bytes=0-0", 206, 0, 0),
        ("bytes=1000000-2500000", 206, 1_000_000, 2_500_000),
        ("bytes=-7", 206, 2_999_993, 2_999_999),
    ],
)
def test_a_download_is_streamed_in_ranges(store, tus, watching, station, asked, status, first, last):
    tus.upload(CONTENT)
    answer = download(watching, station, Range=asked) if asked else download(watching, station)
    assert (answer.status_code, b"".join(answer.streaming_content)) == (status, CONTENT[first : last + 1])


def test_a_reader_seeks_without_reading_what_lies_between(store, tus):
    tus.upload(CONTENT)
    with content_open(StoredContent.objects.get()) as opened:
        opened.seek(-10, os.SEEK_END)
        assert opened.read() == CONTENT[-10:]
        opened.seek(5)
        assert (opened.read(20), opened.tell()) == (CONTENT[5:25], 25)
        opened.seek(1_500_000, os.SEEK_CUR)
        assert opened.read(3) == CONTENT[1_500_025:1_500_028]


def test_files_of_the_disk_stay_readable_when_new_ones_go_to_the_store(tus, watching, station, settings, store, files):
    bucket, settings.ROOST_S3_BUCKET = settings.ROOST_S3_BUCKET, ""
    tus.upload(b"old", "old.txt")
    settings.ROOST_S3_BUCKET = bucket
    tus.upload(b"new", "new.txt")
    assert b"".join(download(watching, station).streaming_content) == b"new"
    assert sorted(StoredContent.objects.values_list("place", flat=True)) == ["default", "objects"]
    with content_open(StoredContent.objects.get(place="default")) as opened:
        assert opened.read() == b"old"
    later = clock.now() + scrub.ROUND + timedelta(hours=1)
    assert scrub.contents_scrub(moment=later) == 2
    assert not StoredContent.objects.filter(state="rotten").exists()


def test_without_the_settings_its_files_are_said_to_be_out_of_reach(store, tus, watching, station, settings):
    tus.upload(CONTENT)
    settings.ROOST_S3_BUCKET = ""
    settings.STORAGES = {name: value for name, value in settings.STORAGES.items() if name != "objects"}
    answer = download(watching, station)
    assert (answer.status_code, b"settings of this server name none" in answer.content) == (503, True)


def test_rot_in_the_store_is_found_and_healed_by_the_next_upload(store, tus):
    tus.upload(CONTENT)
    store.client.put_object(Bucket=BUCKET, Key=key_in_store(CONTENT), Body=b"x" + CONTENT[1:])
    later = clock.now() + scrub.ROUND + timedelta(hours=1)
    assert scrub.contents_scrub(moment=later) == 1
    assert StoredContent.objects.get().state == "rotten"
    assert tus.upload(CONTENT) == "known"
    assert (store.objects()[key_in_store(CONTENT)] == CONTENT, StoredContent.objects.get().state) == (True, "kept")
    store.client.delete_object(Bucket=BUCKET, Key=key_in_store(CONTENT))
    assert tus.upload(CONTENT) == "known"
    assert store.objects() == {key_in_store(CONTENT): CONTENT}


def test_a_missing_object_is_told_from_a_missing_bucket(store, tus, watching, station):
    tus.upload(CONTENT)
    store.client.delete_object(Bucket=BUCKET, Key=key_in_store(CONTENT))
    assert download(watching, station).status_code == 404
    store.client.delete_bucket(Bucket=BUCKET)
    try:
        answer = download(watching, station)
        assert (answer.status_code, b"does not have the bucket" in answer.content) == (503, True)
        with pytest.raises(StoreAway):
            scrub.contents_scrub(moment=clock.now() + scrub.ROUND + timedelta(hours=1))
        assert StoredContent.objects.get().state == "kept"
    finally:
        store.client.create_bucket(Bucket=BUCKET)


def test_what_no_file_has_is_removed_from_the_store(store, tus, monkeypatch):
    tus.upload(CONTENT[:1000])
    tus.upload(CONTENT)
    assert len(store.objects()) == 2
    store.client.put_object(Bucket=BUCKET, Key=content_name("0" * 64), Body=b"nobody's")
    begun = store.client.create_multipart_upload(Bucket=BUCKET, Key=content_name("1" * 64))
    store.client.upload_part(
        Bucket=BUCKET, Key=content_name("1" * 64), UploadId=begun["UploadId"], PartNumber=1, Body=b"x"
    )
    for turn in range(4, 24):
        scrub.store_sweep(moment=clock.now() + timedelta(hours=6 * turn))
    # Nobody knows whose the bytes without a row are, so they are kept as a stray.
    assert store.objects() == {key_in_store(CONTENT): CONTENT, content_name("0" * 64): b"nobody's"}
    assert StoredContent.objects.get(state="stray").place == "objects"
    assert not store.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads")


def test_motus_archives_are_made_from_it(store, tus, tmp_path):
    tus.upload(CONTENT)
    content = StoredContent.objects.get()
    (tmp_path / "a.txt").write_bytes(CONTENT)
    far = archive_write([SourceFile("a.txt", content.octets, ContentPlace(content))], tmp_path / "far.zip")
    near = archive_write([SourceFile("a.txt", content.octets, tmp_path / "a.txt")], tmp_path / "near.zip")
    assert far == near
    assert parts.part_size("0") == 0
