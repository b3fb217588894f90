"""The page of one stored file: its hashes and revisions, its table sorted and plotted, its text, and its picture."""

import hashlib
import io

import pytest
from django.test import Client
from files.tus_asking import Tus
from people import key_of, station_of
from PIL import Image

from fleet.files.store.models import FileRevision, StoredContent
from sg_status.files import look

pytestmark = pytest.mark.django_db


@pytest.fixture
def station(institute, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    return station_of(institute)


@pytest.fixture
def stored(institute, station):
    """Store bytes under a path; return the address of the file's page."""
    tus = Tus(f"Bearer {key_of(institute, write=True)}")

    def store(octets: bytes, path: str) -> str:
        assert tus.upload(octets, path, station=station.serial) == "stored"
        revision = FileRevision.objects.filter(file__path=path).latest("number")
        return f"/stations/{station.serial}/files/stored/{revision.pk}/"

    return store


@pytest.fixture
def watching(viewer) -> Client:
    client = Client()
    client.force_login(viewer.user)
    return client


def cells(answer) -> list[list[str]]:
    return answer.context["look"].rows


def test_a_table_is_sorted_and_plotted_and_its_figures_are_said(stored, watching, monkeypatch):
    page = stored(b"name,mass\nb,10\na,9\nc,\n", "birds.csv") + "look/"
    answer = watching.get(page)
    text = answer.content.decode()
    assert cells(answer) == [["b", "10"], ["a", "9"], ["c", ""]]
    assert (answer.context["look"].plot, "9.5" in text, "<svg viewBox" in text) == (None, True, False)
    assert [row[0] for row in cells(watching.get(page, {"sort": "1"}))] == ["a", "b", "c"]
    assert [row[0] for row in cells(watching.get(page, {"sort": "-0"}))] == ["c", "b", "a"]
    plotted = watching.get(page, {"plot": "1", "sort": "1"}).content.decode()
    assert 'class="l1"' in plotted
    # A parameter that names no column of figures is ignored, as in a link that somebody changed.
    for asked in ({"sort": "99"}, {"sort": "x"}, {"plot": "0"}, {"plot": "-1"}, {"plot": "²"}, {"sort": "--1"}):
        assert cells(watching.get(page, asked)) == cells(answer)
    monkeypatch.setattr(look, "ROWS_SHOWN", 2)
    assert "2 rows are shown" in watching.get(page).content.decode()


def test_hashes_revisions_and_the_sender_are_said(stored, watching, station):
    stored(b"one", "a.bin")
    page = stored(b"other", "a.bin") + "look/"
    text = watching.get(page).content.decode()
    assert hashlib.sha256(b"other").hexdigest() in text
    assert hashlib.sha1(b"other", usedforsecurity=False).hexdigest() in text
    for one in FileRevision.objects.all():
        assert f"/files/stored/{one.pk}/look/" in text
        assert one.sent_by in text
    assert "Files of this kind are not shown" in text
    assert (
        f"{FileRevision.objects.latest('pk').pk}/look/"
        in watching.get(f"/stations/{station.serial}/files/stored/").content.decode()
    )


def test_text_and_markdown_run_nothing(stored, watching):
    text = watching.get(stored(b"<script>alert(1)</script>\nx", "a.log") + "look/").content.decode()
    assert "&lt;script&gt;alert(1)" in text
    text = watching.get(stored(b"# Notes\n\n<script>alert(2)</script>", "b.md") + "look/").content.decode()
    assert "<h1>Notes</h1>" in text
    assert "<pre" in watching.get(stored(b"Hello, world\nHello, birds\n", "c.txt") + "look/").content.decode()
    assert "<script>alert(2)" not in text


def test_a_picture_is_one_of_our_own_making(stored, watching):
    made = io.BytesIO()
    Image.new("RGB", (900, 600), "red").save(made, "JPEG", comment=b"where it was taken")
    address = stored(made.getvalue(), "trap.jpg")
    assert f"{address}picture/" in watching.get(f"{address}look/").content.decode()
    answer = watching.get(f"{address}picture/small/")
    shown = b"".join(answer)
    assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == ("image/jpeg", "nosniff")
    assert b"where it was taken" not in shown
    assert Image.open(io.BytesIO(shown)).size == (400, 267)
    answer = watching.get(stored(b"no picture", "b.jpg") + "picture/")
    assert (answer.status_code, "cannot be shown" in answer.content.decode()) == (404, True)


def test_tiles_or_rows_is_kept_for_a_person(stored, watching, station, operator):
    stored(b"no picture", "a.jpg")
    stored(b"x", "b.txt")
    page = f"/stations/{station.serial}/files/stored/"
    other = Client()
    other.force_login(operator.user)
    small = "/picture/small/"
    assert small not in watching.get(page).content.decode()
    tiles = watching.post(f"{page}view/", {"view": "tiles"}, follow=True).content.decode()
    assert (tiles.count(small), tiles.count('name="file"')) == (1, 2)
    assert small in watching.get(page).content.decode()
    assert small not in other.get(page).content.decode()
    assert small not in watching.post(f"{page}view/", {"view": "rows"}, follow=True).content.decode()


def test_bytes_that_are_missing_are_said(stored, watching, settings):
    page = stored(b"a,b\n1,2\n", "a.csv") + "look/"
    sha256 = StoredContent.objects.get().sha256
    (settings.MEDIA_ROOT / "store" / sha256[:2] / sha256).unlink()
    text = watching.get(page).content.decode()
    assert "The bytes of this file are missing" in text
    assert "cannot be read now" in text


def test_nobody_looks_into_files_of_others(stored, stranger):
    address = stored(b"secret", "secret.txt")
    client = Client()
    client.force_login(stranger.user)
    for page in ("look/", "picture/", "picture/small/"):
        assert client.get(address + page).status_code == 404
