"""Limits on what a body may unpack to, and the estimate of its size before unpacking."""

import gzip
import io
import time

import pytest
import zstandard

from message_queue import codec
from message_queue.contracts.base import MAX_BODY_BYTES
from message_queue.errors import MessageRefused
from message_queue.unpacking import OBJECTS_MOST, RATIO_FREE_BYTES, RATIO_MOST, VALUES_MOST, size_said, unpacked

RECORD = b'{"n":"a","v":1},'
#: Maximum processor time for reading one message, in seconds; four times what it takes here.
READ_MOST_S = 0.5


def zstd(body):
    return zstandard.ZstdCompressor(level=19).compress(body)


def zstd_without_size(body):
    target = io.BytesIO()
    with zstandard.ZstdCompressor(level=19).stream_writer(target, closefd=False) as writer:
        writer.write(body)
    return target.getvalue()


def refusal(raw, encoding, kind="readings"):
    with pytest.raises(MessageRefused) as caught:
        codec.decode({"content_encoding": encoding}, kind, "A", raw)
    return caught.value.reason, str(caught.value)


def pack_of(size):
    return b"[" + RECORD * (size // len(RECORD)) + b'{"n":"a","v":1}]'


@pytest.mark.parametrize(
    ("encoding", "compress"), [("gzip", gzip.compress), ("zstd", zstd), ("zstd", zstd_without_size)]
)
def test_a_few_hundred_bytes_that_unpack_to_8_megabytes_are_refused_by_their_ratio(encoding, compress):
    raw = compress(pack_of(MAX_BODY_BYTES - 100))
    assert len(raw) < 30_000
    begun = time.thread_time()
    reason, sentence = refusal(raw, encoding)
    assert reason == "too-large"
    assert f"{len(raw)} bytes" in sentence
    assert time.thread_time() - begun < READ_MOST_S / 10


@pytest.mark.parametrize(
    ("encoding", "compress"), [("gzip", gzip.compress), ("zstd", zstd), ("zstd", zstd_without_size)]
)
def test_what_is_short_may_be_all_repetition(encoding, compress):
    body = b"[" + RECORD * 3_999 + b'{"n":"a","v":1}]'
    assert len(body) < RATIO_FREE_BYTES
    raw = compress(body)
    decoded = codec.decode({"content_encoding": encoding}, "readings", "A", raw)
    assert (len(decoded.body), decoded.size) == (4_000, len(body))


def test_a_body_is_held_to_the_length_that_it_says():
    body = b'[{"n":"a","v":1}]' + b" " * 60_000
    for raw in (zstd(body), gzip.compress(body)):
        assert size_said(raw, "zstd" if raw == zstd(body) else "gzip") == len(body)
    packed = gzip.compress(body)
    lie = packed[:-4] + (100).to_bytes(4, "little")
    assert size_said(lie, "gzip") == 100
    assert refusal(lie, "gzip")[0] == "bad-compression"
    assert refusal(zstd(body) + zstd(body), "zstd")[0] == "bad-compression"
    assert refusal(zstd(body)[:-3], "zstd")[0] == "bad-compression"


def test_a_body_with_no_length_or_too_large_a_length_is_estimated_at_the_maximum():
    raw = zstd_without_size(b"x" * 50_000)
    assert size_said(raw, "zstd") == RATIO_FREE_BYTES
    assert size_said(b"\xff" * 10_000, "gzip") == RATIO_MOST * 10_000
    assert size_said(b"\xff" * 200_000, "gzip") == MAX_BODY_BYTES
    assert [size_said(b"no zstd", "zstd"), size_said(b"", "gzip"), size_said(b"12345", "")] == [7, 0, 5]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("readings", b"[" + b"{}," * 2_700_000 + b'{"n":"a","v":1}]'),
        ("readings", pack_of(MAX_BODY_BYTES - 100)),
        ("readings", b'[{"n":"a",' + b'"v":1,' * 1_300_000 + b'"v":1}]'),
        ("detections", b'{"what":"pulse","port":1,"bt":1,"t":[' + b"1," * 4_000_000 + b"1]}"),
    ],
    ids=["empty records", "records", "one field a million times", "times"],
)
def test_a_body_of_millions_of_values_is_refused_before_they_are_made(kind, body):
    assert len(body) <= MAX_BODY_BYTES
    begun = time.thread_time()
    with pytest.raises(MessageRefused) as caught:
        codec.body_decode(codec.contracts.contracts()[kind], body)
    assert caught.value.reason == "too-many-values"
    assert time.thread_time() - begun < READ_MOST_S / 4


def test_the_largest_honest_messages_are_far_from_the_bounds():
    wide = b'{"n":"some/name","t":1700000000.123,"v":21.5,"u":"Cel","ut":3600,"vs":"a text","x":1,"y":[1,2]}'
    pack = b"[" + b",".join([wide] * 5_000) + b"]"
    assert pack.count(b",") < VALUES_MOST / 3
    assert pack.count(b"{") < OBJECTS_MOST / 2
    events = b'{"events":[' + b",".join([b'{"t":1,"name":"a","data":{"a":1,"b":2,"c":3}}'] * 5_000) + b"]}"
    assert events.count(b"{") < OBJECTS_MOST
    assert unpacked(events, "") == events
