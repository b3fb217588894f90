"""A small file that unpacks to a huge picture is read in its own process, and slows neither the site nor other people."""

import io
import struct
import threading
import zlib
from pathlib import Path

import psutil
import pytest
from PIL import Image
from waiting import PATIENCE_S

from fleet.core.errors import InvalidInput, TooMany
from fleet.files import pictures
from fleet.files.picture_process import MEMORY_MOST
from fleet.files.pictures import picture_make


def encoded(mode: str, size: tuple[int, int], kind: str, **more: object) -> io.BytesIO:
    octets = io.BytesIO()
    Image.new(mode, size).save(octets, kind, **more)
    return octets


def made(octets: io.BytesIO, folder: Path) -> pictures.Made:
    return picture_make(upload=octets, whole=folder / "whole.jpg", small=folder / "small.jpg")


def test_a_picture_of_200_kb_with_50_million_pixels_is_refused_before_it_is_unpacked(tmp_path):
    octets = encoded("RGBA", (7_000, 7_000), "PNG")
    assert octets.tell() < 250_000
    before = psutil.Process().memory_info().rss
    with pytest.raises(InvalidInput, match="too many pixels") as refused:
        made(octets, tmp_path)
    assert refused.value.field == "photo"
    assert psutil.Process().memory_info().rss - before < 20_000_000
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("mode", "size", "kind", "more"),
    [
        ("RGBA", (5_000, 5_000), "PNG", {}),
        ("I;16", (5_000, 5_000), "PNG", {}),
        ("RGB", (4_000, 4_000), "WEBP", {}),
        ("RGB", (8_000, 6_200), "JPEG", {}),
        ("CMYK", (5_000, 5_000), "JPEG", {"progressive": True, "subsampling": 0}),
    ],
)
def test_the_largest_that_are_taken_fit_into_the_memory_there_is(tmp_path, mode, size, kind, more):
    assert max(made(encoded(mode, size, kind, **more), tmp_path)) == pictures.WHOLE_SIDE


def test_a_progressive_picture_has_a_smaller_bound_because_it_is_read_into_memory_whole(tmp_path):
    octets = encoded("CMYK", (8_000, 6_200), "JPEG", progressive=True, subsampling=0)
    with pytest.raises(InvalidInput, match="25 megapixels"):
        made(octets, tmp_path)


def test_what_needs_more_memory_than_there_is_is_refused_in_words(tmp_path, monkeypatch):
    less = tmp_path / "less.py"
    less.write_text(pictures._PROCESS.read_text().replace(f"{MEMORY_MOST:_}", "150_000_000"))
    monkeypatch.setattr(pictures, "_PROCESS", less)
    with pytest.raises(InvalidInput, match="too many pixels"):
        made(encoded("RGBA", (5_000, 5_000), "PNG"), tmp_path)


def test_a_head_that_lies_about_its_size_is_refused(tmp_path):
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", 4_000, 4_000, 8, 2, 0, 0, 0)
    octets = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100))
    with pytest.raises(InvalidInput, match="photo cannot be read"):
        made(io.BytesIO(octets + chunk(b"IEND", b"")), tmp_path)


def test_they_are_read_one_at_a_time_and_who_waits_too_long_is_told(tmp_path, monkeypatch):
    began, may_end = threading.Event(), threading.Event()
    running, most = 0, 0

    def slow(_octets, _whole, _small):
        nonlocal running, most
        running += 1
        most = max(most, running)
        began.set()
        assert may_end.wait(PATIENCE_S)
        running -= 1
        return {"width": 1, "height": 1}

    monkeypatch.setattr(pictures, "_run_picture_process", slow)
    first = threading.Thread(target=made, args=(io.BytesIO(b"1"), tmp_path))
    first.start()
    assert began.wait(PATIENCE_S)
    monkeypatch.setattr(pictures, "WAIT_S", 0.01)
    with pytest.raises(TooMany, match="in a minute"):
        made(io.BytesIO(b"2"), tmp_path)
    monkeypatch.setattr(pictures, "WAIT_S", 20)
    second = threading.Thread(target=made, args=(io.BytesIO(b"3"), tmp_path))
    second.start()
    may_end.set()
    first.join(PATIENCE_S)
    second.join(PATIENCE_S)
    assert (most, running) == (1, 0)


def test_one_that_takes_too_long_or_kills_its_reader_is_refused_and_the_next_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "TAKE_S", 0.001)
    with pytest.raises(InvalidInput, match="cannot be read"):
        made(encoded("RGB", (40, 30), "JPEG"), tmp_path)
    monkeypatch.undo()
    broken = tmp_path / "broken.py"
    broken.write_text("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    monkeypatch.setattr(pictures, "_PROCESS", broken)
    with pytest.raises(InvalidInput, match="cannot be read"):
        made(encoded("RGB", (40, 30), "JPEG"), tmp_path)
    monkeypatch.undo()
    assert made(encoded("RGB", (40, 30), "JPEG"), tmp_path) == (40, 30)


def test_the_reader_knows_no_secret_of_ours(tmp_path, monkeypatch):
    shows = tmp_path / "shows.py"
    shows.write_text("import json, os; print(json.dumps({'refused': 'unread', 'env': sorted(os.environ)}))")
    monkeypatch.setattr(pictures, "_PROCESS", shows)
    answer = pictures._run_picture_process(b"", tmp_path / "a", tmp_path / "b")
    assert [name for name in answer["env"] if name.startswith(("ROOST", "PG", "DJANGO"))] == []
