"""Scrub and upload of one content at the same moment, and uploads whose bytes are gone: every answer is true."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from files.object_store import BUCKET
from files.object_store_fixtures import moto, store
from files.test_object_store import CONTENT, key_in_store
from files.test_uploads import login_of
from files.tus_asking import Tus
from people import station_of

from fleet.core import clock
from fleet.files.models import StoredContent, Upload
from fleet.files.store import scrub, settling
from fleet.files.store.contents import content_digest, content_name, contents_storage
from fleet.files.store.parts import part_remove

__all__ = ["moto", "store"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("services")]


@pytest.fixture(autouse=True)
def no_counts():
    cache.clear()


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(settling, "_TRIED_PAUSE", timedelta(0))


@pytest.fixture
def tus(institute) -> Tus:
    return Tus(login_of(station_of(institute)))


@pytest.fixture
def other(elsewhere) -> Tus:
    """A station of another organization, which must send even known contents."""
    return Tus(login_of(station_of(elsewhere)))


def content() -> StoredContent:
    return StoredContent.objects.get()


def test_what_was_stored_again_while_it_was_scrubbed_is_not_called_rotten(tus, other, files, monkeypatch):
    assert tus.upload(CONTENT) == "stored"
    (files / content_name(content().sha256)).write_bytes(b"x" * len(CONTENT))
    later = clock.now() + scrub.ROUND + timedelta(hours=1)
    assert (scrub.contents_scrub(moment=later), content().state) == (1, "rotten")

    def read(row):
        found = content_digest(row)
        assert other.upload(CONTENT) == "stored"
        return found

    monkeypatch.setattr(scrub, "content_digest", read)
    # The scrub has read the old bytes, and the new ones are sound.
    assert scrub.contents_scrub(moment=later + scrub.ROUND + timedelta(hours=1)) == 1
    assert content().state == "kept"
    with contents_storage(content().place).open(content_name(content().sha256)) as opened:
        assert opened.read() == CONTENT


def test_what_the_scrub_finds_rotten_while_it_is_uploaded_is_sent_again_and_not_called_kept(
    store, tus, other, monkeypatch
):
    assert tus.upload(CONTENT) == "stored"
    key, real = key_in_store(CONTENT), settling.content_send

    def send(**asked):
        is_sent = real(**asked)
        if content().state == "kept":
            # As for every content that is there, only its length was checked.
            assert not is_sent
            store.client.put_object(Bucket=BUCKET, Key=key, Body=b"x" * len(CONTENT))
            StoredContent.objects.update(state="rotten")
        return is_sent

    monkeypatch.setattr(settling, "content_send", send)
    url = other.begin(CONTENT)["Location"]
    answer = other.send(url, 0, CONTENT)
    assert answer.status_code == 503
    assert "just found damaged" in answer.json()["detail"]
    assert (content().state, Upload.objects.get(state="open").octets) == ("rotten", len(CONTENT))
    assert settling.uploads_finish() == 1
    assert (content().state, store.objects()[key]) == ("kept", CONTENT)
    assert other.client.get(url).json()["state"] == "stored"


def test_an_upload_whose_bytes_were_removed_while_it_waited_ends_with_a_reason(store, tus):
    url = tus.begin(CONTENT)["Location"]
    store.relay.trouble.begin("away")
    assert tus.send(url, 0, CONTENT).status_code == 503
    part_remove(Upload.objects.get().pk)
    store.relay.trouble.end()
    settling.uploads_finish()
    upload = Upload.objects.get()
    assert (upload.state, upload.reason) == (
        "refused",
        "The bytes of this upload were removed from the server's disk before they were stored: send it again.",
    )
    assert not settling.uploads_waiting().exists()
    assert tus.upload(CONTENT) == "stored"
