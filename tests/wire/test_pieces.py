"""Files over AMQP: old samples of what both sides say stay readable, and what cannot be read is refused."""

from pathlib import Path

import msgspec
import pytest

from message_queue.errors import MessageRefused
from message_queue.pieces import PIECE_MOST, answer_decode, asked_decode, piece_headers, piece_read

SAMPLES = Path(__file__).parent.parent / "wire_samples" / "files"


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_a_sample_is_read_and_written_again(path):
    raw = path.read_bytes()
    read = asked_decode(raw) if path.stem.startswith("upload") else answer_decode(raw)
    assert read is not None
    # The order of fields is that of the library; their values are the sample's.
    assert msgspec.json.decode(msgspec.json.encode(read)) == msgspec.json.decode(raw)


def test_a_piece_is_its_headers_and_its_bytes():
    headers = piece_headers(turn=3, upload="5d0c", offset=131_000)
    assert piece_read(headers, b"abc") == (3, "5d0c", 131_000, b"abc")
    assert piece_read(headers, b"").body == b""


@pytest.mark.parametrize(
    ("changes", "body"),
    [
        ({"upload": 7}, b"x"),
        ({"upload": "x" * 65}, b"x"),
        ({"offset": -1}, b"x"),
        ({"offset": True}, b"x"),
        ({"offset": "0"}, b"x"),
        ({"turn": 1.5}, b"x"),
        ({}, bytes(PIECE_MOST + 1)),
    ],
)
def test_what_is_no_piece_is_refused(changes, body):
    with pytest.raises(MessageRefused):
        piece_read(piece_headers(turn=1, upload="5d0c", offset=0) | changes, body)


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"state":"new"}', b'{"state":"open"}' + b" " * 5_000])
def test_an_answer_that_an_agent_cannot_read_is_passed_over(raw):
    assert answer_decode(raw) is None
