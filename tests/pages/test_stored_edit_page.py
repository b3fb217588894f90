"""Changing stored texts: each change is a revision, the original stays, and the later of two writers is told."""

import pytest
from django.test import Client
from files.tus_asking import Tus
from people import key_of, station_of

from fleet.core.models import AuditEntry
from fleet.files.looking import editing
from fleet.files.store.contents import content_open
from fleet.files.store.models import FileRevision

pytestmark = pytest.mark.django_db


@pytest.fixture
def station(institute, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    return station_of(institute)


@pytest.fixture
def stored(institute, station):
    """Store bytes under a path; return the address of the file's page."""

    def store(octets: bytes, path: str) -> str:
        tus = Tus(f"Bearer {key_of(institute, write=True)}")
        assert tus.upload(octets, path, station=station.serial) == "stored"
        return f"/stations/{station.serial}/files/stored/{FileRevision.objects.latest('pk').pk}/"

    return store


def kept(path: str) -> list[bytes]:
    """All contents of a file, the first one first."""
    found = []
    for one in FileRevision.objects.filter(file__path=path).order_by("number"):
        with content_open(one.content) as opened:
            found.append(opened.read())
    return found


def test_a_changed_text_is_a_revision_and_the_original_stays(stored, browse, operator, viewer):
    original = b"\xef\xbb\xbf# Notes\r\n\r\nOne.\r\n"
    page, writing = stored(original, "notes.md"), browse(operator)
    assert "Change this text" in writing.get(f"{page}look/").content.decode()
    assert "Change this text" not in browse(viewer).get(f"{page}look/").content.decode()
    form = writing.get(f"{page}edit/").content.decode()
    assert "# Notes\n\nOne.\n" in form
    typed = "# Notes\r\n\r\nOne.\r\n<b>Two.</b>\r\n"
    shown = writing.post(f"{page}edit/", {"text": typed, "do": "preview"}).content.decode()
    assert "Nothing is saved yet" in shown
    assert "<h1>Notes</h1>" in shown
    assert "&lt;b&gt;Two." in shown
    assert kept("notes.md") == [original]
    # An uploaded file that only grew would replace the one before, and a shorter one would count as known.
    saved = writing.post(f"{page}edit/", {"text": typed, "do": "save"})
    assert kept("notes.md") == [original, original + b"<b>Two.</b>\r\n"]
    second = saved["Location"].removesuffix("look/")
    assert writing.post(f"{second}edit/", {"text": "# Notes\r\n", "do": "save"}).status_code == 302
    assert kept("notes.md")[2:] == [b"\xef\xbb\xbf# Notes\r\n"]
    assert AuditEntry.objects.filter(action="station.text_edited", detail__path="notes.md").count() == 2
    # The first text again, saved from the page of the first revision, becomes a revision after the newest.
    again = writing.get(f"{page}edit/").content.decode()
    assert "This is the text of revision 1" in again
    third = FileRevision.objects.latest("number")
    assert f"/{third.pk}/edit/" in again
    text = "# Notes\r\n\r\nOne.\r\n"
    folder = page.rsplit("/", 2)[0]
    assert writing.post(f"{folder}/{third.pk}/edit/", {"text": text, "do": "save"}).status_code == 302
    assert kept("notes.md")[3] == original
    # Saving without a change makes no revision.
    newest = FileRevision.objects.latest("number")
    assert writing.post(f"{folder}/{newest.pk}/edit/", {"text": text, "do": "save"}).status_code == 302
    assert "Nothing has changed" in writing.get(f"{folder}/{newest.pk}/look/").content.decode()
    assert len(kept("notes.md")) == 4
    assert newest.sent_by == "operator"


def test_of_two_writers_the_later_one_is_told(stored, browse, operator, owner):
    page = stored(b"one\ntwo\n", "list.txt")
    assert browse(owner).post(f"{page}edit/", {"text": "one\nthree\n", "do": "save"}).status_code == 302
    answer = browse(operator).post(f"{page}edit/", {"text": "mine\n", "do": "save"})
    told = answer.content.decode()
    newest = FileRevision.objects.latest("number")
    for part in ("somebody was quicker", "<del>- two</del>", "<ins>+ three</ins>", "mine\n", f"/{newest.pk}/edit/"):
        assert part in told, part
    assert kept("list.txt") == [b"one\ntwo\n", b"one\nthree\n"]


def test_what_would_not_survive_is_not_changed(stored, browse, operator, viewer, stranger, monkeypatch):
    writing = browse(operator)
    for octets, path, words in (
        (b"caf\xe9", "latin.txt", "no plain UTF-8 text"),
        (b"a\r\nb\nc", "mixed.txt", "breaks its lines in different ways"),
        (b"a\x07b", "bell.txt", "no plain UTF-8 text"),
        (b"x,1\n", "a.csv", "Only text and Markdown files"),
        (b"p1,1,2\n", "changeMe-7F5ERPI46977-000003-2021-12-16T00-25-01.6590Z-all.txt", "no recordings of a receiver"),
    ):
        page = stored(octets, path)
        assert words in writing.get(f"{page}edit/", follow=True).content.decode(), path
        assert writing.post(f"{page}edit/", {"text": "x", "do": "save"}).status_code == 200
        assert kept(path) == [octets]
    # A non-breaking space is a character like others.
    page = stored("d\u2019\u00a0ici".encode(), "blank.txt")
    assert writing.get(f"{page}edit/").status_code == 200
    page = stored(b"text", "a.txt")
    assert [browse(who).post(f"{page}edit/", {"text": "x"}).status_code for who in (viewer, stranger)] == [403, 404]
    monkeypatch.setattr(editing, "EDIT_MOST", 5)
    assert "at most 5 can be saved" in writing.post(f"{page}edit/", {"text": "äöüß", "do": "save"}).content.decode()
    assert kept("a.txt") == [b"text"]


@pytest.mark.usefixtures("no_counters")
def test_programs_change_texts_too(stored, institute, station):
    stored(b"one\r\n", "a.txt")
    first = FileRevision.objects.get()
    address = f"/api/v1/stations/{station.serial}/stored-files"
    asking = Client(headers={"Authorization": f"Bearer {key_of(institute, write=True)}"})
    assert asking.get(f"{address}/{first.pk}/text").json()["text"] == "one\n"
    answer = asking.put(f"{address}/{first.pk}/text", {"text": "one\ntwo\n"}, content_type="application/json")
    assert (answer.status_code, answer.json()["revision"], answer.json()["text"]) == (200, 2, "one\ntwo\n")
    assert asking.get(f"{address}/{first.pk}").json()["sha256"] == first.content.sha256
    answer = asking.put(f"{address}/{first.pk}/text", {"text": "x"}, content_type="application/json")
    assert (answer.status_code, "has a newer revision" in answer.json()["detail"]) == (409, True)
    assert kept("a.txt") == [b"one\r\n", b"one\r\ntwo\r\n"]
