"""Case 78: an uploaded file is stored as a picture under a name that we choose, or not at all, whatever it claims to
be.
"""

import io
import re
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from people import station_of
from PIL import Image

from fleet.files.models import Photo
from fleet.stations.models import Station

pytestmark = pytest.mark.django_db

NAMES = [
    "../../../../tmp/escaped.jpg",
    "/etc/escaped.jpg",
    "..\\..\\escaped.jpg",
    "CON",
    "nul.jpg\x00.html",
    "a" * 500 + ".jpg",
    "x.php.jpg",
    "x.jpg\r\nX-Evil: 1",
    "<script>alert(1)</script>.jpg",
    ".htaccess",
    "\u202egpj.exe",
]
SCRIPT = b"<html><script>alert(1)</script></html>"
LISTS = {
    "no text": b"\xff\xfe\x00\x01serial\x00",
    "nothing": b"",
    "a NUL": b"serial,name\nSG-A1,a\x00b\n",
    "one endless line": b"serial," + b"x" * 900_000,
    "an endless cell": b'serial,name\nSG-A1,"' + b"y" * 900_000,
    "many columns": b",".join(b"c%d" % n for n in range(50_000)),
    "many lines": b"serial\n" + b"".join(b"SG-L%d\n" % n for n in range(60_000)),
    "too large": b"serial\n" + b"#" * 3_000_000,
    "a page": SCRIPT,
    "a zip bomb's head": b"PK\x03\x04" + b"\x00" * 2_000,
    "formulas": b"serial,name\n=1+1,=cmd|'/c calc'!A1\n",
}


def picture() -> bytes:
    octets = io.BytesIO()
    Image.new("RGB", (40, 30), (200, 10, 10)).save(octets, "JPEG")
    return octets.getvalue()


@pytest.fixture
def kept(settings, tmp_path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "inner" / "files"
    return tmp_path


@pytest.fixture
def client(operator) -> Client:
    made = Client(raise_request_exception=False)
    made.force_login(operator.user)
    return made


@pytest.fixture
def station(institute) -> Station:
    return station_of(institute, name="Old Cut")


@pytest.mark.parametrize("name", NAMES, ids=lambda name: repr(name[:24]))
def test_a_photo_is_kept_under_a_name_of_ours(client, kept, station, name):
    upload = SimpleUploadedFile("x.jpg", picture(), "text/html")
    # Set it past Django's own cleaning, as if it came over the network.
    upload._name = name
    answer = client.post(f"/stations/{station.serial}/notes/photos/", {"photo": upload, "caption": ""})
    assert answer.status_code in (200, 302, 400)
    files = [path.relative_to(kept).as_posix() for path in kept.rglob("*") if path.is_file()]
    assert all(re.fullmatch(r"inner/files/[\w/-]+\.jpg", path) for path in files), files
    assert not [path for path in files if "escaped" in path or "script" in path]
    assert len(files) == 2 * Photo.objects.count()


def test_what_hides_behind_a_picture_is_not_kept(client, kept, station):
    upload = SimpleUploadedFile("x.jpg", picture() + SCRIPT, "image/jpeg")
    client.post(f"/stations/{station.serial}/notes/photos/", {"photo": upload, "caption": ""})
    photo = Photo.objects.get()
    files = list(kept.rglob("*.jpg"))
    assert (len(files), [path for path in files if b"<script" in path.read_bytes()]) == (2, [])
    shown = client.get(f"/photos/{photo.name}/whole.jpg")
    assert shown["Content-Type"] == "image/jpeg"
    assert shown["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in shown["Content-Security-Policy"]


@pytest.mark.parametrize("content", LISTS.values(), ids=LISTS)
@pytest.mark.parametrize("do", ["look", "import"])
def test_a_list_that_is_none_is_refused_in_words_and_imports_nothing(client, institute, content, do):
    before = Station.objects.count()
    body = {"organization": institute.pk, "file": SimpleUploadedFile("x.csv", content, "text/csv"), "do": do}
    answer = client.post("/stations/import/", body)
    assert answer.status_code in (200, 400, 413)
    assert len(answer.content) < 300_000
    assert Station.objects.count() == before
