"""Uploads over the API: whole, in pieces, known, refused and bounded, and what the store has afterwards."""

import base64
import hashlib
import os
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.core.cache import cache
from django.core.files.storage import default_storage
from files.tus_asking import URL, Tus, basic
from people import key_of, station_of

from fleet.alerts.models import Trouble
from fleet.alerts.server_problems.file_troubles import rot_judge
from fleet.core import clock
from fleet.files.models import FileRevision, StoreAccount, StoredContent, StoredFile, Upload
from fleet.files.store import parts, scrub, uploads
from fleet.files.store.contents import content_name
from fleet.stations.logins.enrolment import token_hash
from fleet.stations.models import Credential, LoginPurpose, Station

pytestmark = pytest.mark.django_db

CONTENT = os.urandom(100_000)
RIGHT = "right"


@pytest.fixture(autouse=True)
def no_counts():
    cache.clear()


@pytest.fixture
def station(institute):
    return station_of(institute)


def login_of(station: Station, *, generation: int = 1, password: str = RIGHT) -> str:
    Credential.objects.create(
        station=station, generation=generation, username=f"st.{station.serial}.{generation}",
        purpose=LoginPurpose.STATION, secret_hash=token_hash(password) if password else "", issued_at=clock.now(),
    )  # fmt: skip
    return basic(f"st.{station.serial}.{generation}", password)


@pytest.fixture
def tus(station) -> Tus:
    return Tus(login_of(station))


def stored(content: bytes) -> bytes:
    with default_storage.open(content_name(hashlib.sha256(content).hexdigest()), "rb") as opened:
        return opened.read()


def test_a_file_in_pieces_is_stored_under_its_hash(tus, station):
    begun = tus.begin(CONTENT, modified="1777593600")
    url = begun["Location"]
    assert (begun.status_code, begun["Upload-Offset"]) == (201, "0")
    assert tus.send(url, 0, CONTENT[:40_000])["Upload-Offset"] == "40000"
    assert tus.client.head(url)["Upload-Offset"] == "40000"
    wrong = tus.send(url, 0, CONTENT)
    assert (wrong.status_code, "40000" in wrong.json()["detail"]) == (409, True)
    last = tus.send(url, 40_000, CONTENT[40_000:])
    assert (last.status_code, last["Upload-Offset"]) == (204, "100000")
    revision = FileRevision.objects.select_related("file", "content").get()
    assert (revision.file.station, revision.file.path, revision.number) == (station, "2026-05-01/a.txt", 1)
    assert revision.modified_at == clock.from_seconds(1_777_593_600)
    assert stored(CONTENT) == CONTENT
    assert list(Path(parts.part_path("00")).parent.parent.glob("*/*")) == []
    assert StoreAccount.objects.get(organization=station.organization).octets == len(CONTENT)
    # Its sender did not hear the answer, and asks again.
    assert tus.client.head(url)["Upload-Offset"] == "100000"


def test_a_content_that_is_here_is_answered_at_once_under_any_name_of_the_organization(tus, institute):
    assert tus.upload(CONTENT) == "stored"
    again = tus.begin(CONTENT)
    assert (again["Upload-Offset"], again.json()["state"]) == ("100000", "known")
    other = station_of(institute)
    assert Tus(login_of(other)).begin(CONTENT, "b.txt")["Upload-Offset"] == "100000"
    assert StoredContent.objects.get().revisions.count() == 2
    assert StoreAccount.objects.get(organization=institute).octets == len(CONTENT)


def test_another_organization_is_not_told_that_a_content_is_here(tus, elsewhere):
    assert tus.upload(CONTENT) == "stored"
    theirs = Tus(login_of(station_of(elsewhere)))
    assert theirs.begin(CONTENT)["Upload-Offset"] == "0"
    assert theirs.upload(CONTENT) == "stored"
    assert StoredContent.objects.count() == 1


def test_a_file_that_grew_is_one_file_and_one_that_changed_has_two_revisions(tus, station):
    path = "2026-05-01/growing.txt"
    assert tus.upload(CONTENT[:30_000], path) == "stored"
    assert tus.upload(CONTENT, path) == "stored"
    grown = FileRevision.objects.get()
    assert (grown.number, grown.grown, grown.content.octets) == (1, 1, 100_000)
    assert tus.upload(CONTENT[:50_000], path) == "known"
    assert tus.upload(b"other", path) == "stored"
    assert list(FileRevision.objects.order_by("number").values_list("content__octets", flat=True)) == [100_000, 5]
    assert StoredFile.objects.count() == 1
    assert StoreAccount.objects.get(organization=station.organization).octets == 100_005


