"""An object store that is away, slow, full, refusing or lying: a clear word, nothing lost, and finished by a job."""

import hashlib
import io
import os
import time
from datetime import timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client
from files.object_store_fixtures import moto, store
from files.test_object_store import CONTENT, download, key_in_store
from files.test_uploads import login_of
from files.tus_asking import Tus
from people import station_of

from fleet.alerts.models import Trouble
from fleet.core import clock
from fleet.core.errors import Unavailable
from fleet.files.models import StoredContent, Upload
from fleet.files.store import contents, parts, scrub, settling, uploads
from fleet.files.store.away import StoreAway
from fleet.files.store.contents import content_open
from fleet.files.store.whole import Fate, file_take
from workers.tasks.files import finish_uploads, scrub_store

__all__ = ["moto", "store"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("services")]

#: Faults of the store, and a part of the sentence that names each.
TROUBLES = {
    "away": "does not answer",
    "silent": "does not answer",
    "403 AccessDenied": "refuses its login",
    "500 InternalError": "answered with an error (500 InternalError)",
    "503 SlowDown": "is busy",
    "507 InsufficientStorage": "is full",
    "403 QuotaExceeded": "is full",
    "404 NoSuchBucket": "does not have the bucket",
    "page": "did not come from an object store",
    "lying": "returned different bytes",
    "swallowed": "returned different bytes",
}


@pytest.fixture(autouse=True)
def no_counts():
    cache.clear()


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    """Let senders try the store again without a pause."""
    monkeypatch.setattr(settling, "_TRIED_PAUSE", timedelta(0))


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


@pytest.mark.parametrize("kind", TROUBLES)
def test_the_sender_is_told_the_upload_is_kept_and_a_job_finishes_it(store, tus, kind):
    url = tus.begin(CONTENT)["Location"]
    store.relay.trouble.begin(kind)
    answer = tus.send(url, 0, CONTENT)
    assert answer.status_code == 503, answer.content
    assert int(answer["Retry-After"]) > 0
    assert TROUBLES[kind] in answer.json()["detail"]
    # The sender gets the same reason when it asks, and so does the page.
    assert tus.client.head(url).status_code == 503
    upload = Upload.objects.get()
    assert (upload.state, TROUBLES[kind] in upload.reason) == ("open", True)
    assert parts.part_size(upload.pk) == len(CONTENT)
    assert not StoredContent.objects.exists()
    assert settling.uploads_finish() == 0
    store.relay.trouble.end()
    assert settling.uploads_finish() == 1
    assert store.objects() == {key_in_store(CONTENT): CONTENT}
    answer = tus.client.get(url).json()
    assert (answer["state"], answer["offset"], answer["reason"]) == ("stored", len(CONTENT), "")
    assert parts.part_size(upload.pk) == 0
    assert tus.client.head(url)["Upload-Offset"] == str(len(CONTENT))


def test_a_file_of_a_form_waits_for_the_store_and_a_job_stores_it(store, station):
    sender = uploads.UploadSender(key="form", name="Ada", station=station)
    store.relay.trouble.begin("away")
    fate = file_take(sender=sender, serial=station.serial, path="a/b.txt", opened=io.BytesIO(CONTENT))
    assert (fate.fate, "stores it as soon as" in fate.reason) == (Fate.WAITING, True)
    store.relay.trouble.end()
    assert settling.uploads_finish() == 1
    assert store.objects() == {key_in_store(CONTENT): CONTENT}


def test_a_sender_who_comes_back_finishes_it_without_a_byte(store, tus):
    url = tus.begin(CONTENT)["Location"]
    store.relay.trouble.begin("away")
    assert tus.send(url, 0, CONTENT).status_code == 503
    store.relay.trouble.end()
    again = tus.begin(CONTENT, resume="")
    assert (again["Location"], again["Upload-Offset"], again.json()["state"]) == (url, str(len(CONTENT)), "stored")


def test_a_store_that_works_too_slowly_for_a_sender_is_given_longer_by_the_job(store, tus, monkeypatch):
    monkeypatch.setattr(contents, "SECONDS_WAITED", 0.0)
    url = tus.begin(CONTENT)["Location"]
    answer = tus.send(url, 0, CONTENT)
    assert (answer.status_code, "is being stored later" in answer.json()["detail"]) == (503, True)
    assert settling.uploads_finish() == 1
    assert tus.client.get(url).json()["state"] == "stored"


def test_a_silent_store_costs_no_longer_than_its_timeouts(store, tus):
    url = tus.begin(CONTENT)["Location"]
    store.relay.trouble.begin("silent")
    began = time.monotonic()
    assert tus.send(url, 0, CONTENT).status_code == 503
    # Two attempts of two seconds each, and whatever a busy machine adds.
    assert 2 < time.monotonic() - began < 20


def test_a_waiting_upload_does_not_expire_and_counts_against_its_senders_limits(store, tus, monkeypatch):
    store.relay.trouble.begin("away")
    url = tus.begin(CONTENT)["Location"]
    tus.send(url, 0, CONTENT)
    monkeypatch.setattr(uploads, "OPEN_MOST", 1)
    assert tus.begin(b"another", "b.txt").status_code == 429
    with time_machine.travel(clock.now() + timedelta(days=30)):
        assert uploads.uploads_expire(moment=clock.now()) == 0
    store.relay.trouble.end()
    assert settling.uploads_finish() == 1


