"""Properties that ingest reads by itself are what py-amqp would have read; whatever is unusual is left to py-amqp."""

import struct

import pika
from amqp.basic_message import Message
from amqp.serialization import PROPERTY_CLASSES
from hypothesis import given
from hypothesis import strategies as st

from message_queue import codec
from workers.consumers.properties import usual_properties

SHORT = st.text(max_size=30)
VALUES = st.one_of(
    st.text(max_size=40), st.integers(-(2**63), 2**63 - 1), st.booleans(), st.none(), st.binary(max_size=9),
    st.lists(st.integers(0, 9), max_size=3), st.dictionaries(st.text(max_size=5), st.integers(0, 9), max_size=2),
)  # fmt: skip
PROPERTIES = st.fixed_dictionaries(
    {},
    optional={
        "content_type": SHORT, "content_encoding": SHORT, "delivery_mode": st.integers(1, 2),
        "priority": st.integers(0, 255), "correlation_id": SHORT, "reply_to": SHORT, "expiration": SHORT,
        "message_id": SHORT, "timestamp": st.integers(0, 2**63 - 1), "type": SHORT, "user_id": SHORT, "app_id": SHORT,
        "cluster_id": SHORT, "headers": st.dictionaries(SHORT, VALUES, max_size=8),
    },
)  # fmt: skip
HEAD = b"\x00\x3c\x00\x00" + bytes(8)


def encoded(properties: dict) -> bytes:
    """A content header as pika's publishers send it."""
    return HEAD + b"".join(pika.BasicProperties(**properties).encode())


def theirs(header: bytes) -> dict:
    return PROPERTY_CLASSES[Message.CLASS_ID](header, len(HEAD))[0]


@given(PROPERTIES)
def test_whatever_a_publisher_sends_is_read_as_by_py_amqp(properties):
    header = encoded(properties)
    ours = usual_properties(header, len(HEAD))
    assert ours is None or ours == theirs(header)


@given(PROPERTIES, st.data())
def test_damaged_properties_are_read_as_by_py_amqp_or_left_to_it(properties, data):
    header = bytearray(encoded(properties))
    for at in data.draw(st.lists(st.integers(len(HEAD), len(header) - 1), max_size=3)):
        header[at] = data.draw(st.integers(0, 255))
    header = bytes(header[: data.draw(st.integers(len(HEAD), len(header)))])
    ours = usual_properties(header, len(HEAD))
    assert ours is None or ours == theirs(header)


def test_what_our_agents_send_is_usual():
    fields = codec.headers(version=1, stream="s1", seq=7, oldest=1, next_seq=2**40, run="a1", since=3)
    sent = {
        "content_type": "application/senml+json", "content_encoding": "gzip", "headers": fields, "delivery_mode": 2,
        "message_id": "s1/7", "timestamp": 1_796_000_000, "type": "readings", "user_id": "st.SG-1", "app_id": "agent",
    }  # fmt: skip
    ours = usual_properties(encoded(sent), len(HEAD))
    assert ours == {**{name: value for name, value in sent.items() if name != "headers"}, "application_headers": fields}


def test_flags_that_go_on_and_texts_that_end_too_late_are_left_to_py_amqp():
    assert usual_properties(HEAD + struct.pack(">HH", 0x0001, 0), len(HEAD)) is None
    assert usual_properties(HEAD + struct.pack(">HB", 0x8000, 9) + b"short", len(HEAD)) is None
    assert usual_properties(HEAD, len(HEAD)) is None