def test_what_a_grown_file_no_longer_needs_is_swept(tus, station):
    tus.upload(CONTENT[:30_000])
    tus.upload(CONTENT)
    assert scrub.store_sweep(moment=clock.now()) == 1
    assert StoredContent.objects.get().octets == 100_000
    assert not default_storage.exists(content_name(hashlib.sha256(CONTENT[:30_000]).hexdigest()))
    assert StoreAccount.objects.get(organization=station.organization).octets == 100_000


def test_a_file_that_is_not_what_was_announced_is_refused_and_said(tus):
    url = tus.begin(CONTENT)["Location"]
    answer = tus.send(url, 0, CONTENT[:-1] + b"x")
    assert (answer.status_code, "changed while it was being sent" in answer.json()["detail"]) == (
        422,
        answer.content != b"",
    )
    assert (tus.client.get(url).json()["state"], tus.client.head(url).status_code) == ("refused", 410)
    assert not StoredContent.objects.exists()
    assert tus.upload(CONTENT) == "stored"


def test_an_empty_file_is_stored_as_it_begins(tus):
    begun = tus.begin(b"")
    assert (begun.status_code, begun.json()["state"]) == (201, "stored")
    assert StoredContent.objects.get().octets == 0


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
def test_a_piece_with_a_wrong_checksum_is_taken_back(tus, algorithm):
    url = tus.begin(CONTENT)["Location"]
    digest = base64.b64encode(hashlib.new(algorithm, CONTENT[:1_000]).digest()).decode()
    wrong = tus.send(url, 0, CONTENT[:999] + b"x", **{"Upload-Checksum": f"{algorithm} {digest}"})
    assert (wrong.status_code, wrong.json()["title"]) == (460, "Checksum Mismatch")
    assert tus.client.head(url)["Upload-Offset"] == "0"
    assert tus.send(url, 0, CONTENT[:1_000], **{"Upload-Checksum": f"{algorithm} {digest}"}).status_code == 204


def test_an_upload_can_be_gone_on_with_by_its_file_and_be_ended(tus):
    url = tus.begin(CONTENT)["Location"]
    tus.send(url, 0, CONTENT[:10])
    again = tus.begin(CONTENT, resume="")
    assert (again["Location"], again["Upload-Offset"]) == (url, "10")
    assert tus.begin(CONTENT)["Location"] != url
    assert tus.client.delete(url).status_code == 204
    assert tus.client.head(url).status_code == 404
    assert parts.part_size(url.rpartition("/")[2]) == 0


def test_an_upload_that_rests_expires(tus):
    begun = tus.begin(CONTENT)
    url = begun["Location"]
    assert begun["Upload-Expires"]
    tus.send(url, 0, CONTENT[:10])
    with time_machine.travel(clock.now() + uploads.OPEN_LIFE + timedelta(minutes=1)):
        gone = tus.client.get(url)
        assert (gone.status_code, "it has expired" in gone.json()["detail"]) == (404, True)
        assert uploads.uploads_expire(moment=clock.now()) == 1
    assert parts.part_size(url.rpartition("/")[2]) == 0


def test_a_quota_that_is_full_refuses_with_its_numbers(tus, station):
    StoreAccount.objects.create(organization=station.organization, quota_octets=150_000)
    url = tus.begin(CONTENT)["Location"]
    refused = tus.begin(CONTENT[:60_000], "b.txt")
    assert refused.status_code == 429
    assert "150000 bytes, 100000 are used, and this one has 60000" in refused.json()["detail"]
    assert tus.send(url, 0, CONTENT).status_code == 204
    assert tus.begin(CONTENT[:60_000], "b.txt").status_code == 429
    assert tus.upload(CONTENT[:40_000], "b.txt") == "stored"


def test_open_uploads_and_refused_requests_of_a_sender_are_bounded(tus, monkeypatch, institute):
    monkeypatch.setattr(uploads, "OPEN_MOST", 2)
    assert [tus.begin(CONTENT, f"{n}.txt").status_code for n in range(3)] == [201, 201, 429]
    for _ in range(60):
        assert tus.client.post(URL).status_code == 400
    refused = tus.client.post(URL)
    assert (refused.status_code, "Retry-After" in refused.headers) == (429, True)
    # Neighbours are not affected.
    assert Tus(login_of(station_of(institute))).upload(CONTENT) == "stored"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"length": -1}, "number of bytes"),
        ({"sha256": "abc"}, "SHA-256"),
        ({"path": "../../etc/passwd"}, "data folder"),
        ({"path": ""}, "data folder"),
        ({"path": "a\x07"}, "data folder"),
        ({"modified": "nan"}, "seconds since 1970"),
        ({"station": "SG-other"}, "may only upload files of"),
    ],
)
def test_what_is_wrong_is_said(tus, change, word):
    answer = tus.begin(CONTENT, **change)
    assert (answer.status_code, word in answer.json()["detail"]) == (400, True)