def test_one_file_that_the_store_does_not_take_does_not_hold_up_the_others(store, tus, monkeypatch):
    store.relay.trouble.begin("away")
    for number in range(3):
        url = tus.begin(CONTENT[number:], f"{number}.txt")["Location"]
        tus.send(url, 0, CONTENT[number:])
    store.relay.trouble.end()
    poisoned, put = hashlib.sha256(CONTENT).hexdigest(), contents.content_send

    def sent(**asked):
        if asked["sha256"] == poisoned:
            raise StoreAway("Not this one.")
        return put(**asked)

    monkeypatch.setattr(settling, "content_send", sent)
    assert settling.uploads_finish() == 2
    assert settling.uploads_waiting().get().sha256 == poisoned


def test_uploads_go_on_while_the_store_is_away_and_known_files_are_for_later(store, tus):
    assert tus.upload(CONTENT) == "stored"
    store.relay.trouble.begin("away")
    known = tus.begin(CONTENT, "again.txt")
    assert (known.status_code, "does not answer" in known.json()["detail"]) == (503, True)
    url = tus.begin(CONTENT[1:], "other.txt")["Location"]
    assert tus.send(url, 0, CONTENT[1:1001])["Upload-Offset"] == "1000"
    store.relay.trouble.end()
    assert tus.begin(CONTENT, "again.txt")["Upload-Offset"] == str(len(CONTENT))


def test_administrators_are_told_once_when_it_lasts_and_when_it_is_over(store, tus):
    store.relay.trouble.begin("403 AccessDenied")
    tus.send(tus.begin(CONTENT)["Location"], 0, CONTENT)
    finish_uploads()
    assert not Trouble.objects.exists()
    Upload.objects.update(waiting_since=clock.now() - timedelta(minutes=6))
    finish_uploads()
    finish_uploads()
    trouble = Trouble.objects.get(about="storing files")
    assert "wait for the object store: 1" in trouble.sentence
    assert "refuses its login (403 AccessDenied)" in trouble.sentence
    store.relay.trouble.end()
    finish_uploads()
    trouble.refresh_from_db()
    assert trouble.ended_at is not None


def test_a_store_that_is_away_makes_nothing_rotten_and_removes_nothing(store, tus):
    tus.upload(CONTENT[:100])
    tus.upload(CONTENT)
    store.relay.trouble.begin("page")
    StoredContent.objects.update(checked_at=clock.now() - scrub.ROUND - timedelta(hours=1))
    scrub_store()
    assert "could not be checked" in Trouble.objects.get(about="reading stored files", ended_at=None).sentence
    assert set(StoredContent.objects.values_list("state", flat=True)) == {"kept"}
    store.relay.trouble.begin("away")
    scrub.store_sweep(moment=clock.now())
    assert StoredContent.objects.count() == 2
    store.relay.trouble.end()
    scrub_store()
    assert not Trouble.objects.filter(ended_at=None).exists()
    assert scrub.store_sweep(moment=clock.now()) == 1


@pytest.mark.parametrize("kind", ["away", "silent", "page", "403 AccessDenied"])
def test_a_download_from_a_store_that_is_away_is_a_sentence(store, tus, watching, station, kind):
    tus.upload(CONTENT)
    store.relay.trouble.begin(kind)
    answer = download(watching, station)
    if kind == "page":
        # It also answered HEAD, with the length of the page instead of the file's.
        assert answer.status_code in (200, 503)
        if answer.status_code == 200:
            with pytest.raises(StoreAway):
                b"".join(answer.streaming_content)
        return
    assert answer.status_code == 503
    assert TROUBLES[kind].encode() in answer.content


@pytest.mark.parametrize("kind", ["changed", "short", "away"])
def test_a_download_that_goes_wrong_in_its_middle_breaks_off(store, tus, watching, station, kind):
    tus.upload(CONTENT)
    answer = download(watching, station)
    store.relay.trouble.begin(kind, "GET")
    read: list[bytes] = []
    with pytest.raises(Unavailable):
        read.extend(answer.streaming_content)
    assert sum(map(len, read)) < len(CONTENT)


def test_a_reader_tells_a_store_that_broke_off(store, tus):
    tus.upload(CONTENT)
    store.relay.trouble.begin("short", "GET")
    with content_open(StoredContent.objects.get()) as opened, pytest.raises(StoreAway):
        opened.read()


def test_a_full_disk_while_the_store_is_away_takes_nothing_more_and_says_so(store, tus, monkeypatch):
    store.relay.trouble.begin("away")
    tus.send(tus.begin(CONTENT)["Location"], 0, CONTENT)
    url = tus.begin(os.urandom(10), "b.txt")["Location"]
    monkeypatch.setattr(uploads, "parts_room", lambda: 0)
    assert "nearly full" in tus.send(url, 0, b"x").json()["detail"]
    assert "no room for this file" in tus.begin(b"third", "c.txt").json()["detail"]
    store.relay.trouble.end()
    # Finishing the waiting upload takes no more room on the disk, so it goes on.
    assert settling.uploads_finish() == 1
