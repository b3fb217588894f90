"""Data files are read in whole lines, however they were damaged."""

import gzip
import random

import pytest

from formats.sensorgnome.reader import CHUNK_BYTES, CHUNK_LINES, LineReader

TEXT = b"".join(b"p3,16396%05d.5266,2.637,-38.87,-53.61\n" % n for n in range(5_000))


@pytest.fixture(params=["plain", "gzip", "two gzip members"])
def make_file(request, tmp_path):
    def make(text):
        if request.param == "plain":
            path = tmp_path / "x.txt"
            path.write_bytes(text)
        elif request.param == "gzip":
            path = tmp_path / "x.txt.gz"
            path.write_bytes(gzip.compress(text))
        else:
            path = tmp_path / "x.txt.gz"
            half = len(text) // 2
            path.write_bytes(gzip.compress(text[:half]) + gzip.compress(text[half:]))
        return path

    return make


def read_all(path, offset=0, *, reopen=False):
    lines, reader = [], LineReader(path)
    while True:
        if reopen:
            reader.close()
            reader = LineReader(path)
        chunk = reader.chunk(offset)
        lines += chunk.lines
        offset = chunk.offset
        if chunk.ended:
            reader.close()
            return lines, chunk


@pytest.mark.parametrize("reopen", [False, True])
def test_every_line_once(make_file, reopen):
    lines, last = read_all(make_file(TEXT), reopen=reopen)
    assert lines == TEXT.split(b"\n")[:-1]
    assert (last.offset, last.rest, last.damage) == (len(TEXT), b"", "")


def test_a_line_without_its_end_is_not_a_line(make_file):
    lines, last = read_all(make_file(TEXT + b"p3,1639"))
    assert lines == TEXT.split(b"\n")[:-1]
    assert (last.offset, last.rest, last.rest_bytes) == (len(TEXT), b"p3,1639", 7)


def test_a_chunk_has_its_bounds(make_file):
    short = b"x\n" * 3_000
    with LineReader(make_file(short)) as reader:
        assert len(reader.chunk(0).lines) == CHUNK_LINES
    with LineReader(make_file(TEXT)) as reader:
        assert sum(len(line) + 1 for line in reader.chunk(0).lines) <= CHUNK_BYTES


def test_a_line_without_end_in_sight_costs_no_memory(make_file):
    monster = b"y" * (5 * CHUNK_BYTES) + b"\n"
    lines, last = read_all(make_file(b"first\n" + monster + b"last\n"))
    assert [line[:5] for line in lines] == [b"first", b"y" * 5, b"last"]
    assert len(lines[1]) == 256
    assert last.offset == 6 + len(monster) + 5


def test_zero_bytes_hide_no_line_behind_them(make_file):
    zeros = b"\x00" * (5 * CHUNK_BYTES)
    lines, last = read_all(make_file(b"first\n" + zeros + b"last\n"))
    assert lines == [b"first", b"last"]
    assert last.offset == 6 + len(zeros) + 5


def test_a_huge_line_at_the_end_of_the_file_waits_for_its_own_end(make_file):
    _, last = read_all(make_file(b"first\n" + b"y" * (2 * CHUNK_BYTES)))
    assert (last.offset, last.rest_bytes, last.rest[:1]) == (6, 2 * CHUNK_BYTES, b"y")


def test_a_damaged_gzip_gives_what_lies_before_the_damage(tmp_path):
    path = tmp_path / "x.txt.gz"
    noise = random.Random(1).randbytes(40_000).hex().encode()
    text = b"".join(noise[i : i + 40] + b"\n" for i in range(0, len(noise), 40))
    packed = gzip.compress(text)
    path.write_bytes(packed[: len(packed) // 2])
    lines, last = read_all(path)
    assert last.damage == "It ends too early."
    assert len(lines) > 500
    assert lines == text.split(b"\n")[: len(lines)]
    path.write_bytes(b"\x00" * 100)
    with LineReader(path) as reader:
        assert reader.check().damage == "It contains only 100 zero bytes."
        chunk = reader.chunk(0)
    assert (chunk.lines, chunk.zeros, chunk.ended) == ([], 100, True)


def test_a_gzip_of_no_bytes_is_empty(tmp_path):
    path = tmp_path / "x.txt.gz"
    path.touch()
    lines, last = read_all(path)
    assert (lines, last.ended, last.damage) == ([], True, "")


def test_a_growing_file_goes_on_where_it_was(tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes(b"one\ntw")
    with LineReader(path) as reader:
        chunk = reader.chunk(0)
        assert (chunk.lines, chunk.ended, chunk.rest) == ([b"one"], True, b"tw")
    path.write_bytes(b"one\ntwo\n")
    with LineReader(path) as reader:
        assert reader.chunk(chunk.offset).lines == [b"two"]
