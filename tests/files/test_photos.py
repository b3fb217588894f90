"""Photos: only the picture is kept, other files are refused, and only members see them."""

import io
import os
import struct
import zlib
from datetime import timedelta

import pytest
from people import station_of
from PIL import Image

from fleet.alerts.models import Trouble
from fleet.alerts.server_problems.file_troubles import strays_judge
from fleet.core import clock
from fleet.core.errors import Forbidden, InvalidInput, NotFound, TooMany
from fleet.core.models import AuditEntry
from fleet.files import photos, pictures
from fleet.files.models import Photo
from fleet.files.photos import (
    photo_add,
    photo_file,
    photo_find,
    photo_list,
    photo_remove,
    photos_stray,
    photos_sweep,
)

pytestmark = pytest.mark.django_db


def picture(kind: str = "JPEG", size: tuple[int, int] = (600, 300), **more: object) -> io.BytesIO:
    raw = io.BytesIO()
    Image.new("RGB", size, "green").save(raw, kind, **more)
    return raw


@pytest.fixture
def station(institute):
    return station_of(institute)


def test_a_photo_loses_what_the_camera_wrote_beside_it(station, operator, files):
    exif = Image.Exif()
    exif[0x010F] = "Camera of Jane Doe"
    exif[0x0112] = 6  # The camera was turned by 90 degrees.
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.34)
    upload = picture(exif=exif)
    assert b"Jane Doe" in upload.getvalue()
    photo = photo_add(actor=operator, station=station, upload=upload, caption=" The mast ")
    kept = photo_file(photo, "whole")
    assert b"Jane" not in kept.read_bytes()
    with Image.open(kept) as opened:
        assert (opened.format, opened.size, dict(opened.getexif())) == ("JPEG", (300, 600), {})
    with Image.open(photo_file(photo, "small")) as small:
        assert max(small.size) == pictures.SMALL_SIDE
    assert (photo.caption, photo.added_by, photo.octets) == ("The mast", operator.user, kept.stat().st_size)
    assert station.serial not in str(kept)
    assert AuditEntry.objects.get(action="photo.add").detail["photo"] == photo.pk


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_other_kinds_become_jpeg(station, operator, kind):
    photo = photo_add(actor=operator, station=station, upload=picture(kind, (5_000, 10)))
    with Image.open(photo_file(photo, "whole")) as opened:
        assert (opened.format, opened.width) == ("JPEG", pictures.WHOLE_SIDE)


def bomb() -> bytes:
    """A PNG of a few bytes that claims to be 60,000 by 60,000."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"GIF89a<script>alert(1)</script>",
        picture().getvalue()[:400],
        bomb(),
        b"\xff\xd8\xff\xe0" + b"\x00" * 500,
    ],
    ids=["nothing", "svg", "gif", "cut off", "bomb", "a head only"],
)
def test_what_is_no_photo_is_refused_and_leaves_nothing(station, operator, files, octets):
    with pytest.raises(InvalidInput) as refused:
        photo_add(actor=operator, station=station, upload=io.BytesIO(octets))
    assert refused.value.field == "photo"
    assert not Photo.objects.exists()
    assert not list(files.rglob("*.jpg"))


def test_an_upload_and_a_station_have_their_bounds(station, operator, monkeypatch, files):
    monkeypatch.setattr(pictures, "OCTETS_MOST", 100)
    with pytest.raises(InvalidInput, match="MB"):
        photo_add(actor=operator, station=station, upload=picture())
    monkeypatch.undo()
    monkeypatch.setattr(photos, "PHOTOS_MOST", 1)
    photo_add(actor=operator, station=station, upload=picture())
    with pytest.raises(TooMany, match="photos"):
        photo_add(actor=operator, station=station, upload=picture())
    assert len(list(files.rglob("*.jpg"))) == 2


def test_a_viewer_looks_and_a_stranger_does_not(station, operator, viewer, stranger):
    photo = photo_add(actor=operator, station=station, upload=picture())
    assert photo_find(viewer=viewer, name=photo.name) == photo
    for act in (
        lambda: photo_add(actor=viewer, station=station, upload=picture()),
        lambda: photo_remove(actor=viewer, photo=photo),
        lambda: photo_remove(actor=stranger, photo=photo),
    ):
        with pytest.raises(Forbidden):
            act()
    with pytest.raises(NotFound):
        photo_find(viewer=stranger, name=photo.name)
    assert list(photo_list(station=station)) == [photo]


def test_a_removed_photo_takes_its_files_along(station, operator, django_capture_on_commit_callbacks):
    photo = photo_add(actor=operator, station=station, upload=picture())
    with django_capture_on_commit_callbacks(execute=True):
        photo_remove(actor=operator, photo=photo)
    assert not photo_file(photo, "whole").exists()
    assert not photo_file(photo, "small").exists()
    assert not Photo.objects.exists()


def test_files_without_a_row_are_reported_and_swept_after_long_and_others_stay(station, operator):
    kept, gone = (photo_add(actor=operator, station=station, upload=picture()) for _ in range(2))
    Photo.objects.filter(pk=gone.pk).delete()
    assert (photos_stray(moment=clock.now()), photos_sweep(moment=clock.now())) == (0, 0)
    for days, swept in ((2, 0), (89, 0), (91, 1)):
        then = (clock.now() - timedelta(days=days)).timestamp()
        for photo in (kept, gone):
            os.utime(photo_file(photo, "whole"), (then, then))
        assert photos_stray(moment=clock.now()) == 1
        strays_judge()
        assert "Contents: 0 with 0 bytes; photos: 1." in Trouble.objects.get(ended_at=None).sentence
        assert photos_sweep(moment=clock.now()) == swept
    strays_judge()
    assert not Trouble.objects.filter(ended_at=None).exists()
    assert photo_file(kept, "whole").exists()
    assert not photo_file(gone, "whole").exists()
    assert not photo_file(gone, "small").exists()
