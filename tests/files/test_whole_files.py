"""Files sent with a form, without scripts: the same store, the same rules, and an outcome for each file."""

import hashlib
import os

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from files.tus_asking import Tus, metadata
from people import key_of, station_of

from fleet.files.models import FileRevision, StoreAccount, Upload
from fleet.files.store import parts
from fleet.files.store.contents import content_name
from web.asgi import body_most

pytestmark = pytest.mark.django_db

CONTENT = os.urandom(300_000)


@pytest.fixture
def station(institute):
    return station_of(institute)


@pytest.fixture
def desk(operator) -> Client:
    client = Client()
    client.force_login(operator.user)
    return client


def page_of(station) -> str:
    return f"/stations/{station.serial}/files/stored/"


def sent(client: Client, station, files: dict[str, bytes], folder: str = "") -> list[tuple[str, str, str]]:
    """Send the form; return path, fate and reason of each file."""
    body = {"folder": folder, "files": [SimpleUploadedFile(name, content) for name, content in files.items()]}
    answer = client.post(page_of(station), body)
    assert answer.status_code == 200
    return [(one.path, words, one.reason) for one, words in answer.context["fates"]]


def stored_of(station) -> dict[str, bytes]:
    found = {}
    for one in FileRevision.objects.filter(file__station=station).select_related("file", "content"):
        with default_storage.open(content_name(one.content.sha256), "rb") as opened:
            found[one.file.path] = opened.read()
    return found


def test_every_file_of_a_form_has_its_fate_and_they_add_up(station, desk):
    files = {"a.txt": CONTENT, "b.txt": b"b", "Thumbs.db": b"x", "c.txt": b"c"}
    fates = sent(desk, station, files, "2026-05-01")
    assert [fate for _path, fate, _reason in fates] == ["stored", "stored", "kept back", "stored"]
    ((_path, fate, reason),) = sent(desk, station, {"a.txt": CONTENT}, "..")
    assert (fate, "without `..`" in reason) == ("refused", True)
    assert stored_of(station) == {f"2026-05-01/{name}": files[name] for name in ("a.txt", "b.txt", "c.txt")}
    again = sent(desk, station, {"a.txt": CONTENT, "b.txt": b"bb"}, "2026-05-01/")
    assert [fate for _path, fate, _reason in again] == ["known", "stored"]
    answer = desk.post(page_of(station), {"files": [SimpleUploadedFile("b.txt", b"bb")], "folder": "2026-05-01"})
    assert [number for _words, number in answer.context["counts"]] == [0, 1, 0, 0, 0]
    assert "What became of your files" in answer.content.decode()
    assert FileRevision.objects.get(file__path="2026-05-01/b.txt").grown == 1


def test_without_a_file_the_form_says_so(station, desk):
    assert "No file selected" in desk.post(page_of(station), {"folder": ""}).content.decode()


def test_a_file_that_was_begun_in_pieces_is_finished_by_the_form(station, desk, institute):
    tus = Tus(f"Bearer {key_of(institute, write=True)}")
    begun = tus.begin(CONTENT, "a.txt", station=station.serial)
    tus.send(begun["Location"], 0, CONTENT[:1_000])
    assert sent(desk, station, {"a.txt": CONTENT}) == [("a.txt", "stored", "")]
    assert stored_of(station) == {"a.txt": CONTENT}
    assert tus.client.get(begun["Location"]).json()["state"] == "stored"


def test_a_full_quota_and_a_full_disk_refuse_with_their_reason_and_leave_nothing_open(
    station, desk, institute, monkeypatch
):
    StoreAccount.objects.create(organization=institute, quota_octets=10)
    ((_path, fate, reason),) = sent(desk, station, {"a.txt": CONTENT})
    assert (fate, "10 bytes" in reason) == ("refused", True)
    StoreAccount.objects.update(quota_octets=None)

    def no_room(*_words: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(parts.PartWriter, "write", no_room)
    ((_path, fate, reason),) = sent(desk, station, {"a.txt": CONTENT})
    assert (fate, "No space left" in reason) == ("refused", True)
    # The refused file stays listed with its reason, and nothing waits for more bytes.
    ((state, words),) = Upload.objects.values_list("state", "reason")
    assert (state, "10 bytes" in words) == ("refused", True)
    assert stored_of(station) == {}


def test_only_operators_may_send_files_and_others_see_no_form(station, desk, viewer, stranger):
    assert "Add files" in desk.get(page_of(station)).content.decode()
    body = {"files": [SimpleUploadedFile("a.txt", b"a")]}
    for who, status in ((viewer, 403), (stranger, 404)):
        client = Client()
        client.force_login(who.user)
        assert client.post(page_of(station), body).status_code == status
    watching = Client()
    watching.force_login(viewer.user)
    assert "Add files" not in watching.get(page_of(station)).content.decode()
    assert stored_of(station) == {}


def test_a_session_may_upload_only_with_its_token(station, operator):
    """The script sends the page's session, and the token of its form."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(operator.user)
    told = {"Tus-Resumable": "1.0.0", "Upload-Length": "1"}
    told["Upload-Metadata"] = metadata(path="a.txt", sha256=hashlib.sha256(b"a").hexdigest(), station=station.serial)
    assert client.generic("POST", "/api/v1/uploads", headers=told).status_code == 403
    client.get(page_of(station))
    token = client.cookies["csrftoken"].value
    assert client.generic("POST", "/api/v1/uploads", headers={**told, "X-CSRFToken": token}).status_code == 201


def test_too_many_files_at_once_are_refused_whole_and_said(station, desk):
    body = {"files": [SimpleUploadedFile(f"{n}.txt", b"a") for n in range(101)]}
    answer = desk.post(page_of(station), body)
    assert answer.status_code == 400
    assert "at most 100 files" in answer.content.decode()
    assert stored_of(station) == {}
    assert body_most(scope_of(page_of(station), b"cookie")) == 32_000_000
    assert body_most(scope_of(page_of(station), b"accept")) == 4_000_000


def scope_of(path: str, header: bytes) -> dict[str, object]:
    return {"type": "http", "method": "POST", "path": path, "headers": [(header, b"x")]}