def test_headers_of_the_protocol_are_checked(tus):
    assert tus.begin(CONTENT, length=9_000_000_000).status_code == 413
    url = tus.begin(CONTENT)["Location"]
    assert tus.client.patch(url, b"x", content_type="text/plain", headers={"Upload-Offset": "0"}).status_code == 415
    assert tus.send(url, 0, CONTENT + b"more").status_code == 400
    assert tus.client.post(URL, headers={"Tus-Resumable": "0.2.2"}).status_code == 412


def test_everybody_may_ask_what_the_server_can(client):
    answer = client.options(URL)
    assert (answer.status_code, answer["Tus-Version"]) == (204, "1.0.0")
    assert answer["Tus-Extension"] == "creation,checksum,expiration,termination"


def test_only_a_working_login_of_the_station_opens_its_uploads(station, institute):
    tus = Tus(login_of(station))
    url = tus.begin(CONTENT)["Location"]
    assert Tus(basic(f"st.{station.serial}.1", "wrong")).begin(CONTENT).status_code == 401
    assert Tus(basic("st.nobody.1", "right")).begin(CONTENT).status_code == 401
    old = Tus(login_of(station, generation=2, password="")).begin(CONTENT)
    assert (old.status_code, "Rotate" in old.json()["detail"]) == (401, True)
    assert Tus(login_of(station_of(institute))).client.head(url).status_code == 404
    # Its login opens uploads, and nothing else.
    assert tus.client.get("/api/v1/stations").status_code == 401
    Station.objects.filter(pk=station.pk).update(suspended_at=clock.now())
    assert "suspended" in tus.client.get(url).json()["detail"]
    Station.objects.filter(pk=station.pk).update(suspended_at=None)
    Credential.objects.filter(station=station).update(revoked_at=clock.now())
    assert tus.client.head(url).status_code == 401


def test_wrong_passwords_are_counted_per_network(station, settings):
    settings.ROOST_API_WRONG_KEYS = 3
    wrong = Tus(basic(f"st.{station.serial}.1", "wrong"))
    assert [wrong.begin(CONTENT).status_code for _ in range(4)] == [401, 401, 401, 429]


def test_operators_and_their_keys_upload_for_their_stations(station, institute, elsewhere):
    writer, reader = Tus(f"Bearer {key_of(institute, write=True)}"), Tus(f"Bearer {key_of(institute)}")
    assert writer.begin(CONTENT).status_code == 400
    assert writer.upload(CONTENT, station=station.serial) == "stored"
    assert reader.begin(CONTENT, station=station.serial).status_code == 403
    stranger = Tus(f"Bearer {key_of(elsewhere, write=True)}")
    assert stranger.begin(CONTENT, station=station.serial).status_code == 404
    url = writer.begin(b"new", "c", station=station.serial)["Location"]
    assert (stranger.client.head(url).status_code, reader.client.head(url).status_code) == (404, 403)


def test_rot_is_found_told_and_healed(tus, files):
    tus.upload(CONTENT)
    content = StoredContent.objects.get()
    place = files / content_name(content.sha256)
    place.write_bytes(b"x" + CONTENT[1:])
    assert scrub.contents_scrub(moment=clock.now()) == 0
    later = clock.now() + scrub.ROUND + timedelta(hours=1)
    assert scrub.contents_scrub(moment=later) == 1
    rot_judge()
    assert "have changed: 1 (SHA-256" in Trouble.objects.get(ended_at=None).sentence
    assert tus.begin(CONTENT)["Upload-Offset"] == "0"
    assert tus.upload(CONTENT) == "known"
    rot_judge()
    assert not Trouble.objects.filter(ended_at=None).exists()
    assert stored(CONTENT) == CONTENT
    place.unlink()
    assert tus.upload(CONTENT) == "known"
    assert stored(CONTENT) == CONTENT


def test_an_upload_on_a_full_disk_says_so(tus, monkeypatch):
    url = tus.begin(CONTENT)["Location"]
    monkeypatch.setattr(uploads, "parts_room", lambda: 0)
    assert tus.begin(CONTENT, "b.txt").status_code == 503
    assert tus.send(url, 0, CONTENT).status_code == 503
    assert Upload.objects.get().state == "open"
